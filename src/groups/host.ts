/**
 * The host of all Raft groups at one peer. It ticks them, writes what they must not forget in one
 * batch, sends what they say in one frame a peer, and brings back what storage and network answer. One
 * turn of the host (`#turn`) pumps every group that changed; turns run as microtasks, so that whatever
 * arrives together is written and sent together. After a failed write it is of no more use: it answers
 * nobody and promises nothing, until the peer opens the storage anew and builds another host.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { Transport } from "../net/transport.ts";
import type { PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { Envelope } from "../raft/message.ts";
import { Raft } from "../raft/raft.ts";
import type { RecoveredLog } from "../raft/ready.ts";
import type { Random } from "../random.ts";
import {
  type GroupId,
  type Recovered,
  type RecoveredGroup,
  type Storage,
  StorageFailedError,
} from "../storage/storage.ts";
import { Expiry } from "./expiry.ts";
import { Group, type GroupEdges } from "./group.ts";
import type { GroupMachine } from "./group_machine.ts";
import { Outbox, RAFT_TOPIC } from "./outbox.ts";
import { PeerHeartbeats } from "./peer_heartbeats.ts";
import { type SnapshotPolicy, Snapshots } from "./snapshots.ts";
import { Ticker, TICKS_PER_HEARTBEAT } from "./ticker.ts";
import { decodeGroupMessage } from "./wire.ts";
import { WriteBatch } from "./write_batch.ts";

export interface Timing extends SnapshotPolicy {
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  readonly heartbeatMs: number;
}

export interface HostEdges {
  readonly self: PeerId;
  /** New at every start, and at every reopening of the storage. */
  readonly bootId: string;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Builds the empty state machine of a group. */
  machineOf(group: GroupId): GroupMachine;
  /** A replica came to be at this peer: found at start, founded, or added by the group's leader. */
  added(group: Group): void;
  /** The storage failed: nothing more is promised. Called once. */
  failed(error: StorageFailedError): void;
  /** A bug: the peer must stop. */
  fatal(error: unknown): void;
  /** This peer's replica of the group was removed for good. */
  removed(group: GroupId): void;
}

/** Quiet heartbeats after which a group goes to sleep. */
const HIBERNATE_HEARTBEATS = 10;

export class Host {
  readonly #edges: HostEdges;
  readonly #timing: Timing;
  readonly #groups = new Map<GroupId, Group>();
  readonly #tombstones = new Map<GroupId, number>();
  readonly #dirty = new Set<Group>();
  readonly #outbox = new Outbox();
  readonly #batch = new WriteBatch();
  readonly #snapshots: Snapshots;
  readonly #heartbeats: PeerHeartbeats;
  readonly #ticker: Ticker;
  readonly #expiry: Expiry;
  readonly #groupEdges: GroupEdges;
  #turnScheduled = false;
  #stopped = false;
  #malformedMessages = 0;

