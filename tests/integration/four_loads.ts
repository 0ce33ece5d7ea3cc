/**
 * A load of locks, queue, cache and events at once, small enough for a machine that runs the peers as well, and the
 * ledgers of each. None of its clients ever stops for a failure.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { CacheLoad } from "./cache_load.ts";
import { EventLedger } from "./event_ledger.ts";
import { LockLoad } from "./lock_load.ts";
import { loadTopics, QueueLoad } from "./queue_load.ts";
import { rest } from "./queue_outcome.ts";
import { eventually, type SkeinProcess } from "./skein_process.ts";

const LOCK_CLIENTS = 4;
const PUBLISHERS = 2;
const REST_MS = 20;
/** As `--cache-flush-interval` is by default. */
const FLUSH_MS = 100;
/** So much of each makes the loads go on. */
const STEPS = 20;
const GO_ON_TIMEOUT_MS = 60_000;

export class FourLoads {
  readonly #peers: SkeinProcess[];
  readonly #locks: LockLoad;
  readonly #queue: QueueLoad;
  readonly #cache: CacheLoad;
  readonly #events = new EventLedger();
  readonly #publishing: Promise<void>[];
  #isOver = false;
  #failure: unknown = null;

  private constructor(peers: SkeinProcess[], queue: QueueLoad) {
    this.#peers = peers;
    this.#queue = queue;
    this.#locks = new LockLoad(peers, LOCK_CLIENTS, { requestTimeoutMs: 3_000 });
    this.#cache = new CacheLoad({
      peers,
      keys: 8,
      readers: 2,
      restMs: REST_MS,
      moveShare: 0.5,
      flushMs: FLUSH_MS,
    });
    this.#publishing = Array.from({ length: PUBLISHERS }, (_, place) => this.#publish(place));
  }

  /**
   * @param peers whom they ask; whoever changes the list changes whom they ask from then on
   * @returns them once each has got somewhere
   */
  static async start(peers: SkeinProcess[]): Promise<FourLoads> {
    const queue = await QueueLoad.start({
      urls: () => peers.map(({ url }) => url),
      topics: loadTopics(5, 5_000),
      producers: 3,
      consumers: 3,
      messagesMax: null,
      restMs: REST_MS,
      backlogMax: 500,
    });
    const loads = new FourLoads(peers, queue);
    await loads.goOn("they begin");
    return loads;
  }

  /** What was written to the cache within the last two flush intervals may be lost now. */
  fault(): void {
    this.#cache.ledger.fault(Date.now());
  }

  /** Waits until something of each was acknowledged. @throws by rejection whatever a ledger finds wrong */
  async goOn(what: string): Promise<void> {
    const wanted = this.#counts().map((count) => count + STEPS);
    await eventually(`locks, queue, cache and events: ${what}`, GO_ON_TIMEOUT_MS, () => {
      this.#check();
      const counts = this.#counts();
      assert.ok(counts.every((count, place) => count >= wanted[place]!), `${counts} of ${wanted}`);
    });
  }

  /** Lets every client finish, and judges. @returns what was acknowledged, in words */
  async finish(): Promise<string> {
    this.#isOver = true;
    await Promise.all(this.#publishing);
    await this.#locks.stop();
    await this.#queue.finish();
    await this.#cache.finish();
    const urls = this.#peers.map(({ url }) => url);
    const [, unique, duplicates] = await this.#events.verify(new SkeinClient({ urls }));
    this.#check();
    const { stored, acknowledged } = this.#queue.ledger.totals;
    const { durable, lost } = this.#cache.ledger.totals;
    return `${this.#locks.grants} grants, ${stored} messages stored and ${acknowledged} ` +
      `acknowledged, ${durable} durable cache writes (of others ${lost} lost), ${unique} events ` +
      `and ${duplicates} duplicates of them: nothing lost`;
  }

  #counts(): readonly number[] {
    const { stored, acknowledged } = this.#queue.ledger.totals;
    const { writes, durable } = this.#cache.ledger.totals;
    return [this.#locks.grants, stored, acknowledged, writes, durable, this.#events.answered];
  }

  #check(): void {
    if (this.#locks.violation !== null) throw this.#locks.violation;
    this.#queue.check();
    this.#cache.check();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Each publisher asks another peer first. */
  async #publish(place: number): Promise<void> {
    try {
      while (!this.#isOver) {
        const urls = this.#peers.map(({ url }) => url);
        const first = place % urls.length;
        const client = new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
        await this.#events.publish(client);
        await rest(REST_MS);
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }
}
