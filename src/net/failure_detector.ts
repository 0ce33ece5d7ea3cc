/**
 * Phi accrual failure detection (Hayashibara, Défago, Yared, Katayama, "The φ accrual failure detector",
 * SRDS 2004): from the recent intervals between a peer's heartbeats, how surprising its present silence
 * is. Phi is -log10 of the probability that a live peer is silent for so long. Pure: times are handed in.
 * Its opinion is shown and used for placement, never for safety.
 */
import { assert } from "../assert.ts";
import type { PeerId } from "../raft/entry.ts";

export type PeerState = "alive" | "suspect" | "dead";

export interface FailureDetectorOptions {
  /** The interval to assume until some have been seen. */
  readonly intervalMs: number;
  /** Intervals that are remembered of each peer. */
  readonly windowSize: number;
  /** No peer is taken to be more regular than this: a garbage collection is no failure. */
  readonly deviationMinMs: number;
  /** A silence that is always granted on top. */
  readonly graceMs: number;
  readonly phiSuspect: number;
  readonly phiDead: number;
}

export const FAILURE_DETECTOR_DEFAULTS: FailureDetectorOptions = {
  intervalMs: 150,
  windowSize: 100,
  deviationMinMs: 200,
  graceMs: 500,
  phiSuspect: 1,
  phiDead: 8,
};

/** The intervals between the last heartbeats of one peer, in a ring. */
interface Arrivals {
  /** Of one who was never heard: when it was first asked about. */
  lastMs: number;
  isHeard: boolean;
  readonly intervalsMs: Float64Array;
  count: number;
  next: number;
}

export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  readonly #arrivals = new Map<PeerId, Arrivals>();

  constructor(options: Partial<FailureDetectorOptions> = {}) {
    this.#options = { ...FAILURE_DETECTOR_DEFAULTS, ...options };
    assert(this.#options.windowSize > 0, "a window holds at least one interval");
  }

  /** @param nowMs monotonic; something of the peer arrived */
  heartbeat(peer: PeerId, nowMs: number): void {
    const arrivals = this.#arrivalsOf(peer, nowMs);
    if (!arrivals.isHeard) {
      arrivals.isHeard = true;
      arrivals.lastMs = nowMs;
      return;
    }
    arrivals.intervalsMs[arrivals.next] = Math.max(0, nowMs - arrivals.lastMs);
    arrivals.next = (arrivals.next + 1) % this.#options.windowSize;
    arrivals.count = Math.min(arrivals.count + 1, this.#options.windowSize);
    arrivals.lastMs = nowMs;
  }

  #arrivalsOf(peer: PeerId, nowMs: number): Arrivals {
    const known = this.#arrivals.get(peer);
    if (known !== undefined) return known;
    const intervalsMs = new Float64Array(this.#options.windowSize);
    const arrivals = { lastMs: nowMs, isHeard: false, intervalsMs, count: 0, next: 0 };
    this.#arrivals.set(peer, arrivals);
    return arrivals;
  }

  /**
   * @returns how surprising the silence is: 1 = one in ten, 8 = one in 10^8. Of one who was never heard the silence
   *   counts from when it was first asked about, for who has just started has heard nobody yet.
   */
  phi(peer: PeerId, nowMs: number): number {
    const arrivals = this.#arrivalsOf(peer, nowMs);
    const { meanMs, deviationMs } = this.#measure(arrivals);
    const silenceMs = nowMs - arrivals.lastMs - this.#options.graceMs;
    return phiOf((silenceMs - meanMs) / deviationMs);
  }

  /** Never `alive` for one who was never heard. */
  state(peer: PeerId, nowMs: number): PeerState {
    const phi = this.phi(peer, nowMs);
    if (phi >= this.#options.phiDead) return "dead";
    const isAlive = phi < this.#options.phiSuspect && this.#arrivalsOf(peer, nowMs).isHeard;
    return isAlive ? "alive" : "suspect";
  }

  #measure({ intervalsMs, count }: Arrivals): { meanMs: number; deviationMs: number } {
    const { intervalMs, deviationMinMs } = this.#options;
    if (count === 0) return { meanMs: intervalMs, deviationMs: deviationMinMs };
    let sum = 0;
    for (let at = 0; at < count; at++) sum += intervalsMs[at]!;
    const meanMs = sum / count;
    let squares = 0;
    for (let at = 0; at < count; at++) squares += (intervalsMs[at]! - meanMs) ** 2;
    return { meanMs, deviationMs: Math.max(deviationMinMs, Math.sqrt(squares / count)) };
  }
}

/**
 * -log10 of the chance that a normal variable exceeds its mean by so many deviations. Far out the chance
 * itself would round to 0, so there the logarithm is taken of Laplace's continued fraction.
 */
function phiOf(deviations: number): number {
  if (deviations < 3) return -Math.log10(upperTail(deviations));
  let fraction = deviations;
  for (let step = 8; step > 0; step--) fraction = deviations + step / fraction;
  return deviations ** 2 / 2 / Math.LN10 + Math.log10(Math.sqrt(2 * Math.PI) * fraction);
}

/** Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17; absolute error below 7.5e-8. */
function upperTail(deviations: number): number {
  if (deviations < 0) return 1 - upperTail(-deviations);
  const t = 1 / (1 + 0.2316419 * deviations);
  const density = Math.exp(-(deviations ** 2) / 2) / Math.sqrt(2 * Math.PI);
  const series = t * (0.319381530 +
    t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return density * series;
}
