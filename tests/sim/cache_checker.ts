/** Judges a history of the cache: one version names one write, and each key is linearizable but for what was lost. */
import { parseVersion, type Version } from "../../src/cache/version.ts";
import {
  type CacheInput,
  type CacheOperation,
  describeCacheOperation,
  type PutInput,
} from "./cache_history.ts";
import type { CacheLedger } from "./cache_ledger.ts";
import { type CacheKnowledge, cacheModel } from "./cache_model.ts";
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
/** A line takes no write while an older one is not written back for so many flush intervals. */
const UNCONFIRMED_INTERVALS = 2;
/** Clocks of peers are slower by no more than this. */
const CLOCK_RATE_MAX = 1.03;

type Put = CacheOperation & { readonly input: PutInput };

export interface CacheTiming {
  /** The minimum one. */
  readonly electionTimeoutMs: number;
  readonly flushIntervalMs: number;
}

/** @param marks what each version was seen to name, by key and version */
export function judgeCache(
  operations: readonly CacheOperation[],
  ledger: CacheLedger,
  marks: ReadonlyMap<string, string>,
  { electionTimeoutMs, flushIntervalMs }: CacheTiming,
): CacheJudgement {
  const putsOf = operations.filter((operation): operation is Put => operation.input.kind === "put");
  const puts = new Map(putsOf.map((put) => [put.input.mark, put]));
  const versions = new Map<string, Version>();
  for (const [name, mark] of marks) {
    versions.set(mark, parseVersion(name.slice(name.lastIndexOf(" ") + 1))!);
  }
  const knowledge = { ledger, versions, puts, electionTimeoutMs };
  const violations = judgeAges(knowledge, flushIntervalMs);
  const byKey = Map.groupBy(operations, ({ input }) => input.key);
  let gaveUp = 0;
  for (const [key, history] of byKey) {
    const result = checkLinearizable<CacheInput, unknown>(
      history,
      cacheModel(knowledge) as Parameters<typeof checkLinearizable<CacheInput, unknown>>[1],
      CONFIGURATIONS_MAX,
    );
    if (result.verdict === "gaveUp") gaveUp++;
    if (result.verdict !== "violated") continue;
    violations.push(
      `the history of ${key} is not linearizable: ${explain(result.longest, history)}`,
    );
  }
  const reads = operations.filter(({ input }) => input.kind === "get").length;
  const writes = putsOf.filter(({ input }) => input.result === "ok").length;
  return { violations, keys: byKey.size, gaveUp, reads, writes };
}

/** Whether no line took a write while it could yet lose too old a one. @returns what is wrong */
function judgeAges(knowledge: CacheKnowledge, flushIntervalMs: number): string[] {
  const { ledger, versions, puts } = knowledge;
  const ageMaxMs = UNCONFIRMED_INTERVALS * flushIntervalMs * CLOCK_RATE_MAX;
  const violations: string[] = [];
  const written = [...puts.values()].flatMap((put) => {
    const version = versions.get(put.input.mark);
    const { result, way, life } = put.input;
    const isAnswered = result === "ok" && way !== "home" && !ledger.hasSlept(life);
    return isAnswered && version !== undefined ? [{ put, version }] : [];
  });
  const byGrant = Map.groupBy(
    written,
    ({ put, version }) => `${put.input.key} ${version.term}.${version.counter}`,
  );
  for (const underGrant of byGrant.values()) {
    for (const { put } of underGrant) {
      const old = underGrant.filter(({ put: { returnMs }, version }) =>
        put.callMs - returnMs > ageMaxMs &&
        !ledger.wasCommitted(put.input.key, version, put.returnMs)
      );
      if (old.length === 0) continue;
      const lines = [...old.map((one) => one.put), put].map(describeCacheOperation);
      violations.push(
        `${put.input.key} was written over what was not written back for too long:\n  ${
          lines.join("\n  ")
        }`,
      );
    }
  }
  return violations;
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
