/** Made-up groups and peers, for the tests of this folder. Peers are numbers: see `tests/members/peers.ts`. */
import type { GroupView, PeersView } from "../../src/placement/decide.ts";
import type { FollowerReport } from "../../src/placement/report.ts";
import type { Configuration } from "../../src/raft/entry.ts";
import { idOf, replicaOf } from "../members/peers.ts";

export const CONFIGURATION_INDEX = 17;

export interface GroupWords {
  readonly group?: number;
  readonly leader?: number;
  readonly voters: readonly number[];
  readonly learners?: readonly number[];
  readonly outgoing?: readonly number[];
  readonly wanted: readonly number[];
  readonly preferred?: number;
  /** R; by default 3. */
  readonly replicas?: number;
  /** Followers that the leader does not hear. */
  readonly silent?: readonly number[];
  /** Followers that lack much. */
  readonly behind?: readonly number[];
}

/** The first voter leads, and the first wanted peer is preferred, unless said otherwise. */
export function groupOf(words: GroupWords): GroupView {
  const { voters, learners = [], outgoing = [], wanted, silent = [], behind = [] } = words;
  const leader = words.leader ?? voters[0]!;
  const preferred = words.preferred ?? wanted[0];
  const followers = [...new Set([...voters, ...outgoing, ...learners])]
    .filter((number) => number !== leader)
    .map((number): FollowerReport => ({
      peer: idOf(number),
      active: !silent.includes(number),
      caughtUp: !silent.includes(number) && !behind.includes(number),
      missingEntries: behind.includes(number) ? 9_000 : 0,
    }));
  return {
    group: words.group ?? 5,
    term: 3,
    leader: idOf(leader),
    configuration: configurationOf(voters, learners, outgoing),
    followers,
    wanted: wanted.map(idOf),
    preferredLeader: preferred === undefined ? null : idOf(preferred),
    replicasWanted: words.replicas ?? 3,
  };
}

function configurationOf(
  voters: readonly number[],
  learners: readonly number[],
  outgoing: readonly number[],
): Configuration {
  const replicas = (numbers: readonly number[]) => numbers.map((number) => replicaOf(number));
  return {
    index: CONFIGURATION_INDEX,
    voters: replicas(voters),
    votersOutgoing: replicas(outgoing),
    learners: replicas(learners),
    learnersNext: [],
  };
}

/** All answer and take leadership, but those that are named. */
export function peersBut(
  { away = [], restless = [], dead = [] }: {
    readonly away?: readonly number[];
    readonly restless?: readonly number[];
    readonly dead?: readonly number[];
  } = {},
): PeersView {
  const listed = (numbers: readonly number[], peer: string) => numbers.map(idOf).includes(peer);
  return {
    answers: (peer) => !listed(away, peer) && !listed(dead, peer),
    takesLeadership: (peer) =>
      !listed(away, peer) && !listed(dead, peer) && !listed(restless, peer),
    mayReturn: (peer) => listed(dead, peer),
  };
}
