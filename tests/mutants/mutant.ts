/**
 * A mutant: one small, named, wrong edit of the source, and which tests are expected to notice. One that
 * nobody notices is a missing test. The edit is exact text that occurs once in its file, so that a
 * change of the source which passes a mutant by is an error and not a silent gap.
 */

import type { CacheFault } from "../sim/fault_rates.ts";

/** What to run on the edited tree; the first one that fails has caught the mutant. */
export type Catcher =
  /** Tests of a folder or file. */
  | { readonly kind: "test"; readonly path: string }
  /** The simulator over this many seeds, of clusters that are used as a cache, or otherwise. */
  | {
    readonly kind: "sim";
    readonly seeds: number;
    readonly workload: "cache" | "others";
    /** What alone disturbs a cache; null: as the seeds have it. */
    readonly fault: CacheFault | null;
  };

export interface Mutant {
  /** What is wrong, in a few words; also its name on the command line. */
  readonly name: string;
  readonly file: string;
  readonly search: string;
  readonly replace: string;
  readonly caughtBy: readonly Catcher[];
}

export function test(path: string): Catcher {
  return { kind: "test", path };
}

export function sim(seeds = 40): Catcher {
  return { kind: "sim", seeds, workload: "others", fault: null };
}

export function cacheSim(seeds = 60, fault: CacheFault | null = null): Catcher {
  return { kind: "sim", seeds, workload: "cache", fault };
}

/** @returns the edited source, or why the edit does not apply */
export function mutate(
  source: string,
  { search, replace }: Pick<Mutant, "search" | "replace">,
): { readonly ok: true; readonly source: string } | { readonly ok: false; readonly why: string } {
  const places = source.split(search).length - 1;
  if (places !== 1) return { ok: false, why: `its text occurs ${places} times, not once` };
  if (search === replace) return { ok: false, why: "it changes nothing" };
  return { ok: true, source: source.replace(search, () => replace) };
}
