/**
 * How hostile one simulation is, drawn whole from its seed. Each kind of fault is absent in some seeds
 * and frequent in others: bugs hide where two faults meet undisturbed by the rest ("swarm testing",
 * Groce et al., ISSTA 2012).
 */
import type { Random } from "../../src/random.ts";

export interface NetworkRates {
  readonly delayMsMin: number;
  /** Mean of the exponential part above the minimum. */
  readonly delayMsMean: number;
  readonly loss: number;
  readonly duplication: number;
  /** Chance that a message may overtake others of its connection. */
  readonly reordering: number;
  /** Chance that a cut shows as a broken connection at all; else it just swallows what is sent. */
  readonly noticedCut: number;
}

export interface DiskRates {
  readonly syncMsMin: number;
  readonly syncMsMean: number;
  /** Chance that one sync takes a hundred times as long. */
  readonly stall: number;
}

/** Mean true time between two faults of a kind, over the whole cluster; Infinity: never. */
export interface FaultPeriods {
  readonly crashMs: number;
  /** A peer is asked to stop, and started again. */
  readonly restartMs: number;
  readonly pauseMs: number;
  readonly partitionMs: number;
  readonly diskFailureMs: number;
  readonly transferMs: number;
  readonly snapshotMs: number;
  readonly membershipMs: number;
  /** A peer is away for so long that it is taken for dead. */
  readonly absenceMs: number;
  readonly drainMs: number;
}

export interface FaultRates {
  readonly network: NetworkRates;
  readonly disk: DiskRates;
  readonly periods: FaultPeriods;
  /** Clocks run at 1 / (1 + drift) to 1 + drift of true time. */
  readonly clockDrift: number;
  /** Mean true time between two settings of a wall clock, over the whole cluster. */
  readonly wallJumpMs: number;
  readonly cache: CacheFaultPeriods;
}

/** Faults that aim at one rule of the cache each, see `cache_nemesis.ts`. */
export const CACHE_FAULTS = [
  "late home",
  "stale home",
  "moved home",
  "late renewal",
  "late write-back",
  "late eviction",
  "asleep holder",
] as const;

export type CacheFault = (typeof CACHE_FAULTS)[number];

/** Mean true time between two of them; where there is none: never. */
export type CacheFaultPeriods = ReadonlyMap<CacheFault, number>;

/** Where leases rest on clocks, no two of them differ by more than 5 %. */
const LEASE_DRIFT_MAX = 0.0247;

/**
 * The rates of a seed whose cluster is used as a cache: drift within what its leases assume, and set wall clocks. In half
 * of the seeds nothing but one or two faults that aim at its rules disturbs it, so that its lines are in use when they
 * strike.
 * @param fault alone disturbs the cluster; null: as chance has it
 */
export function cacheFaultRates(
  rates: FaultRates,
  random: Random,
  fault: CacheFault | null,
): FaultRates {
  const clockDrift = rates.clockDrift * LEASE_DRIFT_MAX / CLOCK_DRIFT_MAX;
  if (fault !== null || random.chance(0.5)) {
    const aims = fault === null ? [random.pick(CACHE_FAULTS), random.pick(CACHE_FAULTS)] : [fault];
    const cache = new Map(aims.map((aim) => [aim, 400 + random.fraction() * 800]));
    return { ...rates, clockDrift, periods: HEALED.periods, cache };
  }
  const some = CACHE_FAULTS.filter(() => random.chance(0.4));
  const wallJumpMs = random.chance(0.5) ? 2_000 + random.fraction() * 10_000 : Infinity;
  return {
    ...rates,
    clockDrift,
    // A lease ends by whichever clock went further: where both stood still or went back at once, nobody could tell.
    wallJumpMs: some.includes("asleep holder") ? Infinity : wallJumpMs,
    cache: new Map(some.map((aim) => [aim, 2_000 + random.fraction() * 6_000])),
    periods: {
      ...rates.periods,
      pauseMs: random.chance(0.6) ? 500 + random.fraction() * 4_000 : Infinity,
      transferMs: random.chance(0.6) ? 500 + random.fraction() * 4_000 : Infinity,
    },
  };
}

/** The slowest and fastest clocks of any seed: what checkers of leases must allow for. */
export const CLOCK_DRIFT_MAX = 0.2;

/** @returns the rates of one seed; equal random states give equal rates */
export function drawFaultRates(random: Random): FaultRates {
  const perhaps = (chance: number, max: number) =>
    random.chance(chance) ? random.fraction() * max : 0;
  const period = (chance: number, minMs: number, maxMs: number) =>
    random.chance(chance) ? minMs + random.fraction() * (maxMs - minMs) : Infinity;
  return {
    network: {
      delayMsMin: 0.05 + random.fraction(),
      delayMsMean: random.chance(0.2) ? 20 + random.fraction() * 80 : 0.2 + random.fraction() * 5,
      loss: perhaps(0.6, 0.1),
      duplication: perhaps(0.5, 0.1),
      reordering: perhaps(0.6, 0.3),
      noticedCut: random.fraction(),
    },
    disk: {
      syncMsMin: 0.05,
      syncMsMean: random.chance(0.2) ? 10 + random.fraction() * 40 : 0.3 + random.fraction() * 3,
      stall: perhaps(0.3, 0.01),
    },
    periods: {
      crashMs: period(0.8, 2_000, 20_000),
      restartMs: period(0.4, 2_000, 15_000),
      pauseMs: period(0.5, 3_000, 20_000),
      partitionMs: period(0.7, 2_000, 20_000),
      diskFailureMs: period(0.4, 5_000, 30_000),
      transferMs: period(0.4, 2_000, 15_000),
      snapshotMs: period(0.6, 2_000, 10_000),
      membershipMs: period(0.6, 3_000, 15_000),
      absenceMs: period(0.3, 10_000, 30_000),
      drainMs: period(0.3, 5_000, 20_000),
    },
    clockDrift: perhaps(0.7, CLOCK_DRIFT_MAX),
    wallJumpMs: Infinity,
    cache: new Map(),
  };
}

/** The rates of the second phase: a quiet machine room. */
export const HEALED: FaultRates = {
  network: {
    delayMsMin: 0.1,
    delayMsMean: 0.5,
    loss: 0,
    duplication: 0,
    reordering: 0,
    noticedCut: 1,
  },
  disk: { syncMsMin: 0.05, syncMsMean: 0.5, stall: 0 },
  periods: {
    crashMs: Infinity,
    restartMs: Infinity,
    pauseMs: Infinity,
    partitionMs: Infinity,
    diskFailureMs: Infinity,
    transferMs: Infinity,
    snapshotMs: Infinity,
    membershipMs: Infinity,
    absenceMs: Infinity,
    drainMs: Infinity,
  },
  clockDrift: 0,
  wallJumpMs: Infinity,
  cache: new Map(),
};

/** @returns a span from the exponential distribution with this mean */
export function exponentialMs(random: Random, meanMs: number): number {
  return -Math.log(1 - random.fraction()) * meanMs;
}
