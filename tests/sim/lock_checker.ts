/**
 * Judges a history of lock operations: tokens that strictly increase over the whole cluster, no two
 * incompatible grants that both certainly held at one moment, and linearizability of each resource.
 * The first two are weaker than the third and linear in the history: they name the culprits.
 */
import { checkLinearizable } from "./linearizability.ts";
import {
  type AcquireInput,
  byResource,
  describe,
  type LockInput,
  type LockOperation,
} from "./lock_history.ts";
import { leaseEndMs, lockModel } from "./lock_model.ts";

export interface LockJudgement {
  readonly violations: readonly string[];
  readonly resources: number;
  /** Resources whose history was too hard to decide within the bound. */
  readonly gaveUp: number;
  readonly configurations: number;
}

/** Work for one resource's history; ordinary ones take a few thousand. */
const CONFIGURATIONS_MAX = 300_000;

type Granted = LockOperation & {
  readonly input: AcquireInput & { readonly result: { kind: "granted"; token: number } };
};

/** @param operations the whole history, of all resources */
export function judgeLocks(operations: readonly LockOperation[]): LockJudgement {
  const violations = [...checkTokens(operations), ...checkExclusion(operations)];
  const resources = byResource(operations);
  let gaveUp = 0;
  let configurations = 0;
  for (const [resource, history] of resources) {
    const result = checkLinearizable(history, lockModel(history), CONFIGURATIONS_MAX);
    configurations += result.configurations;
    if (result.verdict === "gaveUp") gaveUp++;
    if (result.verdict !== "violated") continue;
    violations.push(`the history of ${resource} is not linearizable: ${explain(result, history)}`);
  }
  return { violations, resources: resources.size, gaveUp, configurations };
}

/** A grant that began after another had returned has the larger token, whatever their resources. */
export function checkTokens(operations: readonly LockOperation[]): string[] {
  const violations: string[] = [];
  const byCall = operations.filter(isGranted).sort((left, right) => left.callMs - right.callMs);
  const byReturn = [...byCall].sort((left, right) => left.returnMs - right.returnMs);
  const grantOf = new Map<number, Granted>();
  let returned = 0;
  let largest: Granted | null = null;
  for (const grant of byCall) {
    const { token } = grant.input.result;
    while (byReturn[returned]!.returnMs < grant.callMs) {
      const earlier = byReturn[returned++]!;
      if (largest === null || earlier.input.result.token > largest.input.result.token) {
        largest = earlier;
      }
    }
    const twin = grantOf.get(token);
    if (twin !== undefined && keyOf(twin) !== keyOf(grant)) {
      violations.push(`token ${token} was granted twice: ${describe(twin)}; ${describe(grant)}`);
    }
    // The same owner asking again keeps its token; so does a retry.
    if (largest !== null && token < largest.input.result.token && twin === undefined) {
      const isKept = byCall.some((other) => other !== grant && keyOf(other) === keyOf(grant));
      if (!isKept) violations.push(`tokens go back: ${describe(largest)}; ${describe(grant)}`);
    }
    grantOf.set(token, grant);
  }
  return violations;
}

/** Between a grant's return and its release's call (or its lease's earliest end) it certainly holds. */
export function checkExclusion(operations: readonly LockOperation[]): string[] {
  const violations: string[] = [];
  for (const history of byResource(operations).values()) {
    const holds = history.filter(isGranted).map((grant) => ({
      grant,
      fromMs: grant.returnMs,
      untilMs: heldUntilMs(grant, history),
    })).filter(({ fromMs, untilMs }) => fromMs < untilMs)
      .sort((left, right) => left.fromMs - right.fromMs);
    holds.forEach((left, place) => {
      for (const right of holds.slice(place + 1)) {
        if (right.fromMs >= left.untilMs) break;
        if (right.grant.input.owner === left.grant.input.owner) continue;
        if (left.grant.input.mode === "shared" && right.grant.input.mode === "shared") continue;
        violations.push(`two hold it: ${describe(left.grant)}; ${describe(right.grant)}`);
      }
    });
  }
  return violations;
}

/** The first later call of the same owner that may end or shorten the grant, else its lease's end. */
function heldUntilMs(grant: Granted, history: readonly LockOperation[]): number {
  let untilMs = leaseEndMs(grant.callMs, grant.input.ttlMs);
  for (const { input, callMs, returnMs } of history) {
    if (input.kind === "status" || input.owner !== grant.input.owner) continue;
    if (input === grant.input || returnMs < grant.callMs) continue;
    untilMs = Math.min(untilMs, Math.max(callMs, grant.callMs));
  }
  return untilMs;
}

function isGranted(operation: LockOperation): operation is Granted {
  return operation.input.kind === "acquire" && operation.input.result.kind === "granted";
}

function keyOf({ input }: Granted): string {
  return `${input.resource} ${input.owner}`;
}

/** The end of the longest order found, and what could not follow it. */
function explain(
  result: { readonly longest: readonly LockOperation[] },
  history: readonly LockOperation[],
): string {
  const placed = new Set<LockInput>(result.longest.map(({ input }) => input));
  const left = history.filter(({ input, returnMs }) => !placed.has(input) && returnMs !== Infinity);
  const lines = [
    "in order:",
    ...result.longest.slice(-8).map(describe),
    "cannot follow:",
    ...left.sort((one, other) => one.returnMs - other.returnMs).slice(0, 6).map(describe),
  ];
  return lines.join("\n    ");
}
