/**
 * Works a topic off: takes messages as it has room for, has each worked on, and tells the cluster how that went. One
 * request for messages is open at a time, for as many as there is room for now. Whatever happens to peers it goes on
 * trying; a message is let go only when it is settled, the cluster has given it to somebody else, or there is no time
 * left to tell.
 */
import type { Delivery, QueueClient } from "../client/mod.ts";
import type { Logger, LogLevel } from "../logger.ts";
import { type KeptDelivery, VisibilityKeeper } from "./visibility_keeper.ts";
import { mayPass, messageOf, Pauses, type Settled, Settler } from "./worker_settler.ts";

/** What works on one message. `WorkerCommand` is one. */
export interface Work {
  readonly ended: Promise<number>;
  readonly wasStopped: boolean;
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

/** The work cannot be begun, for this message or any other; `code` is the exit code for it. */
export class CannotBegin extends Error {
  override readonly name = "CannotBegin";
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

export interface WorkerOptions {
  readonly topic: string;
  readonly consumer: string;
  readonly concurrency: number;
  readonly visibilityMs: number;
  /** Delay after the first failure, the second, …; null: the topic's, or where that has none our own. */
  readonly backoffMs: readonly number[] | null;
  /** After so many it takes no more; null: any number. */
  readonly messagesMax: number | null;
  /** Whether it ends once nothing is ready and nothing is worked on here. */
  readonly untilEmpty: boolean;
  /** How long what runs may go on once it is told to drain. */
  readonly drainMs: number;
  /** How long what is told to stop may take. */
  readonly graceMs: number;
  /** @throws {CannotBegin} where nothing can be begun at all */
  readonly begin: (delivery: Delivery) => Work;
}

export interface WorkerTotals {
  readonly acknowledged: number;
  /** Handed back because they failed. */
  readonly failed: number;
  /** Handed back because the worker ended before they did. */
  readonly handedBack: number;
  /** Given to somebody else meanwhile, or nobody knows. */
  readonly lost: number;
}

export type WorkerQueue = Pick<QueueClient, "consume" | "ack" | "nack" | "extend" | "stats">;

const POLL_MS = 20_000;
/** Once all has ended, how long is tried to tell the cluster. */
const SETTLE_MS = 5_000;
const SETTLE_NOW_MS = 1_000;

export class Worker {
  readonly #queue: WorkerQueue;
  readonly #options: WorkerOptions;
  readonly #logger: Logger;
  readonly #keeper: VisibilityKeeper;
  readonly #settler: Settler;
  readonly #pauses = new Pauses();
  readonly #running = new Set<Promise<void>>();
  readonly #works = new Set<Work>();
  /** Aborted: nothing more is taken. */
  readonly #draining = new AbortController();
  /** Aborted: nothing more is told to the cluster. */
  readonly #settling = new AbortController();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #totals = { acknowledged: 0, failed: 0, handedBack: 0, lost: 0 };
  #taken = 0;
  /** Everything that runs is told to stop, and so is what begins. */
  #stopping = false;
  #fault: unknown = null;

  constructor(queue: WorkerQueue, options: WorkerOptions, logger: Logger) {
    const { topic, visibilityMs, backoffMs } = options;
    const { signal } = this.#settling;
    this.#queue = queue;
    this.#options = options;
    this.#logger = logger;
    this.#settler = new Settler(queue, { topic, backoffMs, logger, signal });
    this.#keeper = new VisibilityKeeper({
      visibilityMs,
      extend: (names) => queue.extend(topic, names, { visibilityMs, signal }),
      onFailure: (error, count) =>
        logger.log("warn", `cannot extend ${count} visibility timeouts, trying again`, {
          reason: messageOf(error),
        }),
    });
  }

