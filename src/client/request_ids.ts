/**
 * The request ids that this client mints, one a write, so that it can send a write again without its
 * being done twice (design, "Request ids"). A session numbers its requests and tells with each the
 * lowest one that is still open; the cluster forgets every answer below that.
 *
 * A request that stays open for long (an acquire that waits) would make the cluster keep all answers
 * after it. So a session whose span is used up is left to its open requests, and a new one begins.
 */
import { LIMITS } from "../limits.ts";

/** An id for one write; `settle` it once its answer is here, or nobody waits for it any more. */
export interface RequestId {
  /** For the header `Skein-Session`. */
  readonly header: string;
  settle(): void;
}

export class RequestIds {
  readonly #bootId = crypto.randomUUID();
  #session = new Session(this.#bootId);

  mint(): RequestId {
    if (this.#session.isFull) this.#session = new Session(this.#bootId);
    return this.#session.mint();
  }
}

class Session {
  readonly #prefix: string;
  /** In the order of their numbers, because a Set keeps the order of insertion. */
  readonly #open = new Set<number>();
  #next = 1;

  constructor(bootId: string) {
    this.#prefix = `${crypto.randomUUID()}/${bootId}`;
  }

  get isFull(): boolean {
    return this.#next - this.#lowestOpen() >= LIMITS.sessionOpenMax;
  }

  mint(): RequestId {
    const sequence = this.#next++;
    this.#open.add(sequence);
    return {
      header: `${this.#prefix}/${sequence}/${this.#lowestOpen()}`,
      settle: () => void this.#open.delete(sequence),
    };
  }

  #lowestOpen(): number {
    for (const sequence of this.#open) return sequence;
    return this.#next;
  }
}
