/**
 * What the locks machine answers, and what an applied entry causes beside its answer. Answers travel to the
 * proposer as msgpack, and are remembered with request ids: they are plain, and bounded, however many hold
 * or wait for a lock.
 */
import type { Attachment, Effect } from "../groups/machine.ts";
import type { RefusedAnswer } from "../groups/refusal.ts";
import type { LockMode, WaitForEdge } from "./locks.ts";

/** A grant as it stood at some group time. */
export interface HeldLock {
  readonly owner: string;
  readonly mode: LockMode;
  readonly token: number;
  readonly acquiredMs: number;
  readonly deadlineMs: number;
}

export interface GrantedAnswer {
  readonly kind: "granted";
  readonly token: number;
  readonly deadlineMs: number;
}

/** Ends an acquire, at once or after a wait. */
export type AcquireAnswer =
  | GrantedAnswer
  /** The try failed, or the wait is over. At most `HOLDERS_SHOWN_MAX` holders. */
  | { readonly kind: "held"; readonly holders: readonly HeldLock[] }
  /** This waiter was the youngest of a cycle. */
  | { readonly kind: "deadlock"; readonly cycle: readonly WaitForEdge[] }
  /** A retry of a request whose grant has ended. */
  | { readonly kind: "leaseExpired" }
  /** The waiter was taken away because nobody could receive its answer; a retry is a new request. */
  | { readonly kind: "cancelled" };

export type LockAnswer =
  | AcquireAnswer
  | { readonly kind: "waiting"; readonly ticket: number }
  | { readonly kind: "released" }
  | { readonly kind: "renewed"; readonly token: number; readonly deadlineMs: number }
  | { readonly kind: "notHeld" }
  /** Of a cancel: what was found under the attachment. */
  | { readonly kind: "ended"; readonly found: "waiter" | "grant" | "nothing" }
  /** Of a detach. */
  | { readonly kind: "detached"; readonly waiters: number }
  | RefusedAnswer;

/** A wait ended: whoever holds the request open can answer it. */
export interface SettledEffect extends Effect {
  readonly kind: "settled";
  readonly settles: { readonly ticket: number; readonly answer: AcquireAnswer };
  readonly attachments: readonly Attachment[];
}

/** A cycle was found, and broken by refusing its youngest waiter. */
export interface DeadlockEffect extends Effect {
  readonly kind: "deadlock";
  readonly victim: { readonly owner: string; readonly resource: string };
  readonly cycle: readonly WaitForEdge[];
}

/** The lease of a lock that others want has ended without a release. */
export interface LeaseTimeoutEffect extends Effect {
  readonly kind: "leaseTimeout";
  readonly resource: string;
  readonly owner: string;
  readonly token: number;
  /** At most `WAITERS_SHOWN_MAX`, first in the queue first. */
  readonly waiters: readonly string[];
}

export type LockEffect = SettledEffect | DeadlockEffect | LeaseTimeoutEffect;

/** How many holders a refusal names. */
export const HOLDERS_SHOWN_MAX = 64;
/** How many waiters an effect names. */
export const WAITERS_SHOWN_MAX = 16;
/** How many edges of a cycle, from the victim on, an answer names. */
export const CYCLE_SHOWN_MAX = 1_000;
/** How many of those that a waiter waits for one edge names. */
export const BLOCKERS_SHOWN_MAX = 64;
