/** Judges a history of the cache: one version names one write, and each key is linearizable but for what was lost. */
import {
  type CacheInput,
  type CacheOperation,
  describeCacheOperation,
  type Loss,
} from "./cache_history.ts";
import { cacheModel } from "./cache_model.ts";
import { checkLinearizable } from "./linearizability.ts";

export interface CacheJudgement {
  readonly violations: readonly string[];
  readonly keys: number;
  /** Keys whose history was too hard to decide within the bound. */
  readonly gaveUp: number;
  /** Reads that were answered. */
  readonly reads: number;
  /** Writes that were answered. */
  readonly writes: number;
}

/** Work for one key's history. */
const CONFIGURATIONS_MAX = 400_000;

export function judgeCache(
  operations: readonly CacheOperation[],
  losses: readonly Loss[],
): CacheJudgement {
  const byKey = Map.groupBy(operations, ({ input }) => input.key);
  const violations: string[] = [];
  let gaveUp = 0;
  for (const [key, history] of byKey) {
    const result = checkLinearizable<CacheInput, unknown>(
      history,
      cacheModel(losses) as Parameters<typeof checkLinearizable<CacheInput, unknown>>[1],
      CONFIGURATIONS_MAX,
    );
    if (result.verdict === "gaveUp") gaveUp++;
    if (result.verdict !== "violated") continue;
    violations.push(
      `the history of ${key} is not linearizable: ${explain(result.longest, history)}`,
    );
  }
  const reads = operations.filter(({ input }) => input.kind === "get").length;
  const writes = operations.filter(({ input }) => input.kind === "put" && input.result === "ok");
  return { violations, keys: byKey.size, gaveUp, reads, writes: writes.length };
}

/** What could be put in order, and what nobody can explain behind it. */
function explain(longest: readonly CacheOperation[], history: readonly CacheOperation[]): string {
  const placed = new Set(longest);
  const rest = history.filter((operation) => !placed.has(operation))
    .sort((left, right) => left.returnMs - right.returnMs);
  const lines = [
    ...longest.slice(-6).map((operation) => `  ${describeCacheOperation(operation)}`),
    "  and then none of",
    ...rest.slice(0, 6).map((operation) => `  ${describeCacheOperation(operation)}`),
  ];
  return `\n${lines.join("\n")}`;
}