  /**
   * Works until it is drained, or has taken all that it should.
   * @throws {CannotBegin} by rejection; what was taken is handed back before
   * @throws {SkeinError} by rejection, where the cluster refuses what no further try would change
   */
  async run(): Promise<WorkerTotals> {
    try {
      await this.#takeAll();
    } catch (error) {
      this.#fail(error);
    }
    while (this.#running.size > 0) await Promise.race(this.#running);
    this.#keeper.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    if (this.#fault !== null) throw this.#fault;
    return this.#totals;
  }

  /** How many messages are worked on. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Takes no more; what runs may go on for a while, and is then told to stop. Idempotent. */
  drain(): void {
    if (this.#draining.signal.aborted) return;
    this.#draining.abort();
    this.#later(this.#options.drainMs, () => this.#stopAll());
  }

  /** Kills what runs, and tries to hand its messages back. */
  stopNow(): void {
    this.#draining.abort();
    this.#stopping = true;
    for (const work of this.#works) work.kill();
    this.#later(SETTLE_NOW_MS, () => this.#settling.abort());
  }

  #stopAll(): void {
    if (this.#stopping) return;
    const { graceMs } = this.#options;
    this.#stopping = true;
    if (this.#works.size > 0) {
      this.#logger.log("warn", `stopping ${this.#works.size} that still run`);
    }
    for (const work of this.#works) void work.stop(graceMs);
    this.#later(graceMs + SETTLE_MS, () => this.#settling.abort());
  }

  #later(delayMs: number, what: () => void): void {
    this.#timers.push(setTimeout(what, delayMs));
  }

  /** Ends the worker: what runs is drained. The first reason counts. */
  #fail(error: unknown): void {
    this.#fault ??= error;
    this.drain();
  }

  async #takeAll(): Promise<void> {
    const { concurrency, messagesMax, untilEmpty } = this.#options;
    let failures = 0;
    while (!this.#draining.signal.aborted) {
      const room = Math.min(
        concurrency - this.#running.size,
        (messagesMax ?? Infinity) - this.#taken,
      );
      if (this.#taken === messagesMax) return;
      if (room === 0) {
        await Promise.race(this.#running);
        continue;
      }
      const deliveries = await this.#take(room);
      if (deliveries === null) {
        await this.#pauses.after(failures++, this.#draining.signal);
        continue;
      }
      failures = 0;
      this.#taken += deliveries.length;
      for (const delivery of deliveries) this.#begin(delivery);
      if (deliveries.length > 0 || !untilEmpty) continue;
      if (this.#running.size === 0) return;
      await Promise.race(this.#running);
    }
  }

  /** @returns null where the cluster could not be asked, which has been told */
  async #take(max: number): Promise<readonly Delivery[] | null> {
    const { topic, consumer, visibilityMs, untilEmpty } = this.#options;
    const { signal } = this.#draining;
    try {
      const waitMs = untilEmpty ? 0 : POLL_MS;
      return await this.#queue.consume(topic, { consumer, max, waitMs, visibilityMs, signal });
    } catch (error) {
      if (signal.aborted) return [];
      if (untilEmpty || !mayPass(error)) throw error;
      this.#logger.log("warn", "cannot take messages, trying again", { reason: messageOf(error) });
      return null;
    }
  }

  #begin(delivery: Delivery): void {
    const running = this.#workOn(delivery).catch((error) => this.#fail(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #workOn(delivery: Delivery): Promise<void> {
    using kept = this.#keeper.keep(delivery);
    if (this.#stopping) return await this.#handBack(delivery);
    const startedMs = performance.now();
    let work: Work;
    try {
      work = this.#options.begin(delivery);
    } catch (error) {
      if (!(error instanceof CannotBegin)) {
        return await this.#refuse(delivery, `cannot begin: ${messageOf(error)}`);
      }
      this.#fail(error);
      return await this.#handBack(delivery);
    }
    this.#works.add(work);
    const code = await this.#endOf(work, kept, delivery);
    this.#works.delete(work);
    if (code === "lost") return;
    if (code === 0 && !work.wasStopped) await this.#acknowledge(delivery, startedMs);
    else if (work.wasStopped) await this.#handBack(delivery);
    else await this.#refuse(delivery, `exit code ${code}`);
  }

  async #endOf(work: Work, kept: KeptDelivery, delivery: Delivery): Promise<number | "lost"> {
    const end = await Promise.race([work.ended, kept.lost]);
    if (typeof end === "number") return end;
    this.#lose(delivery, `${end}; what works on it is stopped`);
    await work.stop(this.#options.graceMs);
    return "lost";
  }

  async #acknowledge(delivery: Delivery, startedMs: number): Promise<void> {
    const { refusal, fault } = await this.#settler.acknowledge(delivery);
    if (fault !== null) this.#fail(fault);
    if (refusal !== null) {
      this.#lose(delivery, `done, and not acknowledged: ${refusal}`);
      return;
    }
    this.#totals.acknowledged++;
    const ms = Math.round(performance.now() - startedMs);
    this.#logger.log("debug", "done", { ...fieldsOf(delivery), ms });
  }

  async #refuse(delivery: Delivery, reason: string): Promise<void> {
    const settled = await this.#settler.refuse(delivery, reason);
    this.#totals.failed++;
    this.#tellBack("warn", "failed", { ...fieldsOf(delivery), reason }, settled);
  }

  async #handBack(delivery: Delivery): Promise<void> {
    const settled = await this.#settler.handBack(delivery, "the worker ended");
    this.#totals[settled.refusal === null ? "handedBack" : "lost"]++;
    this.#tellBack("info", "not done", fieldsOf(delivery), settled);
  }

  #tellBack(level: LogLevel, what: string, fields: object, { refusal, fault }: Settled): void {
    if (fault !== null) this.#fail(fault);
    if (refusal === null) this.#logger.log(level, `${what}, handed back`, { ...fields });
    else this.#logger.log("warn", `${what}, and not handed back`, { ...fields, refusal });
  }

  #lose(delivery: Delivery, reason: string): void {
    this.#totals.lost++;
    this.#logger.log("warn", "lost", { ...fieldsOf(delivery), reason });
  }
}

function fieldsOf({ id, attempts }: Delivery) {
  return { id, attempts };
}
