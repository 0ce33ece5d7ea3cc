/**
 * A follower's patience, in ticks. It ends after a timeout that is drawn anew each time, so that two
 * replicas seldom stand at once (Raft, section 5.2). Apart from that it knows how long ago a leader was
 * heard: within the minimum timeout of that nobody else gets a vote (dissertation, section 4.2.3).
 */
import type { Random } from "../random.ts";

export class ElectionTimer {
  readonly #ticksMin: number;
  readonly #ticksMax: number;
  readonly #random: Random;
  #elapsed = 0;
  #timeout = 0;
  #sinceLeader = Infinity;

  constructor(ticksMin: number, ticksMax: number, random: Random) {
    this.#ticksMin = ticksMin;
    this.#ticksMax = ticksMax;
    this.#random = random;
    this.restart();
  }

  /** Whether a leader was heard so lately that no other candidate gets a vote. */
  get leaderIsFresh(): boolean {
    return this.#sinceLeader < this.#ticksMin;
  }

  /** One tick. @returns whether patience has ended */
  tick(): boolean {
    this.#elapsed++;
    this.#sinceLeader++;
    return this.#elapsed >= this.#timeout;
  }

  /** Waits anew. @param extraTicks before the drawn timeout begins to run */
  restart(extraTicks = 0): void {
    this.#elapsed = 0;
    this.#timeout = extraTicks + this.#random.integer(this.#ticksMin, this.#ticksMax);
  }

  /**
   * @param ticksAgo when the leader was heard, 0 for now. However long ago it is, what the drawn timeout
   * has above the minimum still has to pass: several replicas may find out at once.
   */
  leaderHeard(ticksAgo = 0): void {
    this.#elapsed = Math.min(ticksAgo, this.#ticksMin);
    this.#sinceLeader = ticksAgo;
  }

  /** There is no leader whose heartbeats count, such as after stepping down. */
  leaderForgotten(): void {
    this.#sinceLeader = Infinity;
  }
}
