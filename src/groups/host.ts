/**
 * The host of all Raft groups at one peer. It ticks them, writes what they must not forget in one
 * batch, sends what they say in one frame a peer, and brings back what storage and network answer. One
 * turn of the host (`#turn`) pumps every group that changed; turns run as microtasks, so that whatever
 * arrives together is written and sent together. After a failed write it is of no more use: it answers
 * nobody and promises nothing, until the peer opens the storage anew and builds another host.
 */
import { type Clock, momentOf } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Transport } from "../net/transport.ts";
import { isSoleVoter } from "../raft/configuration.ts";
import type { PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { Random } from "../random.ts";
import {
  type GroupId,
  type Recovered,
  type RecoveredGroup,
  type Storage,
  StorageFailedError,
} from "../storage/storage.ts";
import { Expiry } from "./expiry.ts";
import type { Group, GroupEdges } from "./group.ts";
import type { GroupMachine } from "./group_machine.ts";
import { GroupValues } from "./group_values.ts";
import { Outbox, RAFT_TOPIC } from "./outbox.ts";
import { PeerHeartbeats } from "./peer_heartbeats.ts";
import { type RaftTicks, Replicas } from "./replicas.ts";
import type { SnapshotPolicy } from "./snapshots.ts";
import { StorageWork } from "./storage_work.ts";
import { Ticker, TICKS_PER_HEARTBEAT } from "./ticker.ts";
import type { Values } from "./values.ts";
import { decodeGroupMessage, type GroupMessage } from "./wire.ts";

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
  /**
   * Builds the empty state machine of a group.
   * @param values where its machines may keep large bytes; services read them by `Group.values`
   */
  machineOf(group: GroupId, values: Values): GroupMachine;
  /**
   * A replica came to be at this peer: found at start, founded, or added by the group's leader. Nothing
   * was applied to it yet: who listens from now on misses nothing.
   */
  added(group: Group): void;
  /** The storage failed: nothing more is promised. Called once. */
  failed(error: StorageFailedError): void;
  /** A bug: the peer must stop. The host has. */
  fatal(error: unknown): void;
  /** This peer's replica of the group was removed for good. */
  removed(group: GroupId): void;
}

export class Host {
  readonly #edges: HostEdges;
  readonly #replicas: Replicas;
  readonly #work: StorageWork;
  readonly #dirty = new Set<Group>();
  readonly #outbox = new Outbox();
  readonly #heartbeats: PeerHeartbeats;
  readonly #ticker: Ticker;
  readonly #expiry: Expiry;
  #turnScheduled = false;
  #beatDue = false;
  #started = false;
  #stopped = false;
  #malformedMessages = 0;

