/**
 * Congestion control: BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00), counting packets and
 * milliseconds. It keeps a model of the path, the largest bandwidth of ten rounds and the shortest round trip
 * of ten seconds, and sets from it the pacing rate and the congestion window. It never looks at the
 * clock, and nothing of it shows on the wire.
 */
import { AckAggregation } from "./ack_aggregation.ts";
import { BOUNDS } from "./bounds.ts";
import type { RateSample } from "./delivery_rate.ts";
import { ShortPathCeiling } from "./short_path.ts";
import { WindowedBest } from "./windowed_best.ts";

const HIGH_GAIN = 2.88539;
const PACING_MARGIN = 0.99;
const WINDOW_GAIN = 2;
const CYCLE_GAINS = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
/** The phase after which a cycle begins: the next one neither probes nor drains. */
const CYCLE_START = 3;
const BANDWIDTH_ROUNDS = 10;
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
const SHORTEST_RTT_MS = 10_000;
const PROBE_RTT_MS = 200;
const WINDOW_FIRST_PACKETS = 10;
const WINDOW_MIN_PACKETS = 4;

/** What of the stream the model looks at, as of now. */
export interface PathState {
  nowMs: number;
  payloadBytes: number;
  inFlight: number;
  delivered: number;
  deliveredAtMs: number;
  smoothedRttMs: number;
  recovery: Recovery;
}

/** `open`: nothing is missing. `recovery`: reordering proved a loss. `loss`: a timeout did. */
export type Recovery = "open" | "recovery" | "loss";

export class Bbr {
  windowPackets: number = WINDOW_FIRST_PACKETS;
  pacingBytesPerMs: number;
  #phase: "startup" | "drain" | "probeBandwidth" | "probeRtt" = "startup";
  readonly #bandwidth = new WindowedBest(Math.max, BANDWIDTH_ROUNDS, 0);
  #round = 0;
  #roundStarted = false;
  /** The round is over when a packet returns that left after this much was delivered. */
  #roundEndsAt = 0;

  #shortestRttMs = Infinity;
  #shortestAtMs: number;
  #probeRttUntilMs: number | null = null;
  #probeRttRoundDone = false;

  #fullBandwidth = 0;
  #fullRounds = 0;
  #pipeFull = false;
  #cycle = 0;
  #cycleAtMs = 0;
  #restarted = false;
  #rttKnown = false;

  #recoveryBefore: Recovery = "open";
  #conserving = false;
  /** To return to after recovery, or after the round trip was measured. */
  #windowBefore = 0;
  readonly #aggregation: AckAggregation;
  readonly #ceiling = new ShortPathCeiling();

  constructor(nowMs: number, payloadBytes: number) {
    this.#shortestAtMs = nowMs;
    this.#aggregation = new AckAggregation(nowMs);
    this.pacingBytesPerMs = this.#paced(WINDOW_FIRST_PACKETS, HIGH_GAIN, payloadBytes);
  }

  get phase(): string {
    return this.#phase;
  }

  /** Packets in a millisecond. */
  get bandwidth(): number {
    return this.#bandwidth.value;
  }

