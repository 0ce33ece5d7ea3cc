/**
 * Which packets are lost, by time (RACK, RFC 8985): one that left before another which has arrived, by more
 * than a round trip and what reordering the path has shown, is lost. Retransmissions are packets like all
 * others, so that one which is lost again is found again.
 */
import { BOUNDS } from "./bounds.ts";
import type { RoundTrip } from "./round_trip.ts";
import type { PacketList, SentPacket } from "./sent_packet.ts";
import type { Route } from "./stream_output.ts";
import { after, distance } from "./sequence.ts";

/** With so many packets past a hole it is no reordering. */
const SACKED_ENOUGH = 3;

export class LossDetection {
  rttMs = 0;
  /** Of the packet that left last among those that arrived. */
  #sentAtMs = -Infinity;
  #next = 0;
  /** Past the highest that arrived. */
  #highest = 0;
  #reorderingSeen = false;

  /** @param rttMs of that packet, as measured by its last transmission */
  onAcknowledged(packet: SentPacket, rttMs: number, roundTrip: RoundTrip): void {
    const next = after(packet.sequence);
    // Quicker than the path can be: the earlier transmission arrived, and tells nothing of this one.
    if (!packet.retransmitted || rttMs >= roundTrip.shortestMs) {
      this.rttMs = rttMs;
      if (this.#leftAfter(packet.sentAtMs, next)) {
        this.#sentAtMs = packet.sentAtMs;
        this.#next = next;
      }
    }
    const ahead = distance(next, this.#highest);
    if (ahead > 0) this.#highest = next;
    else if (ahead < 0 && !packet.retransmitted) this.#reorderingSeen = true;
  }

  /** How much later than a round trip a packet may be. */
  reorderWindowMs(roundTrip: RoundTrip, recovering: boolean, sacked: number): number {
    if (!this.#reorderingSeen && (recovering || sacked >= SACKED_ENOUGH)) return 0;
    const shortestMs = roundTrip.shortestMs === Infinity ? 0 : roundTrip.shortestMs;
    return Math.max(Math.min(shortestMs / 4, roundTrip.smoothedMs), BOUNDS.timerGrainMs);
  }

  /**
   * Calls for each packet in flight that is lost by now; the callback takes it off the list.
   * @returns when to look again for those that may turn out to be, or Infinity
   */
  detect<R extends Route>(
    nowMs: number,
    inFlight: PacketList<R>,
    windowMs: number,
    lose: (packet: SentPacket<R>) => void,
  ): number {
    let againAtMs = Infinity;
    for (let packet = inFlight.first; packet !== null;) {
      const { next } = packet;
      if (packet.sentAtMs > this.#sentAtMs) break;
      if (!this.#leftAfter(packet.sentAtMs, after(packet.sequence), true)) {
        const lostAtMs = packet.sentAtMs + this.rttMs + windowMs;
        if (lostAtMs <= nowMs) lose(packet);
        else if (againAtMs === Infinity || lostAtMs > againAtMs) againAtMs = lostAtMs;
      }
      packet = next;
    }
    return againAtMs;
  }

  /** Whether a packet left after the last one that is known to have arrived (or is that one). */
  #leftAfter(sentAtMs: number, next: number, orIs = false): boolean {
    if (sentAtMs !== this.#sentAtMs) return sentAtMs > this.#sentAtMs;
    return distance(next, this.#next) > (orIs ? -1 : 0);
  }
}