  constructor(edges: HostEdges, timing: Timing) {
    this.#edges = edges;
    this.#timing = timing;
    this.#snapshots = new Snapshots(edges.storage, edges.clock, timing);
    this.#groupEdges = this.#makeGroupEdges();
    this.#heartbeats = new PeerHeartbeats(timing.electionTimeoutMinMs, {
      self: edges.self,
      bootId: edges.bootId,
      nowMs: () => edges.clock.monotonicMs(),
      groups: () => this.#groups.values(),
      group: (id) => this.#groups.get(id),
      send: (to, topic, body) => void edges.transport.send(to, topic, body),
      wake: (group, elapsedMs) => this.#wake(group, elapsedMs),
    });
    this.#ticker = new Ticker(edges.clock, timing.heartbeatMs, {
      awake: () => [...this.groups()].some(({ raft }) => !raft.asleep),
      tick: () => this.#tick(),
      heartbeat: () => this.#heartbeats.beat(edges.transport.peers().map((peer) => peer.id)),
    });
    this.#expiry = new Expiry(edges.clock, () => this.groups());
  }

  /** Brings every recovered group back, with its machine loaded, and begins to tick. */
  async start(recovered: Recovered): Promise<void> {
    for (const [group, lowest] of recovered.tombstones) this.#tombstones.set(group, lowest);
    for (const found of recovered.groups) await this.#bringBack(found);
    this.#ticker.start();
  }

  async #bringBack(found: RecoveredGroup): Promise<void> {
    const group = this.#add(found.group, found.replica, found);
    if (found.snapshot !== null) {
      await this.#snapshots.load(group, found.snapshot);
      group.appliedTerm = found.snapshot.term;
      group.clock.atLeast(group.machine.timeMs, this.#edges.clock.monotonicMs());
    }
    this.#markDirty(group);
  }

  /**
   * Starts a group whose foundation was made durable just now.
   * @param campaign whether this peer is to lead it: it stands at once, without waiting for a timeout
   */
  found(group: RecoveredGroup, campaign: boolean): void {
    const started = this.#add(group.group, group.replica, group);
    if (campaign) started.raft.campaign(true);
    this.#markDirty(started);
  }

  #add(id: GroupId, replica: number, log: RecoveredLog): Group {
    assert(!this.#groups.has(id), `group ${id} is started once`);
    const raft = new Raft({
      self: { peer: this.#edges.self, replica },
      log,
      electionTicksMin: Math.ceil(this.#timing.electionTimeoutMinMs / this.#ticker.tickMs),
      electionTicksMax: Math.ceil(this.#timing.electionTimeoutMaxMs / this.#ticker.tickMs),
      heartbeatTicks: TICKS_PER_HEARTBEAT,
      hibernateHeartbeats: HIBERNATE_HEARTBEATS,
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
    const group = new Group(id, replica, raft, this.#edges.machineOf(id), this.#groupEdges);
    this.#groups.set(id, group);
    this.#edges.added(group);
    return group;
  }

  group(id: GroupId): Group | undefined {
    return this.#groups.get(id);
  }

  groups(): IterableIterator<Group> {
    return this.#groups.values();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get malformedMessages(): number {
    return this.#malformedMessages;
  }

  // ---- what arrives

  peerConnected(peer: PeerId): void {
    this.#heartbeats.connected(peer);
  }

  /** A one-way message of another peer. What does not have the form is counted and dropped. */
  receive(from: PeerId, topic: string, body: unknown): void {
    if (this.#stopped) return;
    const sound = topic === RAFT_TOPIC
      ? this.#receiveRaft(from, body)
      : this.#heartbeats.receive(from, topic, body);
    if (!sound) this.#malformedMessages++;
  }

  #receiveRaft(from: PeerId, body: unknown): boolean {
    if (!Array.isArray(body)) return false;
    let sound = true;
    for (const value of body) {
      const message = decodeGroupMessage(value, from, this.#edges.self);
      if (message === null) sound = false;
      else this.#step(message.group, message.envelope, message.timeMs);
    }
    return sound;
  }

  #step(id: GroupId, envelope: Envelope, timeMs: number): void {
    let group = this.#groups.get(id);
    if (group === undefined || group.replica < envelope.to.replica) {
      group = this.#renew(id, envelope) ?? group;
    }
    if (group === undefined) return;
    if (group.raft.asleep && !group.leads) {
      this.#wake(group, this.#heartbeats.elapsedMs(group.raft.leader));
    }
    group.step(envelope, timeMs);
  }

  /** A leader speaks to a replica that is not here yet: it comes to be, empty and without a vote. */
  #renew(id: GroupId, { to, body }: Envelope): Group | null {
    const speaksToLearner = body.kind === "append" || body.kind === "heartbeat" ||
      body.kind === "snapshotOffer";
    // Founding replicas come to be with the formation plan and in no other way.
    if (!speaksToLearner || to.replica <= FOUNDING_REPLICA) return null;
    if (to.replica < (this.#tombstones.get(id) ?? 0)) return null;
    const former = this.#groups.get(id);
    if (former !== undefined) this.#bury(former, to.replica);
    return this.#add(id, to.replica, EMPTY_LOG);
  }

  /** Ends a replica for ever: only replica ids from `lowestReplica` on may come to be again. */
  #bury(group: Group, lowestReplica: number): void {
    this.#groups.delete(group.id);
    this.#dirty.delete(group);
    this.#batch.drop(group);
    group.abandon();
    this.#tombstones.set(group.id, lowestReplica);
    this.#batch.addRecord({ kind: "tombstone", group: group.id, lowestReplica });
    this.#scheduleTurn();
  }

  // ---- turns

  #makeGroupEdges(): GroupEdges {
    return {
      clock: this.#edges.clock,
      self: this.#edges.self,
      dirty: (group) => this.#markDirty(group),
      send: (group, envelope) => {
        const timeMs = group.leads ? group.timeMs() : -1;
        this.#outbox.add({ group: group.id, timeMs, envelope });
      },
      persist: (group, persist) => this.#batch.add(group, persist),
      fetch: (group, { id, fromIndex, toIndex, bytesMax }) => {
        const reading = this.#edges.storage.readEntries(group.id, fromIndex, toIndex, bytesMax)
          .then((entries) => group.raft.fetched(id, entries));
        this.#own(group, reading);
      },
      readSnapshot: (group, read) => this.#own(group, this.#snapshots.read(group, read)),
      storeSnapshot: (group, part) => this.#own(group, this.#snapshots.store(group, part)),
      restore: (group, snapshot) => this.#own(group, this.#restore(group, snapshot)),
      removed: (group) => {
        this.#bury(group, group.replica + 1);
        this.#edges.removed(group.id);
      },
      mayPropose: () => !this.#batch.writing,
    };
  }

  /** Owns a promise of the storage's: what it brought is pumped, what failed ends this host. */
  #own(group: Group, work: Promise<void>): void {
    work.then(() => this.#markDirty(group), (error) => this.#workFailed(error));
  }

  #workFailed(error: unknown): void {
    if (this.#stopped) return;
    if (!(error instanceof StorageFailedError)) {
      this.#edges.fatal(error);
      return;
    }
    this.halt();
    this.#edges.failed(error);
  }

  async #restore(group: Group, snapshot: SnapshotMeta): Promise<void> {
    await this.#batch.settled(group);
    await this.#snapshots.load(group, snapshot);
    if (this.#groups.get(group.id) === group) group.restored(snapshot);
  }

  #markDirty(group: Group): void {
    if (this.#stopped) return;
    this.#dirty.add(group);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    queueMicrotask(() => {
      this.#turnScheduled = false;
      if (this.#stopped) return;
      try {
        this.#turn();
      } catch (error) {
        this.halt();
        this.#edges.fatal(error);
      }
    });
  }

  #turn(): void {
    // A group that gets dirty while others are pumped is visited too: a Set's iteration reaches it.
    for (const group of this.#dirty) {
      this.#dirty.delete(group);
      group.pump();
      this.#considerSnapshot(group);
    }
    this.#outbox.flush(this.#edges.transport);
    if (!this.#batch.empty) this.#write();
    this.#expiry.arm();
  }

  #write(): void {
    const written = this.#batch.take();
    this.#edges.storage.append(written.records).then(() => {
      if (this.#stopped) return;
      this.#batch.durable(written);
      for (const group of this.#groups.values()) {
        if (group.waitingProposals > 0) this.#markDirty(group);
      }
      for (const group of written.tokens.keys()) this.#markDirty(group);
    }).catch((error) => this.#workFailed(error));
  }

  #considerSnapshot(group: Group): void {
    const durableIndex = this.#batch.durableIndex(group);
    if (!this.#snapshots.due(group, durableIndex)) return;
    this.#own(group, this.#snapshots.take(group, durableIndex).then(() => {}));
  }

  /** @returns the snapshot in force afterwards; null where nothing was ever applied */
  takeSnapshot(group: Group): Promise<SnapshotMeta | null> {
    return this.#snapshots.take(group, this.#batch.durableIndex(group));
  }

  // ---- time

  #wake(group: Group, elapsedMs: number): void {
    if (!group.raft.asleep) return;
    group.raft.wake(Math.floor(elapsedMs / this.#ticker.tickMs));
    this.#markDirty(group);
    this.#ticker.hurry();
  }

  #tick(): void {
    for (const group of this.#groups.values()) {
      if (group.raft.asleep) continue;
      group.raft.tick();
      if (group.raft.hasReady()) this.#markDirty(group);
    }
  }

  /** The core of a group was called from outside of a turn. */
  changed(group: Group): void {
    this.#markDirty(group);
  }

  // ---- the end

  /** Stops at once and tells whoever waits. Nothing is promised, sent or written after this. */
  halt(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ticker.stop();
    this.#expiry.stop();
    for (const group of this.#groups.values()) group.abandon();
  }

  checkInvariants(): void {
    for (const group of this.#groups.values()) {
      group.raft.checkInvariants();
      group.machine.checkInvariants();
    }
  }
}

/** The replica id of all founders: see `Replica`. */
const FOUNDING_REPLICA = 1;

const EMPTY_LOG: RecoveredLog = {
  hardState: { term: 0, votedFor: null, commitIndex: 0 },
  snapshot: null,
  configuration: { index: 0, voters: [], votersOutgoing: [], learners: [], learnersNext: [] },
  terms: [],
  lastIndex: 0,
  lastTimeMs: 0,
  configurationEntries: [],
};

/** For callers that find no such group here. */
export function unknownGroup(group: GroupId): SkeinError {
  return new SkeinError("NOT_FOUND", `no group ${group} at this peer`, { group });
}