  /** Sending begins again after there was nothing in flight, because there was nothing to send. */
  onRestart(path: PathState): void {
    this.#restarted = true;
    this.#aggregation.restart(path.nowMs);
    if (this.#phase === "probeBandwidth") this.#setPacing(path, 1);
    else if (this.#phase === "probeRtt") this.#leaveProbeRttWhenDone(path);
  }

  onTimeout(): void {
    this.#saveWindow();
    this.#recoveryBefore = "loss";
    this.#fullBandwidth = 0;
    this.#roundStarted = true;
  }

  /** Fast recovery begins. */
  onRecovery(): void {
    this.#saveWindow();
  }

  /**
   * An acknowledgement came while something was in flight.
   * @returns true where what is sent next must count as limited by the sender
   */
  onSample(path: PathState, sample: RateSample): boolean {
    this.#updateBandwidth(path, sample);
    if (sample.acknowledged > 0 && sample.intervalMs > 0) {
      this.#aggregation.update(path.deliveredAtMs, sample.acknowledged, {
        roundStarted: this.#roundStarted,
        bandwidth: this.bandwidth,
        windowPackets: this.windowPackets,
      });
    }
    this.#ceiling.update({
      lost: sample.lost,
      acknowledged: sample.acknowledged,
      roundStarted: this.#roundStarted,
      shortestRttMs: this.#shortestRttMs,
      windowPackets: this.windowPackets,
    });
    this.#updateCycle(path, sample);
    this.#updatePipe(sample);
    this.#updateDrain(path);
    const limited = this.#updateShortestRtt(path, sample);
    this.#setPacing(path, this.#pacingGain());
    this.#setWindow(path, sample);
    return limited;
  }

  #pacingGain(): number {
    switch (this.#phase) {
      case "startup":
        return HIGH_GAIN;
      case "drain":
        return 1 / HIGH_GAIN;
      case "probeBandwidth":
        return CYCLE_GAINS[this.#cycle]!;
      case "probeRtt":
        return 1;
    }
  }

  #windowGain(): number {
    if (this.#phase === "probeBandwidth") return WINDOW_GAIN;
    return this.#phase === "probeRtt" ? 1 : HIGH_GAIN;
  }

  /** Packets in flight that fill the path this many times over. */
  #pathPackets(gain: number): number {
    if (this.#shortestRttMs === Infinity) return WINDOW_FIRST_PACKETS;
    return Math.floor(this.bandwidth * this.#shortestRttMs * gain);
  }

  #updateBandwidth(path: PathState, sample: RateSample): void {
    this.#roundStarted = false;
    if (sample.delivered < 0) return;
    if (sample.priorDelivered >= this.#roundEndsAt) {
      this.#roundEndsAt = path.delivered;
      this.#round++;
      this.#roundStarted = true;
      this.#conserving = false;
    }
    const bandwidth = sample.delivered / sample.intervalMs;
    if (!sample.appLimited || bandwidth >= this.bandwidth) {
      this.#bandwidth.add(this.#round, bandwidth);
    }
  }

  #updateCycle(path: PathState, sample: RateSample): void {
    if (this.#phase !== "probeBandwidth") return;
    const gain = CYCLE_GAINS[this.#cycle]!;
    const long = path.deliveredAtMs - this.#cycleAtMs > this.#shortestRttMs;
    const over = gain > 1
      ? long && (sample.lost > 0 || path.inFlight >= this.#pathPackets(gain))
      : gain < 1
      ? long || path.inFlight <= this.#pathPackets(1)
      : long;
    if (over) this.#nextCycle(path);
  }

  #nextCycle(path: PathState): void {
    this.#cycle = (this.#cycle + 1) % CYCLE_GAINS.length;
    this.#cycleAtMs = path.deliveredAtMs;
  }

  /** Three rounds in which the bandwidth did not grow by a quarter: there is no more. */
  #updatePipe(sample: RateSample): void {
    if (this.#pipeFull || !this.#roundStarted || sample.appLimited) return;
    if (this.bandwidth >= this.#fullBandwidth * FULL_GROWTH) {
      this.#fullBandwidth = this.bandwidth;
      this.#fullRounds = 0;
    } else this.#pipeFull = ++this.#fullRounds >= FULL_ROUNDS;
  }

  #updateDrain(path: PathState): void {
    if (this.#phase === "startup" && this.#pipeFull) this.#phase = "drain";
    if (this.#phase === "drain" && path.inFlight <= this.#pathPackets(1)) {
      this.#probeBandwidth(path);
    }
  }

  #probeBandwidth(path: PathState): void {
    this.#phase = "probeBandwidth";
    this.#cycle = CYCLE_START;
    this.#nextCycle(path);
  }

  /** Once in ten seconds without a shorter round trip, sends next to nothing for a moment and measures. */
  #updateShortestRtt(path: PathState, sample: RateSample): boolean {
    const { nowMs } = path;
    const expired = nowMs > this.#shortestAtMs + SHORTEST_RTT_MS;
    if (sample.rttMs >= 0 && (sample.rttMs < this.#shortestRttMs || expired)) {
      this.#shortestRttMs = Math.max(sample.rttMs, BOUNDS.timerGrainMs);
      this.#shortestAtMs = nowMs;
    }
    if (expired && !this.#restarted && this.#phase !== "probeRtt") {
      this.#saveWindow();
      this.#phase = "probeRtt";
      this.#probeRttUntilMs = null;
    }
    if (sample.delivered > 0) this.#restarted = false;
    if (this.#phase !== "probeRtt") return false;
    if (this.#probeRttUntilMs === null) {
      if (path.inFlight > WINDOW_MIN_PACKETS) return true;
      this.#probeRttUntilMs = nowMs + PROBE_RTT_MS;
      this.#probeRttRoundDone = false;
      this.#roundEndsAt = path.delivered;
    } else {
      this.#probeRttRoundDone ||= this.#roundStarted;
      if (this.#probeRttRoundDone) this.#leaveProbeRttWhenDone(path);
    }
    return true;
  }

  #leaveProbeRttWhenDone(path: PathState): void {
    if (this.#probeRttUntilMs === null || path.nowMs <= this.#probeRttUntilMs) return;
    this.#shortestAtMs = path.nowMs;
    this.windowPackets = Math.max(this.windowPackets, this.#windowBefore);
    if (this.#pipeFull) this.#probeBandwidth(path);
    else this.#phase = "startup";
  }

  #saveWindow(): void {
    const whole = this.#recoveryBefore === "open" && this.#phase !== "probeRtt";
    this.#windowBefore = whole
      ? this.windowPackets
      : Math.max(this.#windowBefore, this.windowPackets);
  }

  #paced(bandwidth: number, gain: number, payloadBytes: number): number {
    return Math.max(1, bandwidth * payloadBytes * gain * PACING_MARGIN);
  }

  #setPacing(path: PathState, gain: number): void {
    if (!this.#rttKnown && path.smoothedRttMs > 0) {
      this.#rttKnown = true;
      const rttMs = Math.max(path.smoothedRttMs, BOUNDS.timerGrainMs);
      this.pacingBytesPerMs = this.#paced(this.windowPackets / rttMs, HIGH_GAIN, path.payloadBytes);
    }
    const rate = this.#paced(this.bandwidth, gain, path.payloadBytes);
    if (this.#pipeFull || rate > this.pacingBytesPerMs) this.pacingBytesPerMs = rate;
  }

  #setWindow(path: PathState, sample: RateSample): void {
    if (sample.acknowledged > 0) {
      const conserved = this.#windowInRecovery(path, sample);
      if (!conserved) this.#growWindow(path, sample.acknowledged);
    }
    const most = this.#phase === "probeRtt" ? WINDOW_MIN_PACKETS : this.#ceiling.packets;
    this.windowPackets = Math.min(this.windowPackets, most);
  }

  #growWindow(path: PathState, acknowledged: number): void {
    const extra = this.#pipeFull ? this.#aggregation.extraPackets(this.bandwidth) : 0;
    const target = this.#pathPackets(this.#windowGain()) + extra;
    if (this.#pipeFull) {
      this.windowPackets = Math.min(this.windowPackets + acknowledged, target);
    } else if (this.windowPackets < target || path.delivered < WINDOW_FIRST_PACKETS) {
      this.windowPackets += acknowledged;
    }
    this.windowPackets = Math.max(this.windowPackets, WINDOW_MIN_PACKETS);
  }

  /** In the first round of recovery a packet leaves for each that arrives. @returns whether it is now */
  #windowInRecovery(path: PathState, sample: RateSample): boolean {
    const before = this.#recoveryBefore;
    this.#recoveryBefore = path.recovery;
    if (sample.lost > 0) this.windowPackets = Math.max(this.windowPackets - sample.lost, 1);
    if (path.recovery === "recovery" && before !== "recovery") {
      this.#conserving = true;
      this.#roundEndsAt = path.delivered;
      this.windowPackets = path.inFlight + sample.acknowledged;
    } else if (before !== "open" && path.recovery === "open") {
      this.windowPackets = Math.max(this.windowPackets, this.#windowBefore);
      this.#conserving = false;
    }
    if (!this.#conserving) return false;
    this.windowPackets = Math.max(this.windowPackets, path.inFlight + sample.acknowledged);
    return true;
  }
}
