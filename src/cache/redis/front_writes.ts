/**
 * The write-backs of one home on their way to Redis: many at once, and each again until it is done, another home has
 * followed, or this one is over. Nothing is harmed by one that comes twice or late: versions only grow.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { SkeinError } from "../../errors.ts";
import type { WriteBackItem } from "../commands.ts";
import { OpenWrites } from "../open_writes.ts";

/** So many are in Redis' hands at once; what comes meanwhile gathers. */
const TOGETHER_MAX = 200;
const TOGETHER_BYTES_MAX = 4 * 1024 * 1024;
const AGAIN_MIN_MS = 100;
const AGAIN_MAX_MS = 2_000;

export interface FrontWritesEdges {
  readonly clock: Clock;
  /** @throws {SkeinError} by rejection, where it is not known to be done */
  write(item: WriteBackItem): Promise<void>;
  /** Whether there is any use in trying again. */
  isOver(): boolean;
  done(items: readonly WriteBackItem[]): void;
  /** It did not succeed, and is tried again. */
  delayed(key: string, error: SkeinError): void;
}

export class FrontWrites {
  readonly #edges: FrontWritesEdges;
  #waiting: WriteBackItem[] = [];
  readonly #open = new OpenWrites();
  #isBusy = false;
  #againMs = AGAIN_MIN_MS;
  /** While it rests, because something did not succeed. */
  #rest: { readonly timer: Timer; readonly over: () => void } | null = null;
  #ended = false;

  constructor(edges: FrontWritesEdges) {
    this.#edges = edges;
  }

  add(item: WriteBackItem): void {
    this.#waiting.push(item);
    this.#open.opened(item.key);
    if (this.#isBusy) return;
    this.#isBusy = true;
    queueMicrotask(() => void this.#run());
  }

  /** Calls back, perhaps at once, when no write-back of the key is on its way. */
  whenIdle(key: string, call: () => void): void {
    this.#open.whenNone(key, call);
  }

  async #run(): Promise<void> {
    while (!this.#ended && this.#waiting.length > 0) {
      const failed = await this.#writeSome();
      // Behind the others: of one key the order does not matter, since versions are compared.
      this.#waiting.push(...failed);
      if (failed.length > 0) await this.#pause();
      else this.#againMs = AGAIN_MIN_MS;
    }
    this.#isBusy = false;
  }

  /** @returns what is to be tried again, in order */
  async #writeSome(): Promise<readonly WriteBackItem[]> {
    const items = this.#take();
    const errors = await Promise.all(items.map((item) => {
      return this.#edges.write(item).then(() => null, (error: SkeinError) => error);
    }));
    if (this.#ended || this.#edges.isOver()) return [];
    const done = items.filter((_item, place) => errors[place] === null);
    this.#edges.done(done);
    for (const { key } of done) this.#open.closed(key);
    const failed = items.filter((_item, place) => errors[place] !== null);
    this.#tell(items, errors);
    return failed;
  }

  #tell(items: readonly WriteBackItem[], errors: readonly (SkeinError | null)[]): void {
    for (const [place, { key }] of items.entries()) {
      const error = errors[place] ?? null;
      if (error !== null) this.#edges.delayed(key, error);
    }
    // What is in the way of more than one key is in the way of those behind.
    const general = errors.find((error) => error !== null && error.code !== "CONFLICT") ?? null;
    if (general === null) return;
    for (const key of new Set(this.#waiting.map(({ key }) => key))) {
      this.#edges.delayed(key, general);
    }
  }

  #take(): readonly WriteBackItem[] {
    let [count, bytes] = [0, 0];
    for (const { value } of this.#waiting) {
      bytes += value.length;
      if (count > 0 && (bytes > TOGETHER_BYTES_MAX || count >= TOGETHER_MAX)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #pause(): Promise<void> {
    const waitMs = this.#againMs;
    this.#againMs = Math.min(2 * waitMs, AGAIN_MAX_MS);
    return new Promise((over) => {
      this.#rest = { timer: this.#edges.clock.timer(waitMs, over), over };
    });
  }

  /** What was in the way may be so no longer. */
  hurry(): void {
    this.#againMs = AGAIN_MIN_MS;
    this.#rest?.timer.cancel();
    this.#rest?.over();
  }

  /** The home is none any more: nobody hears what comes of it. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#open.end();
    this.#rest?.timer.cancel();
  }
}