  constructor(edges: HostEdges, timing: Timing) {
    this.#edges = edges;
    this.#ticker = this.#makeTicker(timing);
    this.#replicas = this.#makeReplicas(ticksOf(timing, this.#ticker.tickMs));
    this.#work = new StorageWork({
      storage: edges.storage,
      clock: edges.clock,
      done: (group) => this.#markDirty(group),
      written: () => this.#proposeWaiting(),
      damaged: (group, error) => {
        edges.logger.log("error", error.message, { group: group.id });
      },
      failed: (error) => this.#fail(error),
    }, timing);
    this.#heartbeats = new PeerHeartbeats(timing.electionTimeoutMinMs, {
      self: edges.self,
      bootId: edges.bootId,
      nowMs: () => edges.clock.monotonicMs(),
      now: () => momentOf(edges.clock),
      groups: () => this.#replicas.all(),
      group: (id) => this.#replicas.get(id),
      send: (to, topic, body) => void edges.transport.send(to, topic, body),
      wake: (group, elapsedMs) => this.#wake(group, elapsedMs),
    });
    this.#expiry = new Expiry(edges.clock, () => this.groups());
  }

  #makeTicker({ heartbeatMs }: Timing): Ticker {
    const { clock } = this.#edges;
    return new Ticker(clock, heartbeatMs, {
      awake: () => [...this.groups()].some(({ raft }) => !raft.asleep),
      tick: () => this.#guard(() => this.#tick()),
      heartbeat: () => this.#guard(() => this.#heartbeat()),
    });
  }

  #makeReplicas(ticks: RaftTicks): Replicas {
    const { self, random } = this.#edges;
    return new Replicas({
      self,
      random,
      ticks,
      group: this.#groupEdges(),
      valuesOf: (group) => new GroupValues(this.#edges.storage, group),
      machineOf: (group, values) => this.#edges.machineOf(group, values),
      added: (group) => this.#edges.added(group),
      buried: (group, lowestReplica) => {
        this.#dirty.delete(group);
        this.#work.bury(group, lowestReplica);
        this.#scheduleTurn();
      },
    });
  }

  #groupEdges(): GroupEdges {
    return {
      clock: this.#edges.clock,
      self: this.#edges.self,
      dirty: (group) => this.#markDirty(group),
      send: (group, envelope) => {
        const timeMs = group.leads ? group.timeMs() : -1;
        this.#outbox.add({ group: group.id, timeMs, envelope });
      },
      persist: (group, persist) => this.#work.persist(group, persist),
      fetch: (group, fetch) => this.#work.readEntries(group, fetch),
      readSnapshot: (group, read) => this.#work.readSnapshot(group, read),
      storeSnapshot: (group, part) => this.#work.storeSnapshot(group, part),
      restore: (group, snapshot) => this.#work.restore(group, snapshot),
      removed: (group) => this.bury(group),
      mayPropose: () => !this.#work.writing,
    };
  }

  // ---- what there is

  /** Brings every recovered group back, with its machine loaded, and begins to tick and to listen. */
  async start(recovered: Recovered): Promise<void> {
    this.#replicas.recover(recovered.tombstones);
    for (const found of recovered.groups) await this.#bringBack(found);
    this.#started = true;
    if (!this.#stopped) this.#ticker.start();
  }

  async #bringBack(found: RecoveredGroup): Promise<void> {
    const group = this.#replicas.add(found.group, found.replica, found);
    if (found.snapshot !== null) await this.#work.load(group, found.snapshot);
    const { self } = this.#edges;
    // Nobody else's vote is needed, so there is no leader that an election timeout could wait for.
    if (isSoleVoter(group.raft.configuration, { peer: self, replica: group.replica })) {
      group.raft.campaign(true);
    }
    this.#markDirty(group);
  }

  /**
   * Starts a group whose foundation was made durable just now.
   * @param campaign whether this peer is to lead it: it stands at once, without waiting for a timeout
   */
  found(group: RecoveredGroup, campaign: boolean): void {
    const started = this.#replicas.add(group.group, group.replica, group);
    if (campaign) started.raft.campaign(true);
    this.#markDirty(started);
  }

  group(id: GroupId): Group | undefined {
    return this.#replicas.get(id);
  }

  groups(): IterableIterator<Group> {
    return this.#replicas.all();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Ends a replica for good: a committed configuration of its group lacks it. */
  bury(group: Group): void {
    this.#replicas.bury(group, group.replica + 1);
    this.#edges.removed(group.id);
  }

  // ---- what arrives

  get malformedMessages(): number {
    return this.#malformedMessages;
  }

  peerConnected(peer: PeerId): void {
    this.#heartbeats.connected(peer);
  }

  /**
   * A one-way message of another peer. What does not have the form is counted and dropped. Before all
   * groups are back nothing is heard: a group that is not loaded yet would seem to be a new one.
   */
  receive(from: PeerId, topic: string, body: unknown): void {
    if (this.#stopped || !this.#started) return;
    this.#guard(() => {
      const sound = topic === RAFT_TOPIC
        ? this.#receiveRaft(from, body)
        : this.#heartbeats.receive(from, topic, body);
      if (!sound) this.#malformedMessages++;
    });
  }

  #receiveRaft(from: PeerId, body: unknown): boolean {
    if (!Array.isArray(body)) return false;
    let sound = true;
    for (const value of body) {
      const message = decodeGroupMessage(value, from, this.#edges.self);
      if (message === null) sound = false;
      else this.#step(message);
    }
    return sound;
  }

  #step({ group: id, envelope, timeMs }: GroupMessage): void {
    const group = this.#replicas.addressee(id, envelope);
    if (group === null) return;
    if (!group.leads) this.#wake(group, this.#heartbeats.elapsedMs(group.raft.leader));
    group.step(envelope, timeMs);
  }

  // ---- turns

  /** The core of a group was called from outside of a turn. */
  changed(group: Group): void {
    this.#markDirty(group);
  }

  #markDirty(group: Group): void {
    if (this.#stopped || group.ended) return;
    this.#dirty.add(group);
    this.#scheduleTurn();
  }

  #proposeWaiting(): void {
    for (const group of this.groups()) if (group.hasWaitingProposals) this.#markDirty(group);
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    queueMicrotask(() => {
      this.#turnScheduled = false;
      if (!this.#stopped) this.#guard(() => this.#turn());
    });
  }

  #turn(): void {
    // A group that gets dirty while others are pumped is visited too: a Set's iteration reaches it.
    for (const group of this.#dirty) {
      this.#dirty.delete(group);
      group.pump();
      if (group.ended) continue;
      this.#work.consider(group);
      if (!group.raft.asleep) this.#ticker.hurry();
    }
    this.#outbox.flush(this.#edges.transport);
    this.#beat();
    this.#work.flush();
    this.#expiry.arm();
  }

  /** @returns the snapshot in force afterwards; null where nothing was ever applied */
  takeSnapshot(group: Group): Promise<SnapshotMeta | null> {
    return this.#work.takeSnapshot(group);
  }

  // ---- time

  /** @param elapsedMs for a follower: since its leader was last heard */
  #wake(group: Group, elapsedMs: number): void {
    if (!group.raft.asleep) return;
    group.raft.wake(Math.floor(elapsedMs / this.#ticker.tickMs));
    this.#markDirty(group);
  }

  #tick(): void {
    for (const group of this.groups()) {
      if (group.raft.asleep) continue;
      group.raft.tick();
      if (group.raft.hasReady()) this.#markDirty(group);
    }
  }

  #heartbeat(): void {
    const { failure } = this.#edges.storage;
    // What the storage does of its own accord can fail while nobody asks it for anything.
    if (failure !== null) return this.#fail(failure);
    this.#beatDue = true;
    this.#scheduleTurn();
  }

  /** Behind what the groups say: who is to hear that they sleep has been told before to let them. */
  #beat(): void {
    if (!this.#beatDue) return;
    this.#beatDue = false;
    this.#heartbeats.beat(this.#edges.transport.peers().map((peer) => peer.id));
  }

  // ---- the end

  /** Runs what comes from a timer, the network or a turn: a bug inside ends this host, and nobody else. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.halt();
    if (error instanceof StorageFailedError) this.#edges.failed(error);
    else this.#edges.fatal(error);
  }

  /** Stops at once and tells whoever waits. Nothing is promised, sent or written after this. */
  halt(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ticker.stop();
    this.#expiry.stop();
    this.#work.stop();
    this.#replicas.endAll();
  }

  checkInvariants(): void {
    for (const group of this.groups()) {
      group.raft.checkInvariants();
      group.machine.checkInvariants();
    }
  }
}

function ticksOf(timing: Timing, tickMs: number): RaftTicks {
  return {
    electionTicksMin: Math.ceil(timing.electionTimeoutMinMs / tickMs),
    electionTicksMax: Math.ceil(timing.electionTimeoutMaxMs / tickMs),
    heartbeatTicks: TICKS_PER_HEARTBEAT,
  };
}
