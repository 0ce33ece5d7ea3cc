/** All mutants, by the part of the source that they break. */
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [];
