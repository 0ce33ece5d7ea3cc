/**
 * The leases that one home gave, by when it last answered each peer, and which of their holders the replicated set
 * names. Whoever is in the set and has no lease for long leaves it: a later home then need not wait for it.
 */
import { isOtherOver, type LeaseTimes, type Moment } from "./lease_times.ts";

export class HomeLeases {
  readonly #times: LeaseTimes;
  readonly #self: string;
  /** Monotonic time. */
  readonly #answeredMs = new Map<string, number>();
  /** Since when a peer of the replicated set was seen without a lease. */
  readonly #absentMs = new Map<string, number>();

  /** @param self whose own lease is the home lease, and does not end here */
  constructor(times: LeaseTimes, self: string) {
    this.#times = times;
    this.#self = self;
  }

  /** Leases of other peers. */
  get count(): number {
    return this.#answeredMs.size - Number(this.#answeredMs.has(this.#self));
  }

  answered(peer: string, { monotonicMs }: Moment): void {
    this.#answeredMs.set(peer, monotonicMs);
    this.#absentMs.delete(peer);
  }

  /** Takes out those whose lease cannot last any more. */
  takeOver(now: Moment): readonly string[] {
    const over: string[] = [];
    for (const [peer, answeredMs] of this.#answeredMs) {
      if (peer !== this.#self && isOtherOver(answeredMs, now, this.#times)) over.push(peer);
    }
    for (const peer of over) this.#answeredMs.delete(peer);
    return over;
  }

  /** How long until the first of them may be over; null: there is none. */
  nextMs({ monotonicMs }: Moment): number | null {
    let first: number | null = null;
    for (const [peer, answeredMs] of this.#answeredMs) {
      if (peer !== this.#self && (first === null || answeredMs < first)) first = answeredMs;
    }
    return first === null ? null : Math.max(0, first + this.#times.peerOverMs - monotonicMs);
  }

  /**
   * @param holders the replicated set
   * @returns those of it who have had no lease for so long that they need not stay
   */
  gone(holders: Iterable<string>, { monotonicMs }: Moment): readonly string[] {
    const gone: string[] = [];
    for (const peer of holders) {
      if (peer === this.#self || this.#answeredMs.has(peer)) continue;
      const sinceMs = this.#absentMs.get(peer) ?? monotonicMs;
      this.#absentMs.set(peer, sinceMs);
      if (monotonicMs - sinceMs >= this.#times.peerOverMs) gone.push(peer);
    }
    return gone;
  }

  /** They are in the replicated set no longer. */
  left(peers: readonly string[]): void {
    for (const peer of peers) this.#absentMs.delete(peer);
  }
}
