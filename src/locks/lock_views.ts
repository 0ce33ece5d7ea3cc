/**
 * Locks as people see them. Leases are in group time, which nobody outside knows: a view gives wall-clock
 * times, reckoned from this peer's clock and its estimate of group time now. They are hints.
 */
import type { AcquireAnswer, HeldLock } from "./answers.ts";
import { isoTime } from "../iso_time.ts";
import { heldLock } from "./lock_rules.ts";
import type { Lock } from "./lock_state.ts";
import type { AcquireResult, HolderView, LockView, WaiterView } from "./locks.ts";

/** What to add to group time for whole milliseconds since 1970. */
export type WallOffsetMs = number;

/**
 * @param wallMs this peer's clock
 * @param groupTimeMs its estimate of group time at the same moment
 */
export function wallOffset(wallMs: number, groupTimeMs: number): WallOffsetMs {
  return Math.round(wallMs - groupTimeMs);
}

export function holderView(held: HeldLock, offsetMs: WallOffsetMs): HolderView {
  return {
    owner: held.owner,
    mode: held.mode,
    fencingToken: held.token,
    acquiredAt: isoTime(held.acquiredMs + offsetMs),
    expiresAt: isoTime(held.deadlineMs + offsetMs),
  };
}

export function lockView(lock: Lock, offsetMs: WallOffsetMs): LockView {
  const holders: HolderView[] = [];
  for (const grant of lock.holders.values()) holders.push(holderView(heldLock(grant), offsetMs));
  const waiters: WaiterView[] = [];
  for (let at = lock.first; at !== null; at = at.behind) {
    const { owner, mode, sinceMs } = at;
    waiters.push({ owner: owner.name, mode, waitingSince: isoTime(sinceMs + offsetMs) });
  }
  return { resource: lock.resource, holders, waiters };
}

/** An acquire's final answer as its caller gets it. */
export function acquireResult(
  answer: Exclude<AcquireAnswer, { readonly kind: "cancelled" }>,
  offsetMs: WallOffsetMs,
): AcquireResult {
  switch (answer.kind) {
    case "granted": {
      const expiresAt = isoTime(answer.deadlineMs + offsetMs);
      return { ok: true, fencingToken: answer.token, expiresAt };
    }
    case "held": {
      const holders = answer.holders.map((held) => holderView(held, offsetMs));
      return { ok: false, code: "LOCK_HELD", holders };
    }
    case "deadlock":
      return { ok: false, code: "DEADLOCK", cycle: answer.cycle };
    case "leaseExpired":
      return { ok: false, code: "LEASE_EXPIRED" };
  }
}
