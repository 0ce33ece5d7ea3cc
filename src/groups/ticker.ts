/**
 * The host's beat: one timer for all groups. At every heartbeat interval the peers' heartbeats go out;
 * between them Raft ticks, but only while some group is awake, so that an idle peer wakes up seldom.
 * A fire is one tick however late it comes: a peer that was paused does not find its timeouts over.
 */
import type { Clock, Timer } from "../clock.ts";

/** Raft ticks that a heartbeat interval is divided into. */
export const TICKS_PER_HEARTBEAT = 3;

export interface TickerEdges {
  /** Whether any group needs ticks. */
  awake(): boolean;
  tick(): void;
  heartbeat(): void;
}

export class Ticker {
  readonly tickMs: number;
  readonly #clock: Clock;
  readonly #edges: TickerEdges;
  #timer: Timer | null = null;
  #ticksSinceHeartbeat = 0;
  /** Ticks that the running timer stands for. */
  #step = 1;
  #stopped = false;

  constructor(clock: Clock, heartbeatMs: number, edges: TickerEdges) {
    this.#clock = clock;
    this.tickMs = heartbeatMs / TICKS_PER_HEARTBEAT;
    this.#edges = edges;
  }

  start(): void {
    this.#arm();
  }

  /** A group woke up: if the running timer is a long one, ticks begin now. */
  hurry(): void {
    if (this.#timer !== null && this.#step > 1) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#step = this.#edges.awake() ? 1 : TICKS_PER_HEARTBEAT;
    this.#timer = this.#clock.timer(this.#step * this.tickMs, () => this.#fire());
  }

  #fire(): void {
    this.#ticksSinceHeartbeat += this.#step;
    this.#edges.tick();
    if (this.#ticksSinceHeartbeat >= TICKS_PER_HEARTBEAT) {
      this.#ticksSinceHeartbeat = 0;
      this.#edges.heartbeat();
    }
    this.#arm();
  }
}
