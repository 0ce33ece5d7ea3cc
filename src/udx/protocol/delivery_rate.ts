/**
 * How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation): every packet takes along how much
 * was delivered when it left, and the acknowledgement that returns it makes a sample of what was delivered
 * since. Samples of a time in which the writer had nothing to send are marked, for they measure the writer.
 */
import { BOUNDS } from "./bounds.ts";
import type { SentPacket } from "./sent_packet.ts";

/** One acknowledgement's worth. */
export interface RateSample {
  /** Packets delivered over the interval; -1 where there is no sample. */
  delivered: number;
  intervalMs: number;
  /** What was delivered when the newest packet acknowledged now had left. */
  priorDelivered: number;
  appLimited: boolean;
  /** Packets that this acknowledgement was the first to name, and those it proved lost. */
  acknowledged: number;
  lost: number;
  /** -1 where the round trip cannot be told. */
  rttMs: number;
}

export class DeliveryRate {
  /** Packets, of all time. */
  delivered = 0;
  deliveredAtMs = 0;
  #firstSentAtMs = 0;
  /** As long as `delivered` has not passed it, samples are the writer's doing. 0 when they are not. */
  #appLimitedUntil = 1;
  readonly sample: RateSample = {
    delivered: -1,
    intervalMs: -1,
    priorDelivered: 0,
    appLimited: true,
    acknowledged: 0,
    lost: 0,
    rttMs: -1,
  };
  #newest: SentPacket | null = null;
  #sendIntervalMs = 0;
  #priorAtMs = 0;

  get appLimited(): boolean {
    return this.#appLimitedUntil !== 0;
  }

  /** @param inFlight packets on their way, after which samples are full again */
  markAppLimited(inFlight: number): void {
    this.#appLimitedUntil = Math.max(1, this.delivered + inFlight);
  }

  onSent(nowMs: number, packet: SentPacket, nothingInFlight: boolean): void {
    if (nothingInFlight) {
      this.#firstSentAtMs = nowMs;
      this.deliveredAtMs = nowMs;
    }
    packet.firstSentAtMs = this.#firstSentAtMs;
    packet.deliveredAtMs = this.deliveredAtMs;
    packet.delivered = this.delivered;
    packet.appLimited = this.appLimited;
  }

  /** Begins the sample of one acknowledgement. */
  begin(): void {
    this.sample.acknowledged = 0;
    this.sample.lost = 0;
    this.sample.rttMs = -1;
    this.#newest = null;
  }

  onAcknowledged(packet: SentPacket): void {
    this.delivered++;
    this.sample.acknowledged++;
    if (this.#newest !== null && packet.sentAtMs < this.#newest.sentAtMs) return;
    this.#newest = packet;
    this.sample.priorDelivered = packet.delivered;
    this.sample.appLimited = packet.appLimited;
    this.#priorAtMs = packet.deliveredAtMs;
    this.#firstSentAtMs = packet.sentAtMs;
    this.#sendIntervalMs = packet.sentAtMs - packet.firstSentAtMs;
  }

  /** Ends the sample. @param shortestRttMs less than which no true interval is */
  finish(nowMs: number, shortestRttMs: number): void {
    const { sample } = this;
    if (this.#appLimitedUntil !== 0 && this.delivered > this.#appLimitedUntil) {
      this.#appLimitedUntil = 0;
    }
    sample.delivered = -1;
    sample.intervalMs = -1;
    if (sample.acknowledged > 0) this.deliveredAtMs = nowMs;
    if (this.#newest === null) return;
    // The slower of sending and acknowledging: either may have been bunched on the way.
    const intervalMs = Math.max(this.#sendIntervalMs, nowMs - this.#priorAtMs);
    if (intervalMs < shortestRttMs) return;
    sample.delivered = this.delivered - sample.priorDelivered;
    sample.intervalMs = Math.max(intervalMs, BOUNDS.timerGrainMs);
  }
}
