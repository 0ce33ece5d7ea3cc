/**
 * Tells the cluster what became of a message that was worked on, and tries until it has an answer or there is no time
 * left: work that is done should not be done again because a peer was restarting.
 */
import { type Delivery, type QueueClient, type SettleResult, SkeinError } from "../client/mod.ts";
import type { Logger } from "../logger.ts";
import { Random } from "../random.ts";
import { EXIT, exitCodeOf } from "./exit_codes.ts";

export interface SettlerOptions {
  readonly topic: string;
  /** Delay after the first failure, the second, …; null: the topic's, or where that has none our own. */
  readonly backoffMs: readonly number[] | null;
  readonly logger: Logger;
  /** Aborted when there is no time left. */
  readonly signal: AbortSignal;
}

/** What came of it; `refusal` is why the cluster does not have it, null where it has. */
export interface Settled {
  readonly refusal: string | null;
  /** What no further try would change; null where there is nothing of that kind. */
  readonly fault: unknown;
}

type SettlingQueue = Pick<QueueClient, "ack" | "nack" | "stats">;

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;
/** For topics that have none: what fails for want of something else should not die within a second. */
const BACKOFF_DEFAULT_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000];

export class Settler {
  readonly #queue: SettlingQueue;
  readonly #options: SettlerOptions;
  readonly #pauses = new Pauses();

  constructor(queue: SettlingQueue, options: SettlerOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  /** Done with it. */
  acknowledge(delivery: Delivery): Promise<Settled> {
    const { topic, signal } = this.#options;
    return this.#tell(() => this.#queue.ack(topic, [delivery], { signal }));
  }

  /** It failed, and is delivered again after the back-off. */
  async refuse(delivery: Delivery, reason: string): Promise<Settled> {
    const { topic, signal } = this.#options;
    const delayMs = await this.#delayAfter(delivery);
    const delay = delayMs === undefined ? {} : { delayMs };
    return this.#tell(() => this.#queue.nack(topic, [delivery], { signal, reason, ...delay }));
  }

  /** It was not worked on to its end, and anybody may have it at once. */
  handBack(delivery: Delivery, reason: string): Promise<Settled> {
    const { topic, signal } = this.#options;
    return this.#tell(() => this.#queue.nack(topic, [delivery], { signal, reason, delayMs: 0 }));
  }

  /** @returns undefined: the topic's own back-off */
  async #delayAfter({ attempts }: Delivery): Promise<number | undefined> {
    const { topic, signal } = this.#options;
    let { backoffMs } = this.#options;
    if (backoffMs === null) {
      const known = await this.#queue.stats(topic, { signal }).catch(() => null);
      if (known === null || known.backoffMs.length > 0) return undefined;
      backoffMs = BACKOFF_DEFAULT_MS;
    }
    return backoffMs[Math.min(attempts, backoffMs.length) - 1] ?? 0;
  }

  async #tell(call: () => Promise<readonly SettleResult[]>): Promise<Settled> {
    const { signal, logger } = this.#options;
    for (let failures = 0;; failures++) {
      try {
        const [result] = await call();
        const refusal = result === undefined || result.ok ? null : result.code;
        return { refusal, fault: null };
      } catch (error) {
        const reason = messageOf(error);
        if (signal.aborted) return { refusal: "there was no time left to tell", fault: null };
        if (!mayPass(error)) return { refusal: reason, fault: error };
        logger.log("warn", "cannot tell what became of a message, trying again", { reason });
        await this.#pauses.after(failures, signal);
      }
    }
  }
}

/** Longer after each failure, and never quite as long as somebody else's. */
export class Pauses {
  readonly #random = new Random(...crypto.getRandomValues(new Uint32Array(2)));

  /** @param signal cuts it short */
  after(failures: number, signal: AbortSignal): Promise<void> {
    const fullMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures, 10));
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, fullMs * (0.5 + this.#random.fraction() / 2));
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }
}

/** Whether a later try may be answered otherwise. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof SkeinError)) return false;
  const code = exitCodeOf(error.code);
  return code === EXIT.unavailable || code === EXIT.bug;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
