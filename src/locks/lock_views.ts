/**
 * Locks as people see them. Leases are in group time, which nobody outside knows: a view gives wall-clock
 * times, reckoned from this peer's clock and its estimate of group time now. They are hints.
 */
import type { AcquireAnswer, HeldLock } from "./answers.ts";
import { heldLock } from "./lock_rules.ts";
import type { Lock } from "./lock_state.ts";
import type { AcquireResult, HolderView, LockView, WaiterView } from "./locks.ts";

/** Turns group time into ISO 8601. */
export interface TimeHint {
  /** What to add to group time for milliseconds since 1970. */
  readonly offsetMs: number;
}

export function timeHint(wallMs: number, groupTimeMs: number): TimeHint {
  return { offsetMs: Math.round(wallMs - groupTimeMs) };
}

export function isoTime(groupTimeMs: number, hint: TimeHint): string {
  return new Date(groupTimeMs + hint.offsetMs).toISOString();
}

export function holderView(held: HeldLock, hint: TimeHint): HolderView {
  return {
    owner: held.owner,
    mode: held.mode,
    fencingToken: held.token,
    acquiredAt: isoTime(held.acquiredMs, hint),
    expiresAt: isoTime(held.deadlineMs, hint),
  };
}

export function lockView(lock: Lock, hint: TimeHint): LockView {
  const holders: HolderView[] = [];
  for (const grant of lock.holders.values()) holders.push(holderView(heldLock(grant), hint));
  const waiters: WaiterView[] = [];
  for (let at = lock.first; at !== null; at = at.behind) {
    const { owner, mode, sinceMs } = at;
    waiters.push({ owner: owner.name, mode, waitingSince: isoTime(sinceMs, hint) });
  }
  return { resource: lock.resource, holders, waiters };
}

/** An acquire's final answer as its caller gets it. */
export function acquireResult(
  answer: Exclude<AcquireAnswer, { readonly kind: "cancelled" }>,
  hint: TimeHint,
): AcquireResult {
  switch (answer.kind) {
    case "granted": {
      const expiresAt = isoTime(answer.deadlineMs, hint);
      return { ok: true, fencingToken: answer.token, expiresAt };
    }
    case "held": {
      const holders = answer.holders.map((held) => holderView(held, hint));
      return { ok: false, code: "LOCK_HELD", holders };
    }
    case "deadlock":
      return { ok: false, code: "DEADLOCK", cycle: answer.cycle };
    case "leaseExpired":
      return { ok: false, code: "LEASE_EXPIRED" };
  }
}
