/**
 * Which replicas there are at this peer, and which may never be again. A replica comes to be in three
 * ways: it was found in storage, it was founded by the formation plan, or the leader of its group speaks to
 * it under an id that is higher than any before. It ends when a committed configuration lacks it, or when
 * its successor comes; what is left is a tombstone, the lowest replica id still allowed.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Envelope } from "../raft/message.ts";
import { Raft } from "../raft/raft.ts";
import type { RecoveredLog } from "../raft/ready.ts";
import type { Random } from "../random.ts";
import type { GroupId } from "../storage/storage.ts";
import { Group, type GroupEdges } from "./group.ts";
import type { GroupMachine } from "./group_machine.ts";
import type { GroupValues } from "./group_values.ts";
import type { Values } from "./values.ts";

/** Raft's timing in ticks. */
export interface RaftTicks {
  readonly electionTicksMin: number;
  readonly electionTicksMax: number;
  readonly heartbeatTicks: number;
}

export interface ReplicasEdges {
  readonly self: PeerId;
  readonly random: Random;
  readonly ticks: RaftTicks;
  readonly group: GroupEdges;
  /** The values of a replica that begins. */
  valuesOf(group: GroupId): GroupValues;
  /** Builds the empty state machine of a group. */
  machineOf(group: GroupId, values: Values): GroupMachine;
  /** A replica came to be. */
  added(group: Group): void;
  /** A replica ended; nothing of it may be written behind its tombstone. */
  buried(group: Group, lowestReplica: number): void;
}

/** The replica id of all founders: see `Replica`. */
const FOUNDING_REPLICA = 1;
/** Quiet heartbeats after which a group goes to sleep, at the least. */
const HIBERNATE_HEARTBEATS_MIN = 10;

export class Replicas {
  readonly #edges: ReplicasEdges;
  readonly #groups = new Map<GroupId, Group>();
  readonly #tombstones = new Map<GroupId, number>();

  constructor(edges: ReplicasEdges) {
    this.#edges = edges;
  }

  get(id: GroupId): Group | undefined {
    return this.#groups.get(id);
  }

  all(): IterableIterator<Group> {
    return this.#groups.values();
  }

  /** @param tombstones group → lowest replica id still allowed, as storage holds them */
  recover(tombstones: ReadonlyMap<GroupId, number>): void {
    for (const [group, lowest] of tombstones) this.#tombstones.set(group, lowest);
  }

  add(id: GroupId, replica: number, log: RecoveredLog): Group {
    assert(!this.#groups.has(id), `group ${id} is started once`);
    const values = this.#edges.valuesOf(id);
    const machine = this.#edges.machineOf(id, values);
    const raft = this.#makeRaft(replica, log);
    const edges = this.#edges.group;
    const group = new Group(id, replica, raft, machine, values, edges, log.snapshot);
    this.#groups.set(id, group);
    this.#edges.added(group);
    return group;
  }

  #makeRaft(replica: number, log: RecoveredLog): Raft {
    return new Raft({
      self: { peer: this.#edges.self, replica },
      log,
      ...this.#edges.ticks,
      hibernateHeartbeats: hibernateHeartbeats(this.#edges.ticks),
      appendBytesMax: LIMITS.appendBytesMax,
      inflightMessagesMax: LIMITS.inflightMessagesMax,
      inflightBytesMax: LIMITS.inflightBytesMax,
      uncommittedBytesMax: LIMITS.uncommittedBytesMax,
      applyBytesMax: LIMITS.applyBytesMax,
      logMemoryBytesMax: LIMITS.logMemoryBytesMax,
      pendingReadsMax: LIMITS.pendingReadsMax,
      snapshotChunkBytesMax: LIMITS.snapshotChunkBytesMax,
      random: this.#edges.random,
    });
  }

  /** @returns the replica that this message is for, which may come to be by it; null where there is none */
  addressee(id: GroupId, envelope: Envelope): Group | null {
    const { replica } = envelope.to;
    const present = this.#groups.get(id);
    if (present !== undefined && replica <= present.replica) {
      // Replica 0: the sender does not know the id, and the core decides.
      return replica === 0 || replica === present.replica ? present : null;
    }
    return this.#mayBegin(id, envelope) ? this.#replace(present, id, replica) : null;
  }

  /** Founding replicas come to be with the formation plan and in no other way. */
  #mayBegin(id: GroupId, { to, body }: Envelope): boolean {
    const speaksToLearner = body.kind === "append" || body.kind === "heartbeat" ||
      body.kind === "snapshotOffer";
    return speaksToLearner && id < LIMITS.groupsMax && to.replica > FOUNDING_REPLICA &&
      to.replica >= (this.#tombstones.get(id) ?? 0);
  }

  /** The new replica is empty and without a vote. */
  #replace(former: Group | undefined, id: GroupId, replica: number): Group {
    if (former !== undefined) this.bury(former, replica);
    return this.add(id, replica, EMPTY_LOG);
  }

  /** Ends a replica for ever: only replica ids from `lowestReplica` on may come to be again. */
  bury(group: Group, lowestReplica: number): void {
    assert(lowestReplica > group.replica, `replica ${group.replica} may not come back`);
    group.end();
    this.#groups.delete(group.id);
    this.#tombstones.set(group.id, lowestReplica);
    this.#edges.buried(group, lowestReplica);
  }

  /** The host stops; all may come back with the next one. */
  endAll(): void {
    for (const group of this.#groups.values()) group.end();
  }
}

/**
 * A leader that woke because it no longer hears its followers takes them for alive until an election timeout
 * has passed. It must not sleep before: it would wake again, and so on, and never step down.
 */
function hibernateHeartbeats({ electionTicksMax, heartbeatTicks }: RaftTicks): number {
  return Math.max(HIBERNATE_HEARTBEATS_MIN, Math.ceil(electionTicksMax / heartbeatTicks) + 1);
}

const EMPTY_LOG: RecoveredLog = {
  hardState: { term: 0, votedFor: null, commitIndex: 0 },
  snapshot: null,
  configuration: { index: 0, voters: [], votersOutgoing: [], learners: [], learnersNext: [] },
  terms: [],
  lastIndex: 0,
  lastTimeMs: 0,
  configurationEntries: [],
};
