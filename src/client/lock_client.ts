/**
 * Locks, as a program uses them. Reached as `client.locks`; what they guarantee is said in the design,
 * "Locks". Times go in and out in milliseconds here, and in seconds on the wire.
 */
import { type Json, toEdge, toLock } from "./answers.ts";
import type { Call, Requester } from "./requester.ts";
import { SkeinError } from "../errors.ts";
import type { LockMode, LockView, WaitForEdge } from "../locks/locks.ts";

export interface CallOptions {
  /** Ends the call; a lock that is waited for is then no longer waited for. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** An id of the caller's own, so that even another process can send the same write again. */
  readonly requestId?: string;
}

export interface AcquireOptions extends WriteOptions {
  /** Who locks; the client's own name where absent. */
  readonly owner?: string;
  /** `exclusive` where absent. */
  readonly mode?: LockMode;
  /** How long to wait while others hold it; 0 where absent: not at all. */
  readonly waitMs?: number;
  /** How long the lease lasts; the peers' setting where absent. */
  readonly ttlMs?: number;
}

/** What `release` and `renew` are about; a `LockGrant` is one. */
export interface HeldLock {
  readonly resource: string;
  readonly owner: string;
  /** Absent: whatever this owner holds. */
  readonly fencingToken?: number;
}

export interface LockGrant extends HeldLock {
  /** Larger than that of every earlier grant in the cluster. Pass it to what the lock protects. */
  readonly fencingToken: number;
  /** ISO 8601; a hint, because leases end in the cluster's own time. */
  readonly expiresAt: string;
}

export interface ReadOptions extends CallOptions {
  /** True: from the asked peer's own state, which may lag behind. */
  readonly stale?: boolean;
}

export class LockClient {
  readonly #requester: Requester;
  readonly #owner: string;

  constructor(requester: Requester, owner: string) {
    this.#requester = requester;
    this.#owner = owner;
  }

  /**
   * Takes a lock, or waits for it. The same owner again refreshes its lease and keeps its token.
   * @returns the grant
   * @throws {SkeinError} by rejection: LOCK_HELD (with `details.holders`), DEADLOCK (with `details.cycle`),
   * LEASE_EXPIRED, INVALID, NO_LEADER, OUTCOME_UNKNOWN, UNAVAILABLE, …
   */
  async acquire(resource: string, options: AcquireOptions = {}): Promise<LockGrant> {
    const owner = options.owner ?? this.#owner;
    const { mode, waitMs = 0, ttlMs } = options;
    const json = await this.#write("/lock/acquire", options, {
      resource,
      owner,
      ...(mode === undefined ? {} : { mode }),
      ...(ttlMs === undefined ? {} : { ttl: ttlMs / 1000 }),
    }, waitMs);
    return toGrant({ resource, owner }, json);
  }

  /**
   * Gives a lock back.
   * @throws {SkeinError} by rejection: NOT_HELD where it is not held, or no longer under this token, …
   */
  async release(held: HeldLock, options: WriteOptions = {}): Promise<void> {
    await this.#write("/lock/release", options, heldBody(held));
  }

  /**
   * Lengthens a lease: `ttlMs` from now, or as long as was asked for at acquire.
   * @throws {SkeinError} by rejection: NOT_HELD where it is not held, or no longer under this token, …
   */
  async renew(
    held: HeldLock,
    options: WriteOptions & { readonly ttlMs?: number } = {},
  ): Promise<LockGrant> {
    const ttl = options.ttlMs === undefined ? {} : { ttl: options.ttlMs / 1000 };
    const json = await this.#write("/lock/renew", options, { ...heldBody(held), ...ttl });
    return toGrant(held, json);
  }

  /** @returns who holds a lock and who waits for it; null where nobody does */
  async status(resource: string, options: ReadOptions = {}): Promise<LockView | null> {
    const path = `/lock/status?resource=${encodeURIComponent(resource)}`;
    try {
      return toLock(
        await this.#read(`${path}${options.stale === true ? "&stale=true" : ""}`, options),
      );
    } catch (error) {
      if (error instanceof SkeinError && error.code === "NOT_FOUND") return null;
      throw error;
    }
  }

  /** All locks that are held or waited for. */
  async list(options: ReadOptions = {}): Promise<readonly LockView[]> {
    const json = await this.#read(`/locks${options.stale === true ? "?stale=true" : ""}`, options);
    return json["locks"].map(toLock);
  }

  /** Who waits for what, and for whom. */
  async graph(options: ReadOptions = {}): Promise<readonly WaitForEdge[]> {
    const json = await this.#read(
      `/lock/graph${options.stale === true ? "?stale=true" : ""}`,
      options,
    );
    return json["edges"].map(toEdge);
  }

  #read(path: string, { signal }: CallOptions): Promise<Json> {
    return this.#requester.json({ method: "GET", path, retry: "read", signal });
  }

  #write(path: string, options: WriteOptions, body: Json, waitMs?: number): Promise<Json> {
    const { requestId, signal } = options;
    const call: Call = { method: "POST", path, body, retry: "write", requestId, signal };
    return this.#requester.json(
      waitMs === undefined ? call : { ...call, wait: { field: "timeout", ms: waitMs } },
    );
  }
}

function heldBody({ resource, owner, fencingToken }: HeldLock): Json {
  return {
    resource,
    owner,
    ...(fencingToken === undefined ? {} : { fencing_token: fencingToken }),
  };
}

function toGrant({ resource, owner }: HeldLock, json: Json): LockGrant {
  return {
    resource,
    owner,
    fencingToken: json["fencing_token"],
    expiresAt: json["expires_at"],
  };
}
