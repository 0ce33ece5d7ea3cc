/**
 * Many deadlines on one timer. Nearly every deadline is cancelled before it is due, so they lie
 * unsorted in buckets of a fixed width, and a bucket fires whole: at the earliest when it is due, at the
 * latest one width after. Arming and cancelling cost O(1) and no timer of the runtime.
 */
import type { Clock, Timer } from "../clock.ts";

const BUCKET_MS = 50;

/** A deadline that was armed; hand it back to `disarm`. */
export interface Deadline {
  readonly bucket: number;
  readonly expire: () => void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #timer: Timer | null = null;
  #timerBucket = Infinity;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param delayMs from now
   * @param expire called once, unless disarmed before
   */
  arm(delayMs: number, expire: () => void): Deadline {
    const bucket = Math.ceil((this.#clock.monotonicMs() + Math.max(0, delayMs)) / BUCKET_MS);
    const deadline = { bucket, expire };
    const others = this.#buckets.get(bucket);
    if (others === undefined) this.#buckets.set(bucket, new Set([deadline]));
    else others.add(deadline);
    if (this.#closed) queueMicrotask(() => this.#disarmed(deadline) && expire());
    else if (bucket < this.#timerBucket) this.#schedule(bucket);
    return deadline;
  }

  /** Idempotent. The timer is left as it is: it finds an empty bucket and moves on. */
  disarm(deadline: Deadline): void {
    this.#disarmed(deadline);
  }

  /** @returns whether it was armed */
  #disarmed(deadline: Deadline): boolean {
    const others = this.#buckets.get(deadline.bucket);
    if (others === undefined || !others.delete(deadline)) return false;
    if (others.size === 0) this.#buckets.delete(deadline.bucket);
    return true;
  }

  /**
   * Bounds a wait. What was waited for goes on, and its own failure has an owner.
   * @param late the reason to reject with when the time is over
   */
  within<T>(work: Promise<T>, delayMs: number, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = this.arm(delayMs, () => reject(late()));
      work.then(
        (value) => {
          this.disarm(deadline);
          resolve(value);
        },
        (reason) => {
          this.disarm(deadline);
          reject(reason);
        },
      );
    });
  }

  /** The end: everything that waits is over now, and what is armed later is over at once. */
  close(): void {
    this.#closed = true;
    const waiting = [...this.#buckets.values()].flatMap((deadlines) => [...deadlines]);
    this.#buckets.clear();
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerBucket = Infinity;
    for (const deadline of waiting) deadline.expire();
  }

  #schedule(bucket: number): void {
    this.#timer?.cancel();
    this.#timerBucket = bucket;
    const delayMs = Math.max(0, bucket * BUCKET_MS - this.#clock.monotonicMs());
    this.#timer = this.#clock.timer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    this.#timerBucket = Infinity;
    const due = Math.floor(this.#clock.monotonicMs() / BUCKET_MS);
    const expired: Deadline[] = [];
    let next = Infinity;
    for (const [bucket, deadlines] of this.#buckets) {
      if (bucket > due) {
        next = Math.min(next, bucket);
        continue;
      }
      expired.push(...deadlines);
      this.#buckets.delete(bucket);
    }
    if (next !== Infinity) this.#schedule(next);
    for (const deadline of expired) deadline.expire();
  }
}
