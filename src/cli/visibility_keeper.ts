/**
 * Keeps messages from being delivered to others while they are worked on: extends their visibility timeout before half
 * of it is over, all that are due in one request. Says of a message when it is lost: the cluster has delivered it
 * again, or knows it no more. While the cluster cannot be asked nothing counts as lost, for whether it is the cluster
 * will tell, and a message may be worked on twice.
 */
import { assert } from "../assert.ts";
import type { DeliveryName, SettleResult } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";

export interface VisibilityKeeperOptions {
  readonly visibilityMs: number;
  readonly extend: (deliveries: readonly DeliveryName[]) => Promise<readonly SettleResult[]>;
  /** Told of a request that failed; it is tried again. */
  readonly onFailure: (error: unknown, count: number) => void;
}

export interface KeptDelivery extends Disposable {
  /** Resolves with the reason when the delivery is worth nothing any more; never once it is disposed of. */
  readonly lost: Promise<string>;
}

/** Parts of the visibility timeout: when to extend, and how often that is looked at. */
const EXTEND_AT = 0.3;
const LOOK_EVERY = 0.1;
assert(EXTEND_AT + LOOK_EVERY < 0.5, "a message is extended before half of its time is over");
/** After a request that failed, at most so long until the next. */
const RETRY_PAUSE_MS = 1_000;

const REASONS = {
  NOT_FOUND: "the cluster knows the message no more",
  STALE_RECEIPT: "it was delivered again, or handed back",
} as const;

interface Kept {
  readonly name: DeliveryName;
  readonly lose: (reason: string) => void;
  /** On the clock of `performance.now`; null while it is being extended. */
  extendAtMs: number | null;
}

export class VisibilityKeeper {
  readonly #options: VisibilityKeeperOptions;
  readonly #kept = new Set<Kept>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: VisibilityKeeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.visibilityMs * LOOK_EVERY);
  }

  /** @param name of a delivery that has just come in */
  keep({ id, receipt }: DeliveryName): KeptDelivery {
    const { promise: lost, resolve: lose } = Promise.withResolvers<string>();
    const name = { ...id === undefined ? {} : { id }, ...receipt === undefined ? {} : { receipt } };
    const kept: Kept = { name, lose, extendAtMs: this.#extendAt(performance.now()) };
    this.#kept.add(kept);
    return { lost, [Symbol.dispose]: () => void this.#kept.delete(kept) };
  }

  /** No further extensions. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #extendAt(sentAtMs: number): number {
    return sentAtMs + this.#options.visibilityMs * EXTEND_AT;
  }

  #look(): void {
    const nowMs = performance.now();
    const due = [...this.#kept].filter(({ extendAtMs }) =>
      extendAtMs !== null && extendAtMs <= nowMs
    );
    for (let start = 0; start < due.length; start += LIMITS.queueBatchMax) {
      void this.#extend(due.slice(start, start + LIMITS.queueBatchMax), nowMs);
    }
  }

  async #extend(due: readonly Kept[], sentAtMs: number): Promise<void> {
    for (const kept of due) kept.extendAtMs = null;
    try {
      const results = await this.#options.extend(due.map(({ name }) => name));
      due.forEach((kept, at) => {
        const result = results[at];
        if (result === undefined || result.ok) kept.extendAtMs = this.#extendAt(sentAtMs);
        else this.#lose(kept, REASONS[result.code]);
      });
    } catch (error) {
      const stillKept = due.filter((kept) => this.#kept.has(kept));
      const pauseMs = Math.min(RETRY_PAUSE_MS, this.#options.visibilityMs * LOOK_EVERY);
      for (const kept of stillKept) kept.extendAtMs = performance.now() + pauseMs;
      if (stillKept.length > 0) this.#options.onFailure(error, stillKept.length);
    }
  }

  #lose(kept: Kept, reason: string): void {
    if (this.#kept.delete(kept)) kept.lose(reason);
  }
}
