/**
 * The whole of the partitions, put together from what the peers report. Pure. Reports that were computed
 * with other members than the driver's are believed in who leads, and in nothing else: what they say of
 * deviations is old, or too new.
 */
import type { Wanted } from "../members/wanted.ts";
import type { PeerId } from "../raft/entry.ts";
import { type GroupView, type PeersView, surplusVoter } from "./decide.ts";
import type { Move, PlacementView } from "./placement_view.ts";
import type { LedGroup, Report } from "./report.ts";

export interface Looked {
  readonly driver: PeerId;
  readonly revision: number;
  readonly wanted: Wanted;
  /** Of the peers that answered. */
  readonly reports: ReadonlyMap<PeerId, Report>;
  readonly peers: PeersView;
  /** Partitions that were without a leader at every look for long enough to say so. */
  readonly isLost: (partition: number) => boolean;
}

export interface Picture {
  /** Partitions that are not as wanted, by their leaders' reports. */
  readonly deviating: readonly GroupView[];
  /** Who votes in each partition that has a leader. */
  readonly voters: ReadonlyMap<number, readonly PeerId[]>;
  /**
   * Partitions that nobody who answers leads, nor knows a leader of; with their voters, as far as a replica
   * that answers knows them.
   */
  readonly leaderless: ReadonlyMap<number, readonly PeerId[]>;
  /**
   * False where a report was left out, or was too long, or a leader did not answer: `voters` may be what is wanted, not
   * what is.
   */
  readonly complete: boolean;
  readonly view: PlacementView;
}

export function pictureOf(looked: Looked): Picture {
  const { driver, revision, reports, peers, isLost } = looked;
  const deviating = deviatingOf(looked);
  const leaderless = leaderlessOf(looked);
  const voters = votersOf(looked, deviating, leaderless);
  const all = [...reports.values()];
  const hidden = all.reduce((sum, { more }) => sum + more, 0);
  const leaders = leadersOf(looked);
  const view = {
    driver,
    leaders,
    ...countReplicas(looked, voters),
    held: heldBy(deviating, voters, leaderless),
    deviating: deviating.length + hidden,
    moves: deviating.flatMap((group) => movesOf(group, peers)),
    unavailable: [...leaderless].filter(([partition]) => isLost(partition))
      .map(([partition, replicas]) => {
        const answering = replicas.filter((peer) => peers.answers(peer));
        return { partition, replicas, answering };
      }),
  };
  const isOurs = (report: Report) => report.revision === null || report.revision === revision;
  const hasAnswered = leaders.every((leader, at) => leader !== null || leaderless.has(at + 1));
  const complete = hidden === 0 && all.every(isOurs) && hasAnswered;
  return { deviating, voters, leaderless, complete, view };
}

function votersOf(
  { wanted }: Looked,
  deviating: readonly GroupView[],
  leaderless: ReadonlyMap<number, unknown>,
): ReadonlyMap<number, readonly PeerId[]> {
  const voters = new Map<number, readonly PeerId[]>();
  for (const { partition, replicas } of wanted.placements) {
    if (!leaderless.has(partition)) voters.set(partition, replicas.map(({ id }) => id));
  }
  for (const { group, configuration } of deviating) {
    voters.set(group, configuration.voters.map(({ peer }) => peer));
  }
  return voters;
}

/**
 * The dead are wanted as well: what lay on them is missing until it is built elsewhere, or they are back. Where a
 * replica lies does not matter here, so that a move from one peer to another leaves nothing missing.
 */
function countReplicas({ wanted, peers }: Looked, voters: Picture["voters"]) {
  const alive = wanted.ring.owners;
  const dead = wanted.ring.peers.filter(({ id }) => peers.mayReturn(id)).length;
  const each = Math.min(wanted.replicas, alive + dead);
  let replicasPresent = 0;
  for (const list of voters.values()) {
    let answering = 0;
    for (const peer of list) if (peers.answers(peer)) answering++;
    replicasPresent += Math.min(each, answering);
  }
  return { replicasWanted: wanted.placements.length * each, replicasPresent };
}

function leadersOf({ wanted, reports }: Looked): (PeerId | null)[] {
  const leaders: (PeerId | null)[] = wanted.placements.map(() => null);
  for (const [peer, { leads }] of reports) {
    for (const partition of leads) if (partition <= leaders.length) leaders[partition - 1] = peer;
  }
  return leaders;
}

function heldBy(
  deviating: readonly GroupView[],
  voters: Picture["voters"],
  leaderless: Picture["leaderless"],
): ReadonlyMap<PeerId, number> {
  const held = new Map<PeerId, number>();
  const learners = deviating.map(({ configuration }) => configuration.learners.map((r) => r.peer));
  for (const peers of [...voters.values(), ...leaderless.values(), ...learners]) {
    for (const peer of peers) held.set(peer, (held.get(peer) ?? 0) + 1);
  }
  return held;
}

/** Of two that say they lead a group, the one of the higher term does. */
function deviatingOf({ revision, wanted, reports }: Looked): readonly GroupView[] {
  const found = new Map<number, LedGroup & { readonly leader: PeerId }>();
  for (const [leader, report] of reports) {
    if (report.revision !== null && report.revision !== revision) continue;
    for (const group of report.deviating) {
      const other = found.get(group.group);
      if (other === undefined || other.term < group.term) {
        found.set(group.group, { ...group, leader });
      }
    }
  }
  const views: GroupView[] = [];
  for (const group of found.values()) {
    const placement = wanted.placements[group.group - 1];
    if (placement === undefined) continue;
    const { replicas, leader } = placement;
    const ids = replicas.map(({ id }) => id);
    const preferredLeader = leader?.id ?? null;
    views.push({ ...group, wanted: ids, preferredLeader, replicasWanted: wanted.replicas });
  }
  return views.sort((a, b) => a.group - b.group);
}

function leaderlessOf({ wanted, reports }: Looked): ReadonlyMap<number, readonly PeerId[]> {
  const { length } = wanted.placements;
  const isKnown = new Uint8Array(length + 1);
  for (const { knows } of reports.values()) for (const group of knows) isKnown[group] = 1;
  const voters = new Map<number, Set<PeerId>>();
  for (let partition = 1; partition <= length; partition++) {
    if (isKnown[partition] === 0) voters.set(partition, new Set());
  }
  for (const { leaderless } of reports.values()) {
    for (const { group, voters: known } of leaderless) {
      for (const peer of known) voters.get(group)?.add(peer);
    }
  }
  return new Map([...voters].map(([partition, peers]) => [partition, [...peers]]));
}

function movesOf(group: GroupView, peers: PeersView): readonly Move[] {
  return group.configuration.learners.filter(({ peer }) => group.wanted.includes(peer))
    .map(({ peer }) => ({
      partition: group.group,
      from: surplusVoter(group, peers),
      to: peer,
      missingEntries: group.followers.find((follower) => follower.peer === peer)?.missingEntries ??
        0,
    }));
}
