/**
 * When a sender must act although nothing comes: one moment for each reason, and the earliest of them, which
 * is all that whoever runs the stream has to know.
 */

export class Deadlines {
  /** The first packet in flight is given up for lost. */
  rtoAtMs = Infinity;
  /** A packet that may only have been overtaken counts as lost. */
  reorderAtMs = Infinity;
  /** The last packet is sent again, so that an acknowledgement tells what is missing. */
  tailProbeAtMs = Infinity;
  /** The other end's window is asked for. */
  zeroWindowAtMs = Infinity;
  keepaliveAtMs = Infinity;
  /** The pacing lets the next packet leave. */
  pacingAtMs = Infinity;

  get earliestMs(): number {
    return Math.min(
      this.rtoAtMs,
      this.reorderAtMs,
      this.tailProbeAtMs,
      this.zeroWindowAtMs,
      this.keepaliveAtMs,
      this.pacingAtMs,
    );
  }

  /** Nothing is in flight any more. */
  clearFlight(): void {
    this.rtoAtMs = Infinity;
    this.reorderAtMs = Infinity;
    this.tailProbeAtMs = Infinity;
  }

  clear(): void {
    this.clearFlight();
    this.zeroWindowAtMs = Infinity;
    this.keepaliveAtMs = Infinity;
    this.pacingAtMs = Infinity;
  }
}
