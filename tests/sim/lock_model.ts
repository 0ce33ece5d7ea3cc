/**
 * One lock as a sequential object, for the linearizability checker. Leases make it nondeterministic: once
 * a grant's lease may be over, the service may or may not have ended it, so an operation that needs it
 * gone drops it. Before that moment nothing but a release ends a grant: an outage may lengthen a
 * lease and never shorten one.
 */
import type { LockMode } from "../../src/locks/locks.ts";
import { CLOCK_DRIFT_MAX } from "./fault_rates.ts";
import type { Model } from "./linearizability.ts";
import type {
  AcquireInput,
  LockInput,
  LockOperation,
  ReleaseInput,
  RenewInput,
  StatusInput,
} from "./lock_history.ts";

interface Holder {
  readonly owner: string;
  readonly mode: LockMode;
  /** 0: granted to a caller that never learned its token. */
  readonly token: number;
  /** True time from which the lease may be over. */
  readonly leaseEndMs: number;
}

export interface LockState {
  readonly holders: readonly Holder[];
  /** The largest token that anybody has seen. */
  readonly tokenMax: number;
}

/** Group time is stamped in whole milliseconds: a lease may look this much shorter. */
const ROUNDING_MS = 2;

/** @returns the earliest true time at which a lease of `ttlMs` asked for at `callMs` may end */
export function leaseEndMs(callMs: number, ttlMs: number): number {
  return callMs + ttlMs / (1 + CLOCK_DRIFT_MAX) - ROUNDING_MS;
}

/** @param operations all of one resource: a refusal may be due to a waiter among them */
export function lockModel(operations: readonly LockOperation[]): Model<LockInput, LockState> {
  const waits = operations.filter(({ input }) => input.kind === "acquire" && input.waitMs > 0);
  const hasWaiterDuring = (operation: LockOperation) =>
    waits.some((wait) =>
      wait !== operation && wait.callMs <= operation.returnMs && wait.returnMs >= operation.callMs
    );
  return {
    initial: { holders: [], tokenMax: 0 },
    step(state, operation) {
      const { input } = operation;
      switch (input.kind) {
        case "acquire":
          return acquire(state, operation, input, hasWaiterDuring(operation));
        case "release":
          return release(state, operation, input);
        case "renew":
          return renew(state, operation, input);
        case "status":
          return status(state, operation, input);
      }
    },
    keyOf({ holders, tokenMax }) {
      const keys = holders.map((holder) =>
        `${holder.owner}/${holder.mode}/${holder.token}/${holder.leaseEndMs}`
      );
      return `${keys.sort().join(" ")} ${tokenMax}`;
    },
  };
}

function acquire(
  state: LockState,
  operation: LockOperation,
  input: AcquireInput,
  hasWaiter: boolean,
): LockState[] {
  const { result } = input;
  switch (result.kind) {
    case "granted":
      return grant(state, operation, input, result.token);
    case "unknown":
      return grant(state, operation, input, 0);
    case "leaseExpired":
      // It was granted once, and that grant has ended by now, before or after others' operations.
      return [
        state,
        ...grant(state, operation, input, 0).map((after) => endable(after, input.owner)),
      ];
    case "deadlock":
      return input.waitMs > 0 ? [state] : [];
    case "held": {
      const isHeld = state.holders.some((holder) => holder.owner !== input.owner);
      return isHeld || hasWaiter ? [state] : [];
    }
  }
}

/** @param token 0 where the caller never learned it */
function grant(
  state: LockState,
  operation: LockOperation,
  input: AcquireInput,
  token: number,
): LockState[] {
  const others: Holder[] = [];
  for (const holder of state.holders) {
    if (holder.owner === input.owner) continue;
    if (holder.mode === "shared" && input.mode === "shared") others.push(holder);
    else if (!mayBeOver(holder, operation)) return [];
  }
  const own = state.holders.find((holder) => holder.owner === input.owner);
  const leaseEnd = leaseEndMs(operation.callMs, input.ttlMs);
  const after = (mode: LockMode, known: number): LockState => ({
    holders: [...others, { owner: input.owner, mode, token: known, leaseEndMs: leaseEnd }],
    tokenMax: Math.max(state.tokenMax, known),
  });
  const isNew = token === 0 || token > state.tokenMax;
  const fresh = isNew ? [after(input.mode, token)] : [];
  if (own === undefined) return fresh;
  if (own.mode === "shared" && input.mode === "exclusive") return fresh;
  // Asking again for what one holds refreshes the lease and keeps the token.
  const kept = token === 0 || own.token === 0 || own.token === token
    ? [after(own.mode, token === 0 ? own.token : token)]
    : [];
  return mayBeOver(own, operation) ? [...fresh, ...kept] : kept;
}

function release(state: LockState, operation: LockOperation, input: ReleaseInput): LockState[] {
  const own = state.holders.find((holder) => holder.owner === input.owner);
  const matches = own !== undefined &&
    (input.token === null || own.token === 0 || own.token === input.token);
  if (input.result.kind === "notHeld") return notHeld(state, operation, own, input.token);
  return matches ? [without(state, own)] : [];
}

function renew(state: LockState, operation: LockOperation, input: RenewInput): LockState[] {
  const own = state.holders.find((holder) => holder.owner === input.owner);
  const { result } = input;
  if (result.kind === "notHeld") return notHeld(state, operation, own, input.token);
  if (own === undefined) return [];
  if (input.token !== null && own.token !== 0 && own.token !== input.token) return [];
  const token = result.kind === "renewed" ? result.token : own.token;
  if (own.token !== 0 && own.token !== token) return [];
  const renewed = { ...own, token, leaseEndMs: leaseEndMs(operation.callMs, input.ttlMs) };
  return [{
    holders: [...without(state, own).holders, renewed],
    tokenMax: Math.max(state.tokenMax, token),
  }];
}

function status(state: LockState, operation: LockOperation, input: StatusInput): LockState[] {
  const holders: Holder[] = [];
  let tokenMax = state.tokenMax;
  for (const holder of state.holders) {
    const seen = input.holders.find(({ owner }) => owner === holder.owner);
    if (seen === undefined) {
      if (!mayBeOver(holder, operation)) return [];
      continue;
    }
    if (seen.mode !== holder.mode) return [];
    if (holder.token !== 0 && holder.token !== seen.token) return [];
    holders.push({ ...holder, token: seen.token });
    tokenMax = Math.max(tokenMax, seen.token);
  }
  return holders.length === input.holders.length ? [{ holders, tokenMax }] : [];
}

/** "You do not hold it" is right where there is no such grant, or it may be over, or has another token. */
function notHeld(
  state: LockState,
  operation: LockOperation,
  own: Holder | undefined,
  token: number | null,
): LockState[] {
  if (own === undefined) return [state];
  const isOther = token !== null && own.token !== token;
  const states = isOther ? [state] : [];
  return mayBeOver(own, operation) ? [without(state, own), ...states] : states;
}

function mayBeOver(holder: Holder, operation: LockOperation): boolean {
  return holder.leaseEndMs <= operation.returnMs;
}

function without(state: LockState, gone: Holder): LockState {
  return { ...state, holders: state.holders.filter((holder) => holder !== gone) };
}

function endable(state: LockState, owner: string): LockState {
  const holders = state.holders.map((holder) =>
    holder.owner === owner ? { ...holder, leaseEndMs: 0 } : holder
  );
  return { ...state, holders };
}
