/**
 * A peer's whole logic over handed-in edges: the production code that the simulator runs too. It routes
 * what the transport brings to the present generation, and when the storage has failed opens it anew
 * every few seconds until that succeeds.
 */
import { AssertionError } from "../assert.ts";
import type { Cache } from "../cache/cache.ts";
import type { Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { EventStatistics } from "../events/event_counters.ts";
import type { Events } from "../events/events.ts";
import { HEARTBEAT_TOPICS } from "../groups/peer_heartbeats.ts";
import { FailureDetector } from "../net/failure_detector.ts";
import type { Locks } from "../locks/locks.ts";
import type { Members } from "../members/members.ts";
import type { Groups } from "../groups/groups.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueStatistics } from "../queue/queue_counters.ts";
import type { DriverCounts } from "../placement/driver.ts";
import type { PlacementView } from "../placement/placement_view.ts";
import {
  type StorageFailedError,
  StorageRolledBackError,
  type StorageStatistics,
  StorageTakenError,
} from "../storage/storage.ts";
import type { OpenedStorage, PeerEdges } from "./edges.ts";
import { Generation } from "./generation.ts";
import { handOver } from "./hand_over.ts";
import type { HealthReport, LockStatistics, Peer, TransportStatistics } from "./peer.ts";

const REOPEN_INTERVAL_MS = 5_000;
/** How long a peer that stops waits until what was written to its lines of the cache is committed. */
const CACHE_GIVE_UP_MS = 500;

export class PeerCore implements Peer {
  readonly #edges: PeerEdges;
  readonly #detector: FailureDetector;
  readonly startedAt: string;
  #generation: Generation;
  #expect: number;
  #reopenTimer: Timer | null = null;
  #reopening: Promise<void> = Promise.resolve();
  /** What it still leads once it has drained: groups that nobody took. */
  #draining: Promise<ReadonlySet<number>> | null = null;
  #stopping: Promise<void> | null = null;

  /** @param opened the store of this peer; its identity is `edges.self`'s */
  constructor(edges: PeerEdges, opened: OpenedStorage) {
    this.#edges = edges;
    this.#expect = edges.expect;
    this.#detector = new FailureDetector();
    this.startedAt = new Date(edges.clock.wallMs()).toISOString();
    this.#generation = this.#makeGeneration(opened);
  }

  #makeGeneration(opened: OpenedStorage): Generation {
    const liveness = {
      state: (peer: string) => this.#detector.state(peer, this.#edges.clock.monotonicMs()),
    };
    return new Generation(this.#edges, opened, liveness, {
      failed: (error) => this.#storageFailed(error),
      fatal: (error) => this.#fatal(error),
      removed: () => this.#edges.logger.log("warn", "this peer was removed from its cluster"),
    });
  }

  /** Begins to listen, to dial, and to bring back or form what there is. */
  async start(): Promise<void> {
    await this.#edges.transport.start({
      message: (from, topic, body) => {
        if (topic === HEARTBEAT_TOPICS.beat) {
          this.#detector.heartbeat(from, this.#edges.clock.monotonicMs());
        }
        this.#generation.message(from, topic, body);
      },
      request: (from, method, body) => this.#generation.request(from, method, body),
      connected: (peer) => this.#generation.connected(peer),
      updated: (peer) => this.#generation.updated(peer),
      disconnected: (peer) => this.#generation.disconnected(peer),
    });
    await this.#generation.start();
  }

  get name(): string {
    return this.#edges.name;
  }

  get id(): string {
    return this.#edges.self;
  }

  get addresses(): readonly string[] {
    return this.#edges.addresses;
  }

  get version(): string {
    return this.#edges.version;
  }

  get logger() {
    return this.#edges.logger;
  }

  get generation(): Generation {
    return this.#generation;
  }

  /** @throws {SkeinError} while there is no group 0 at this peer */
  get locks(): Locks {
    return this.#system().locks;
  }

  /** @throws {SkeinError} while there is no group 0 at this peer */
  get members(): Members {
    return this.#system().members;
  }

  /** @throws {SkeinError} while there is no group 0 at this peer, which tells where the partitions are */
  get queue(): Queue {
    this.#system();
    return this.#generation.services.queue;
  }

  /** @throws {SkeinError} while there is no group 0 at this peer, which tells where the partitions are */
  get cache(): Cache {
    this.#system();
    return this.#generation.services.cache;
  }

  /** @throws {SkeinError} while there is no group 0 at this peer, which tells where the partitions are */
  get events(): Events {
    this.#system();
    return this.#generation.services.events;
  }

  get groups(): Groups {
    return this.#generation.groups;
  }

  #system() {
    const { system, ended } = this.#generation;
    if (ended !== null) throw ended;
    if (system !== null) return system;
    const [reason = "the cluster is not formed yet"] = this.#generation.unhealthyReasons();
    throw new SkeinError("UNAVAILABLE", reason);
  }

  /** N has become known better: see `members/expect.ts`. */
  changeExpect(expect: number): void {
    this.#expect = expect;
    this.#generation.changeExpect(expect);
  }

  health(): HealthReport {
    const reasons = this.#generation.unhealthyReasons();
    return { healthy: reasons.length === 0, reasons };
  }

  ready(): HealthReport {
    const reasons = [...this.health().reasons];
    if (this.draining) reasons.push("the peer is stopping");
    if (!this.#generation.caughtUp) reasons.push("what was committed before is being applied");
    return { healthy: reasons.length === 0, reasons };
  }

  get draining(): boolean {
    return this.#draining !== null;
  }

  storageStatistics(): StorageStatistics | null {
    return this.#generation.storage.statistics();
  }

  transportStatistics(): TransportStatistics {
    return this.#edges.transportStatistics();
  }

  get placement(): PlacementView | null {
    return this.#generation.placement.view();
  }

  get placementCounts(): DriverCounts {
    return this.#generation.system?.placementCounts ?? { moved: 0, failed: 0 };
  }

  lockStatistics(): LockStatistics {
    return this.#generation.system?.lockStatistics() ?? { held: 0, waiting: 0 };
  }

  queueStatistics(): QueueStatistics {
    return this.#generation.services.queue.statistics();
  }

  eventStatistics(): EventStatistics {
    return this.#generation.services.events.statistics();
  }

  // ---- failures

  #storageFailed(error: StorageFailedError): void {
    this.#edges.logger.log("error", `the storage failed, this peer stepped down: ${error.message}`);
    if (error instanceof StorageTakenError) return this.#fatal(error);
    this.#reopenLater();
  }

  /** However many reasons there are for it, one attempt is made at a time. */
  #reopenLater(): void {
    if (this.draining || this.#reopenTimer !== null) return;
    this.#reopenTimer = this.#edges.clock.timer(REOPEN_INTERVAL_MS, () => {
      this.#reopenTimer = null;
      this.#reopening = this.#reopening.then(() => this.#reopen());
    });
  }

  async #reopen(): Promise<void> {
    const { logger } = this.#edges;
    try {
      await this.#generation.storage.close();
      const opened = await this.#edges.reopen();
      if (this.draining) return await opened.storage.close();
      await this.#begin(opened);
      const { ended } = this.#generation;
      if (ended === null) logger.log("info", "the storage is open again, this peer serves again");
    } catch (error) {
      const isFatal = error instanceof AssertionError || error instanceof StorageRolledBackError;
      if (isFatal) return this.#fatal(error);
      const message = `the storage cannot be opened again: ${String(error)}`;
      logger.log("error", message);
      this.#generation.end(new SkeinError("STORAGE_FAILED", message));
      this.#reopenLater();
    }
  }

  /** The next generation takes over the connections that there are. */
  async #begin(opened: OpenedStorage): Promise<void> {
    const generation = this.#makeGeneration(opened);
    this.#generation = generation;
    generation.changeExpect(this.#expect);
    for (const peer of this.#edges.transport.peers()) generation.connected(peer);
    await generation.start();
  }

  #fatal(error: unknown): void {
    this.#generation.end(new SkeinError("INTERNAL", "this peer has stopped because of a bug"));
    this.#edges.fatal(error);
  }

  // ---- the end

  async drain(): Promise<void> {
    await this.#drained();
  }

  #drained(): Promise<ReadonlySet<number>> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async #drain(): Promise<ReadonlySet<number>> {
    this.#edges.stopping();
    this.#generation.beginStop();
    this.#reopenTimer?.cancel();
    await this.#reopening;
    // Before the hand-over, while the homes are where the lines came from.
    await this.#generation.services.cache.giveUp(CACHE_GIVE_UP_MS);
    const kept = await handOver(this.#generation, this.#edges);
    // Behind the hand-over, so that those who are sent elsewhere find a leader there.
    this.#generation.services.events.drain();
    await Promise.all([this.#generation.system?.drain(), this.#generation.services.queue.drain()]);
    return kept;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    try {
      const kept = await this.#drained();
      // Another peer that stops as well may have handed over to this one meanwhile.
      await handOver(this.#generation, this.#edges, kept);
      // What was asked of the cache since it drained.
      await this.#generation.services.cache.giveUp(CACHE_GIVE_UP_MS);
    } finally {
      this.#generation.end(new SkeinError("SHUTTING_DOWN", "this peer is stopping"));
      await this.#edges.transport.close();
      await this.#generation.storage.close();
    }
  }
}
