/**
 * The receiving half of a stream: puts packets in order, delivers each byte once, and says what it has and
 * how much more it will take. It keeps what came early, within bounds; past them it drops, and the other
 * end sends again.
 */
import { BOUNDS } from "./bounds.ts";
import { FLAGS } from "./packet.ts";
import { distance } from "./sequence.ts";
import { SequenceRanges } from "./sequence_ranges.ts";
import { SequenceRing } from "./sequence_ring.ts";

interface Early {
  readonly hasData: boolean;
  readonly payload: Uint8Array;
}

export class Receiver {
  readonly #deliver: (payload: Uint8Array) => void;
  #early = new SequenceRing<Early>(0);
  /** The numbers that are in `#early`. */
  readonly ranges = new SequenceRanges();
  #earlyBytes = 0;
  /** Delivered, and not read yet. */
  #unreadBytes = 0;
  #endAt: number | null = null;
  #ended = false;
  #closed = false;
  #advertisedBytes: number = BOUNDS.receiveWindowBytes;
  /** Packets that were dropped because the other end ignores the window. */
  overruns = 0;

  constructor(deliver: (payload: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** The next number that is expected, and what is acknowledged. */
  get next(): number {
    return this.#early.first;
  }

  /** All is delivered, up to the other end's last byte. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What this end will take; the caller is about to tell the other. */
  advertise(): number {
    this.#advertisedBytes = this.#windowBytes();
    return this.#advertisedBytes;
  }

  /** @returns whether the window has grown so much that the other end should hear of it */
  read(bytes: number): boolean {
    this.#unreadBytes -= bytes;
    return this.#windowBytes() - this.#advertisedBytes >= BOUNDS.receiveWindowBytes / 4;
  }

  /** A packet with data, the end, or both. @param payload is kept where it came early */
  accept(flags: number, sequence: number, payload: Uint8Array): void {
    const ahead = distance(sequence, this.next);
    if (ahead < 0 || this.#ended) return;
    const pastEnd = this.#endAt !== null && distance(sequence, this.#endAt) > 0;
    const tooMuch = this.#unreadBytes + this.#earlyBytes + payload.length > BOUNDS.receiveBytesMax;
    if (pastEnd || ahead >= BOUNDS.earlyPacketsMax || tooMuch) {
      this.overruns++;
      return;
    }
    const hasData = (flags & FLAGS.data) !== 0;
    if ((flags & FLAGS.end) !== 0) this.#endAt = sequence;
    if (ahead === 0) this.#take(hasData, payload);
    else if (this.#early.get(sequence) === undefined) {
      this.#early.set(sequence, { hasData, payload });
      this.#earlyBytes += payload.length;
      this.ranges.add(sequence);
      return;
    }
    this.#drain();
    if (this.#endAt !== null && distance(this.next, this.#endAt) > 0) this.#ended = true;
  }

  /** Whether a packet of the other end is news: it can no longer be one that was sent before others that came. */
  isCurrent(sequence: number): boolean {
    return distance(sequence, this.next) >= 0;
  }

  /** Nobody reads any more. */
  clear(): void {
    this.#closed = true;
    this.#early = new SequenceRing(this.next);
    this.#earlyBytes = 0;
    this.ranges.clear();
  }

  #windowBytes(): number {
    return Math.max(0, BOUNDS.receiveWindowBytes - this.#unreadBytes - this.#earlyBytes);
  }

  /** What is next in order; `#early` moves on with it. */
  #take(hasData: boolean, payload: Uint8Array): void {
    this.#early.shift();
    if (!hasData || this.#closed) return;
    this.#unreadBytes += payload.length;
    this.#deliver(payload);
  }

  #drain(): void {
    if (this.ranges.size === 0) return;
    for (;;) {
      const early = this.#early.get(this.next);
      if (early === undefined) break;
      this.#earlyBytes -= early.payload.length;
      this.#take(early.hasData, early.payload);
    }
    this.ranges.dropBefore(this.next);
  }
}
