/**
 * Replicas here that were taken out of their groups while their peer was away: nobody speaks to them any more,
 * so nobody tells them; or that were to be added by an entry which never was committed. One that has had no leader
 * for a while asks the other peers, and ends where one of them has committed past its beginning and is without it: a
 * replica's id is the index of the entry that added it, and comes only once. It does not matter who has that proof.
 *
 * Not the system group's: who is no member any more learns that by asking to be added.
 */
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId, Replica } from "../raft/entry.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import { FORGOTTEN_METHOD } from "./leader_requests.ts";

export interface ForgottenReplicasEdges {
  readonly self: PeerId;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly deadlines: Deadlines;
  /** How long a replica has no leader before it asks, and from one question to the next. */
  readonly patienceMs: number;
  groups(): Iterable<Group>;
  group(id: GroupId): Group | undefined;
  /** The replica is none of its group any more. */
  end(group: Group): void;
}

/** Replicas that one question names; the others are asked about later. */
const ASKED_MAX = 256;
const ANSWER_MS = 2_000;

export class ForgottenReplicas {
  readonly #edges: ForgottenReplicasEdges;
  #next: Deadline | null = null;
  /** Those that had no leader at the last look. */
  #leaderless: ReadonlySet<Group> = new Set();
  #closed = false;

  constructor(edges: ForgottenReplicasEdges) {
    this.#edges = edges;
  }

  /** A replica came to be here, or its leader has changed. */
  changed(id: GroupId): void {
    const group = this.#edges.group(id);
    if (group !== undefined && isLeaderless(group)) this.#lookLater();
  }

  #lookLater(): void {
    if (this.#next !== null || this.#closed) return;
    this.#next = this.#edges.deadlines.arm(this.#edges.patienceMs, () => {
      this.#next = null;
      if (!this.#closed) this.#look();
    });
  }

  #look(): void {
    const { self, transport } = this.#edges;
    const leaderless = [...this.#edges.groups()].filter(isLeaderless);
    const asked = leaderless.filter((group) => this.#leaderless.has(group)).slice(0, ASKED_MAX);
    this.#leaderless = new Set(leaderless);
    if (leaderless.length > 0) this.#lookLater();
    if (asked.length === 0) return;
    const body = [self, asked.map(({ id, replica }) => [id, replica])];
    for (const { id } of transport.peers()) {
      transport.request(id, FORGOTTEN_METHOD, body, ANSWER_MS).then(
        (answer) => this.#answered(asked, answer),
        (error) => {
          if (!(error instanceof RequestError)) throw error;
        },
      );
    }
  }

  /** What is not a list of groups that were asked about changes nothing. */
  #answered(asked: readonly Group[], answer: unknown): void {
    if (this.#closed || !Array.isArray(answer)) return;
    for (const group of asked) {
      const isHere = !group.ended && this.#edges.group(group.id) === group;
      if (isHere && answer.includes(group.id)) this.#edges.end(group);
    }
  }

  /** The end: nobody is asked any more. */
  close(): void {
    this.#closed = true;
  }
}

/** What a peer answers to `FORGOTTEN_METHOD`: which groups have gone on without these replicas, for certain. */
export function forgottenGroups(
  peer: PeerId,
  replicas: readonly (readonly [GroupId, number])[],
  find: (id: GroupId) => Pick<Group, "status"> | undefined,
): readonly GroupId[] {
  return replicas.filter(([id, replica]) => {
    const group = find(id);
    return group !== undefined && hasGoneOnWithout(group, { peer, replica });
  }).map(([id]) => id);
}

/** @returns null where it is no such question */
export function parseForgotten(
  [peer, pairs]: readonly unknown[],
): { readonly peer: PeerId; readonly replicas: readonly [GroupId, number][] } | null {
  if (typeof peer !== "string" || !Array.isArray(pairs) || pairs.length > ASKED_MAX) return null;
  const replicas: [GroupId, number][] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair)) return null;
    const [id, replica] = pair;
    if (!Number.isSafeInteger(id) || id < 1 || id >= LIMITS.groupsMax) return null;
    if (!Number.isSafeInteger(replica) || replica < 1) return null;
    replicas.push([id, replica]);
  }
  return { peer, replicas };
}

function hasGoneOnWithout(group: Pick<Group, "status">, { peer, replica }: Replica): boolean {
  const { configuration, commitIndex } = group.status();
  const { index, voters, votersOutgoing, learners } = configuration;
  if (index > commitIndex || commitIndex < replica) return false;
  return ![...voters, ...votersOutgoing, ...learners].some((other) =>
    other.peer === peer && other.replica === replica
  );
}

function isLeaderless({ id, raft }: Group): boolean {
  return id !== 0 && raft.leader === null;
}
