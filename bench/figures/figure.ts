/** One line of the figures: what was measured, with its unit, and what it aims at. */
export interface Figure {
  readonly name: string;
  readonly measured: string;
  readonly aim: string;
}

/** A number with thousands marked. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-GB");
}

/** The value below which this share of the samples lies. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
