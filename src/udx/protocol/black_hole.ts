/**
 * A path that carried large packets and now, without a word, carries only small ones: its route has changed, and the
 * message that would tell so is filtered. Told from a dead path by a question: when a large packet has met its second
 * timeout nothing leaves any more but a heartbeat, which is small. Where that is answered, and the packet is not
 * acknowledged a whole timeout later, the path is such a hole.
 *
 * The silence is what allows to cut the packets anew. A number of the wire names a packet and not a byte, so an old
 * packet that came after all, beside new ones of the same numbers, would be taken for one of them: none was sent for at
 * least a timeout when the new ones leave, and the other end has said since then that it has none.
 */

const TIMEOUTS_MIN = 2;

export class BlackHoleWatch {
  /** When the answer is judged; Infinity while nothing was asked. */
  dueAtMs = Infinity;
  #waitMs = 0;
  #heardFromMs = 0;
  #heard = false;

  get asking(): boolean {
    return this.dueAtMs !== Infinity;
  }

  /** @param timeouts that the first packet in flight has met */
  isDoubtful(timeouts: number): boolean {
    return timeouts >= TIMEOUTS_MIN;
  }

  /**
   * The caller sends the heartbeat, and nothing else until `judge`.
   * @param waitMs a timeout
   * @param shortestMs of the round trips: what comes in half of it was on its way before, and the heartbeat is
   *   quicker than the packets that were measured
   */
  ask(nowMs: number, waitMs: number, shortestMs: number): void {
    this.dueAtMs = nowMs + waitMs;
    this.#waitMs = waitMs;
    this.#heardFromMs = nowMs + shortestMs / 2;
    this.#heard = false;
  }

  /** A packet of the stream came. */
  hear(nowMs: number): void {
    this.#heard ||= this.asking && nowMs >= this.#heardFromMs;
  }

  cancel(): void {
    this.dueAtMs = Infinity;
  }

  /**
   * To be called when `dueAtMs` has come.
   * @returns "again" where this process was held up, so that what came meanwhile may not have been looked at
   */
  judge(nowMs: number): "hole" | "dead" | "again" {
    const late = nowMs - this.dueAtMs > this.#waitMs;
    this.dueAtMs = Infinity;
    if (late) return "again";
    return this.#heard ? "hole" : "dead";
  }
}
