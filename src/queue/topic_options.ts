/**
 * The options of a topic: defaults, bounds, and their form in commands and snapshots. The topic's home (lane 0)
 * decides them and counts their revisions; other lanes adopt what commands bring along.
 */
import { LIMITS } from "../limits.ts";
import type { TopicOptions } from "./queue.ts";

export const DEFAULT_TOPIC_OPTIONS: TopicOptions = {
  lanes: 1,
  visibilityMs: 30_000,
  maxAttempts: 16,
  dedupWindowMs: 300_000,
  backoffMs: [],
  paused: false,
};

/** What a caller wants to be otherwise; null: as it is, or the default. */
export type TopicChanges = { readonly [K in keyof TopicOptions]: TopicOptions[K] | null };

/** Options as the home gave them. */
export interface TopicSettings {
  readonly options: TopicOptions;
  /** 0: the defaults, as nobody has configured anything. Higher ones are newer. */
  readonly revision: number;
}

/** `[lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused]` */
type OptionFields = readonly [
  number | null,
  number | null,
  number | null,
  number | null,
  readonly number[] | null,
  boolean | null,
];

const FIELDS = 6;

export function encodeChanges(changes: TopicChanges): OptionFields {
  const { lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused } = changes;
  return [lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused];
}

/** @returns undefined for what is out of its bounds */
export function decodeChanges(value: unknown): TopicChanges | undefined {
  if (!Array.isArray(value) || value.length < FIELDS) return undefined;
  const [lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused] = value;
  const { queueVisibilityMinMs, queueVisibilityMaxMs } = LIMITS;
  if (lanes !== null && !isWithin(lanes, 1, LIMITS.queueLanesMax)) return undefined;
  if (
    visibilityMs !== null && !isWithin(visibilityMs, queueVisibilityMinMs, queueVisibilityMaxMs)
  ) {
    return undefined;
  }
  if (maxAttempts !== null && !isWithin(maxAttempts, 0, LIMITS.queueAttemptsMax)) return undefined;
  if (dedupWindowMs !== null && !isWithin(dedupWindowMs, 0, LIMITS.queueDedupWindowMaxMs)) {
    return undefined;
  }
  if (backoffMs !== null && !isBackoff(backoffMs)) return undefined;
  if (paused !== null && typeof paused !== "boolean") return undefined;
  return { lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused };
}

function isBackoff(value: unknown): value is readonly number[] {
  if (!Array.isArray(value) || value.length > LIMITS.queueBackoffsMax) return false;
  return value.every((delayMs) => isWithin(delayMs, 0, LIMITS.queueDelayMaxMs));
}

export function encodeSettings({ options, revision }: TopicSettings): readonly unknown[] {
  return [...encodeChanges(options), revision];
}

/** @returns undefined for what is not whole, or out of its bounds */
export function decodeSettings(value: unknown): TopicSettings | undefined {
  const changes = decodeChanges(value);
  if (changes === undefined) return undefined;
  const revision = (value as readonly unknown[])[FIELDS];
  if (!isWithin(revision, 0, Number.MAX_SAFE_INTEGER)) return undefined;
  if (Object.values(changes).some((option) => option === null)) return undefined;
  return { options: changes as TopicOptions, revision };
}

/** @returns the options with the changes that are named */
export function mergeOptions(options: TopicOptions, changes: TopicChanges): TopicOptions {
  return {
    lanes: changes.lanes ?? options.lanes,
    visibilityMs: changes.visibilityMs ?? options.visibilityMs,
    maxAttempts: changes.maxAttempts ?? options.maxAttempts,
    dedupWindowMs: changes.dedupWindowMs ?? options.dedupWindowMs,
    backoffMs: changes.backoffMs ?? options.backoffMs,
    paused: changes.paused ?? options.paused,
  };
}

export function sameOptions(a: TopicOptions, b: TopicOptions): boolean {
  return a.lanes === b.lanes && a.visibilityMs === b.visibilityMs &&
    a.maxAttempts === b.maxAttempts && a.dedupWindowMs === b.dedupWindowMs &&
    a.paused === b.paused && a.backoffMs.length === b.backoffMs.length &&
    a.backoffMs.every((delayMs, place) => delayMs === b.backoffMs[place]);
}

/** Whether a value is an integer within these bounds, both included. */
export function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
