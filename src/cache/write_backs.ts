/**
 * Which lines have something to write back, and when that is sent: every flush interval all together, for a durable
 * write with the turn, and at the end before the peer stops. What is not confirmed for long is sent again.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Line } from "./line.ts";
import type { LineSlot } from "./line_slot.ts";

export interface WriteBacksEdges {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Sends what this line has to be written back. @param urgent also behind a write-back under way */
  flush(slot: LineSlot, urgent: boolean): void;
  /** The interval is over: what waited for that goes. @returns whether there is nothing more of it */
  interval(): boolean;
}

export class WriteBacks {
  readonly #edges: WriteBacksEdges;
  readonly #dirty = new Set<LineSlot>();
  #urgent: LineSlot[] = [];
  #timer: Timer | null = null;
  #finished: (() => void) | null = null;
  #closed = false;

  constructor(edges: WriteBacksEdges) {
    this.#edges = edges;
  }

  /** The line was written, or owes what was written. */
  add(slot: LineSlot): void {
    this.#dirty.add(slot);
    if (this.#timer === null) this.arm();
  }

  /** Somebody waits for this line's write-back: it goes with whatever else is written in this turn. */
  hurry(slot: LineSlot): void {
    this.#urgent.push(slot);
    if (this.#urgent.length === 1) queueMicrotask(() => this.#hurried());
  }

  #hurried(): void {
    const slots = new Set(this.#urgent);
    this.#urgent = [];
    if (this.#closed) return;
    for (const slot of slots) this.#edges.flush(slot, true);
  }

  /** After an interval from now it is looked what is to be sent, unless that is so already. */
  arm(): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = this.#edges.clock.timer(this.#edges.intervalMs, () => {
      this.#timer = null;
      this.#flush(false);
    });
  }

  #flush(urgent: boolean): void {
    for (const slot of [...this.#dirty]) {
      if (isDirty(slot.line)) this.#edges.flush(slot, urgent);
      else this.#dirty.delete(slot);
    }
    const isIdle = this.#edges.interval();
    if (this.#dirty.size > 0 || !isIdle) this.arm();
    this.look();
  }

  /** How many lines have something that is not confirmed. */
  get dirty(): number {
    let count = 0;
    for (const slot of this.#dirty) if (isDirty(slot.line)) count++;
    return count;
  }

  /** Something was confirmed: whoever waits for all of it may have waited enough. */
  look(): void {
    if (this.#finished !== null && this.dirty === 0) this.#finished();
  }

  /** Sends everything now. @returns resolves once all is confirmed or lost, or the time is over */
  all(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const others = this.#finished;
      const timer = this.#edges.clock.timer(timeoutMs, () => this.#finished?.());
      this.#finished = () => {
        this.#finished = null;
        timer.cancel();
        resolve();
        others?.();
      };
      this.#flush(true);
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#finished?.();
  }
}

function isDirty({ state, owed }: Line): boolean {
  return state === "M" || owed !== null;
}
