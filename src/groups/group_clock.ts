/**
 * Group time: each group's own clock, which the leader reads to stamp entries. A new leader goes on from
 * the larger of its log's last stamp and the time that it last heard from the former leader plus what
 * it measured itself since. So an outage may lengthen a lease and never shorten one, and the clocks of
 * different machines are never compared. Pure: the monotonic time comes in.
 */
export class GroupClock {
  #timeMs: number;
  #atMs: number;

  /**
   * @param timeMs group time of the log's last entry, or of the snapshot
   * @param nowMs monotonic time
   */
  constructor(timeMs: number, nowMs: number) {
    this.#timeMs = timeMs;
    this.#atMs = nowMs;
  }

  /** @returns group time in whole milliseconds, as far as this peer can tell */
  read(nowMs: number): number {
    return Math.floor(this.#timeMs + Math.max(0, nowMs - this.#atMs));
  }

  /** The leader said what time it is. Taken as it is, so that own drift never adds up. */
  heard(timeMs: number, nowMs: number): void {
    this.#timeMs = timeMs;
    this.#atMs = nowMs;
  }

  /** An entry with this stamp is in the log: time does not lie before it. */
  atLeast(timeMs: number, nowMs: number): void {
    if (timeMs > this.read(nowMs)) this.heard(timeMs, nowMs);
  }
}
