/**
 * The lock service as its callers see it: HTTP, the command line and embedding programs. `service.ts`
 * implements it over group 0; the rules themselves are in `machine.ts`.
 */
import type { RequestKey } from "../groups/groups.ts";

export type LockMode = "shared" | "exclusive";

export interface AcquireRequest {
  readonly resource: string;
  readonly owner: string;
  readonly mode: LockMode;
  /** How long to wait in the queue; 0 = a try-lock. */
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly request: RequestKey | null;
  /**
   * Aborted when nobody can receive the answer any more: the acquire is then cancelled. Heard also after
   * the promise has resolved, because an answer may be lost on its way: the grant is then released.
   */
  readonly signal: AbortSignal | null;
}

export interface HolderView {
  readonly owner: string;
  readonly mode: LockMode;
  readonly fencingToken: number;
  /** ISO 8601, hints: leases end in group time. */
  readonly acquiredAt: string;
  readonly expiresAt: string;
}

export interface WaiterView {
  readonly owner: string;
  readonly mode: LockMode;
  readonly waitingSince: string;
}

export interface LockView {
  readonly resource: string;
  readonly holders: readonly HolderView[];
  readonly waiters: readonly WaiterView[];
}

/** `owner` waits for `resource`, because of these holders and earlier waiters. */
export interface WaitForEdge {
  readonly owner: string;
  readonly resource: string;
  readonly holders: readonly string[];
}

export type AcquireResult =
  | { readonly ok: true; readonly fencingToken: number; readonly expiresAt: string }
  /** Somebody else holds it, and the wait (if any) is over. */
  | { readonly ok: false; readonly code: "LOCK_HELD"; readonly holders: readonly HolderView[] }
  /** The youngest waiter of a cycle; `cycle` goes around once: owner waits for resource, held by the next. */
  | { readonly ok: false; readonly code: "DEADLOCK"; readonly cycle: readonly WaitForEdge[] }
  /** A retry of a request whose grant has ended in the meantime. */
  | { readonly ok: false; readonly code: "LEASE_EXPIRED" };

export interface HeldRequest {
  readonly resource: string;
  readonly owner: string;
  /** Null: whatever this owner holds. */
  readonly fencingToken: number | null;
  readonly request: RequestKey | null;
}

export type ReleaseResult = { readonly ok: true } | {
  readonly ok: false;
  readonly code: "NOT_HELD";
};

export type RenewResult =
  | { readonly ok: true; readonly fencingToken: number; readonly expiresAt: string }
  | { readonly ok: false; readonly code: "NOT_HELD" };

export interface ReadOptions {
  /** True: from this peer's own state, which may lag. False: linearizable. */
  readonly stale: boolean;
}

/** All methods reject with `SkeinError` where the cluster could not answer (see `Groups.propose`). */
export interface Locks {
  acquire(request: AcquireRequest): Promise<AcquireResult>;
  release(request: HeldRequest): Promise<ReleaseResult>;
  /** @param ttlMs the new lease from now; null: the length that was asked for at acquire */
  renew(request: HeldRequest & { readonly ttlMs: number | null }): Promise<RenewResult>;
  /** Null: nobody holds it and nobody waits. */
  status(resource: string, options: ReadOptions): Promise<LockView | null>;
  list(options: ReadOptions): Promise<readonly LockView[]>;
  graph(options: ReadOptions): Promise<readonly WaitForEdge[]>;
}
