/**
 * What clients of the lock service asked and were told, with the true times of both: the input of the
 * checkers. One event here is one operation of a user, whatever number of attempts it took.
 */
import type { LockMode } from "../../src/locks/locks.ts";
import type { Operation } from "./linearizability.ts";

export type LockInput = AcquireInput | ReleaseInput | RenewInput | StatusInput;

interface Addressed {
  readonly resource: string;
  readonly owner: string;
}

export interface AcquireInput extends Addressed {
  readonly kind: "acquire";
  readonly mode: LockMode;
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly result:
    | { readonly kind: "granted"; readonly token: number }
    | { readonly kind: "held" }
    | { readonly kind: "deadlock" }
    | { readonly kind: "leaseExpired" }
    | { readonly kind: "unknown" };
}

export interface ReleaseInput extends Addressed {
  readonly kind: "release";
  /** Null: whatever this owner holds. */
  readonly token: number | null;
  readonly result: { readonly kind: "done" | "notHeld" | "unknown" };
}

export interface RenewInput extends Addressed {
  readonly kind: "renew";
  readonly token: number | null;
  readonly ttlMs: number;
  readonly result:
    | { readonly kind: "renewed"; readonly token: number }
    | { readonly kind: "notHeld" }
    | { readonly kind: "unknown" };
}

export interface StatusInput {
  readonly kind: "status";
  readonly resource: string;
  readonly holders: readonly {
    readonly owner: string;
    readonly mode: LockMode;
    readonly token: number;
  }[];
}

export type LockOperation = Operation<LockInput>;

/** One line for a person: when, who, what, and what came of it. */
export function describe({ input, callMs, returnMs }: LockOperation): string {
  const when = `${callMs.toFixed(1)} .. ${returnMs === Infinity ? "?" : returnMs.toFixed(1)} ms`;
  switch (input.kind) {
    case "acquire": {
      const { owner, resource, mode, waitMs, ttlMs, result } = input;
      const outcome = result.kind === "granted" ? `granted ${result.token}` : result.kind;
      return `${when}  ${owner} acquire ${resource} ${mode} wait ${waitMs} ttl ${ttlMs}: ${outcome}`;
    }
    case "release":
      return `${when}  ${input.owner} release ${input.resource} token ${input.token}: ${input.result.kind}`;
    case "renew": {
      const { owner, resource, token, ttlMs, result } = input;
      const outcome = result.kind === "renewed" ? `renewed ${result.token}` : result.kind;
      return `${when}  ${owner} renew ${resource} token ${token} ttl ${ttlMs}: ${outcome}`;
    }
    case "status": {
      const holders = input.holders.map(({ owner, mode, token }) => `${owner}/${mode}/${token}`);
      return `${when}  status ${input.resource}: [${holders.join(" ")}]`;
    }
  }
}

/** @returns each resource's operations, in order of their calls */
export function byResource(
  operations: readonly LockOperation[],
): ReadonlyMap<string, readonly LockOperation[]> {
  const resources = new Map<string, LockOperation[]>();
  for (const operation of [...operations].sort((left, right) => left.callMs - right.callMs)) {
    const { resource } = operation.input;
    const list = resources.get(resource) ?? [];
    list.push(operation);
    resources.set(resource, list);
  }
  return resources;
}
