/**
 * How a home's commands come into the log: write-backs many together, everything else by itself, and each again until its
 * outcome is known or the home is none any more. Nothing is harmed by an entry that comes twice: versions only grow.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { CacheEdges } from "./cache_edges.ts";
import { type CacheCommand, encodeCacheCommand, type WriteBackItem } from "./commands.ts";
import { CACHE_MACHINE, type CacheAnswer } from "./machine.ts";
import { OpenWrites } from "./open_writes.ts";

/** So many batches of write-backs are in the log at once; what comes meanwhile gathers. */
const BATCHES_MAX = 4;
/** Of values and keys in one batch: a command must hold it. */
const BATCH_BYTES_MAX = 1024 * 1024;
/** Of one item beside its key and its value. */
const ITEM_BYTES = 64;
const UTF8_BYTES_MAX = 3;
const AGAIN_MS = 50;

/** Refused by the machine, or by the table of request ids: trying again does not change it. */
const FINAL = new Set(["CONFLICT", "REQUEST_ID_REUSED", "TOO_MANY_REQUESTS"]);

/** What a command came to. `over`: nobody knows, and this home is none any more. */
export type Proposed =
  | { readonly kind: "answer"; readonly answer: CacheAnswer }
  | { readonly kind: "refused"; readonly error: SkeinError }
  | { readonly kind: "over" };

export class HomeProposals {
  readonly #edges: Pick<CacheEdges, "groups" | "clock" | "logger" | "timeouts">;
  readonly #group: number;
  readonly #term: number;
  readonly #committed: (items: readonly WriteBackItem[]) => void;
  #waiting: WriteBackItem[] = [];
  readonly #open = new OpenWrites();
  #batches = 0;
  #scheduled = false;
  #ended = false;

  /** @param committed told of write-backs that the machine has, or something later of their keys */
  constructor(
    edges: Pick<CacheEdges, "groups" | "clock" | "logger" | "timeouts">,
    group: number,
    term: number,
    committed: (items: readonly WriteBackItem[]) => void,
  ) {
    this.#edges = edges;
    this.#group = group;
    this.#term = term;
    this.#committed = committed;
  }

  /** Logs a write-back, with others of this turn. */
  add(item: WriteBackItem): void {
    this.#waiting.push(item);
    this.#open.opened(item.key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  /** Calls back, perhaps at once, when no write-back of the key is on its way. */
  whenIdle(key: string, call: () => void): void {
    this.#open.whenNone(key, call);
  }

  #send(): void {
    while (!this.#ended && this.#batches < BATCHES_MAX && this.#waiting.length > 0) {
      this.#batches++;
      this.#propose(this.#take());
    }
  }

  #take(): readonly WriteBackItem[] {
    let [count, bytes] = [0, 0];
    for (const { key, value } of this.#waiting) {
      bytes += ITEM_BYTES + key.length * UTF8_BYTES_MAX + value.length;
      if (count > 0 && (bytes > BATCH_BYTES_MAX || count >= LIMITS.cacheBatchMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #propose(items: readonly WriteBackItem[]): Promise<void> {
    const command = { kind: "writeBack", term: this.#term, items } as const;
    const proposed = await this.untilKnown(command, null, (error) => error.code === "CONFLICT");
    this.#batches--;
    if (proposed.kind !== "answer") return;
    this.#committed(items);
    for (const { key } of items) this.#open.closed(key);
    this.#send();
  }

  /**
   * Proposes until it is known what came of it.
   * @param isFinal which refusals are not tried again
   * @returns never `over` while this is the home
   */
  async untilKnown(
    command: CacheCommand,
    request: RequestKey | null,
    isFinal: (error: SkeinError) => boolean = ({ code }) => FINAL.has(code),
  ): Promise<Proposed> {
    const { groups, timeouts, logger } = this.#edges;
    const options = { timeoutMs: timeouts.proposeMs, request };
    while (!this.#ended) {
      try {
        const body = encodeCacheCommand(command);
        const answer = await groups.propose(this.#group, CACHE_MACHINE, body, options);
        return this.#ended ? OVER : { kind: "answer", answer: answer as CacheAnswer };
      } catch (error) {
        if (!(error instanceof SkeinError)) throw error;
        if (this.#ended) break;
        if (isFinal(error)) return { kind: "refused", error };
        logger.log("debug", `the cache's home proposes again: ${error.message}`, {
          group: this.#group,
        });
        await this.#pause();
      }
    }
    return OVER;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#edges.clock.timer(AGAIN_MS, resolve));
  }

  /** The home is none any more: nobody hears what comes of it. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#open.end();
  }
}

const OVER: Proposed = { kind: "over" };
