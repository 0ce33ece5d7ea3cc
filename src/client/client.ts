/**
 * The client of a cluster: give it the addresses of some peers, and it finds one that answers. It runs
 * wherever there is `fetch`, keeps no connection of its own, and needs no closing.
 */
import {
  type AddedAnswer,
  type ClusterAnswer,
  type HealthAnswer,
  type RaftState,
  type SelfAnswer,
  type SnapshotAnswer,
  toAdded,
  toCluster,
  toHealth,
  toRaftState,
  toSelf,
  toSnapshot,
} from "./answers.ts";
import { CacheClient } from "./cache_client.ts";
import { EventClient } from "./event_client.ts";
import { type CallOptions, LockClient } from "./lock_client.ts";
import { QueueClient } from "./queue_client.ts";
import { Requester, RETRY_MAX_MS } from "./requester.ts";
import { type RingAnswer, type RingKeyAnswer, toRing, toRingKey } from "./ring_answers.ts";
import { SkeinError } from "../errors.ts";
import type { PartitionedKind } from "../ring/partition_of.ts";

export interface ClientOptions {
  /** Where peers answer, e.g. `http://127.0.0.1:8001`. The first is asked first. */
  readonly urls: readonly string[];
  /** The cluster's token, where it has one. */
  readonly token?: string;
  /** Whose locks they are where a call names no owner, and who consumes; a random name where absent. */
  readonly owner?: string;
  /** For how long a failed request is sent again; at most, and where absent, 60,000. */
  readonly retryMs?: number;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** In place of `JSON.parse`, for whoever must not lose a digit of large numbers in a message's data, a cached value or an event's payload. */
  readonly parse?: (text: string) => unknown;
}

export interface AddMemberOptions extends CallOptions {
  /** How long it is waited for; 30,000 where absent. */
  readonly waitMs?: number;
}

export interface DrainMemberOptions extends CallOptions {
  /** Replicas may lie there again. */
  readonly undo?: boolean;
}

export interface RemoveMemberOptions extends CallOptions {
  /** Even where what only this member has is lost for good. */
  readonly force?: boolean;
}

export interface RingKeyOptions extends CallOptions {
  /** Whose partition is meant; a queue's where absent. */
  readonly kind?: PartitionedKind;
}

const ADD_WAIT_MS = 30_000;
/** Longer than a peer tries to have the cluster take it. */
const OPERATION_ANSWER_MS = 35_000;

/**
 * @example
 * ```ts
 * import { SkeinClient } from "./mod.ts";
 *
 * const client = new SkeinClient({ urls: ["http://127.0.0.1:8001", "http://127.0.0.1:8002"] });
 * const lock = await client.locks.acquire("nightly-report", { waitMs: 5_000, ttlMs: 30_000 });
 * try {
 *   console.log(`writing the report under token ${lock.fencingToken}`);
 * } finally {
 *   await client.locks.release(lock);
 * }
 * ```
 */
export class SkeinClient {
  readonly locks: LockClient;
  readonly queue: QueueClient;
  readonly cache: CacheClient;
  readonly events: EventClient;
  readonly owner: string;
  readonly #requester: Requester;

  /** @throws {SkeinError} BAD_REQUEST where there is no URL, or one that is none */
  constructor(options: ClientOptions) {
    const { urls, token = null, owner = `client-${crypto.randomUUID()}`, parse = JSON.parse } =
      options;
    const retryMs = Math.min(options.retryMs ?? RETRY_MAX_MS, RETRY_MAX_MS);
    // Called without a receiver: browsers' fetch refuses any other than the window.
    const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#requester = new Requester({ urls: checkUrls(urls), token, retryMs, fetch: send, parse });
    this.owner = owner;
    this.locks = new LockClient(this.#requester, owner);
    this.queue = new QueueClient(this.#requester, owner);
    this.cache = new CacheClient(this.#requester);
    this.events = new EventClient(this.#requester);
  }

  /** Members, and the groups of the peer that answers. */
  async cluster({ signal }: CallOptions = {}): Promise<ClusterAnswer> {
    const call = { method: "GET", path: "/cluster", retry: "read", signal } as const;
    return toCluster(await this.#requester.json(call));
  }

  /** Who the peer is that answers. */
  async self({ signal }: CallOptions = {}): Promise<SelfAnswer> {
    const call = { method: "GET", path: "/cluster/self", retry: "read", signal } as const;
    return toSelf(await this.#requester.json(call));
  }

  /** Where the hash ring wants the partitions, as the peer that answers knows it. */
  async ring({ signal }: CallOptions = {}): Promise<RingAnswer> {
    const call = { method: "GET", path: "/ring", retry: "read", signal } as const;
    return toRing(await this.#requester.json(call));
  }

  /** Where a key hashes to, and which partition it belongs to. */
  async ringKey(key: string, { kind, signal }: RingKeyOptions = {}): Promise<RingKeyAnswer> {
    const query = new URLSearchParams({ key, ...(kind === undefined ? {} : { kind }) });
    const path = `/ring?${query}`;
    return toRingKey(await this.#requester.json({ method: "GET", path, retry: "read", signal }));
  }

  /**
   * Is the peer that answered last (at first: the first URL) healthy? Asks that one, once.
   * @throws {SkeinError} by rejection: UNAVAILABLE where it does not answer
   */
  health(options: CallOptions = {}): Promise<HealthAnswer> {
    return this.#check("/health", options);
  }

  /** As `health`: may that peer be sent requests? */
  ready(options: CallOptions = {}): Promise<HealthAnswer> {
    return this.#check("/ready", options);
  }

  /** A Raft group as the peer that answers sees it; the system group where absent. */
  async raftState(group = 0, { signal }: CallOptions = {}): Promise<RaftState> {
    const path = `/raft/state?group=${group}`;
    return toRaftState(await this.#requester.json({ method: "GET", path, retry: "read", signal }));
  }

  /**
   * Hands a group's leadership over.
   * @param to name or id of a voter
   */
  async transferLeadership(to: string, group = 0, { signal }: CallOptions = {}): Promise<void> {
    await this.#operate("/raft/transfer", { to, group }, signal);
  }

  /** Makes the peer that answers take a snapshot of its replica of a group. */
  async takeSnapshot(group = 0, { signal }: CallOptions = {}): Promise<SnapshotAnswer> {
    return toSnapshot(await this.#operate("/raft/snapshot", { group }, signal));
  }

  /**
   * Meets a peer that no list names, and waits until it is a member.
   * @param address host:port of its peer protocol
   */
  async addMember(
    address: string,
    { waitMs = ADD_WAIT_MS, signal }: AddMemberOptions = {},
  ): Promise<AddedAnswer> {
    const call = { method: "POST", path: "/cluster/add", body: { address } } as const;
    const wait = { field: "timeout", ms: waitMs } as const;
    return toAdded(await this.#requester.json({ ...call, wait, retry: "once", signal }));
  }

  /**
   * Has all replicas leave a member, which serves meanwhile; or lets them come again.
   * @param member its name or id
   */
  async drainMember(
    member: string,
    { undo = false, signal }: DrainMemberOptions = {},
  ): Promise<void> {
    await this.#operate("/cluster/drain", { member, undo }, signal);
  }

  /**
   * Removes a member for good. Refused while a partition would lose its majority, or its only replica.
   * @param member its name or id
   */
  async removeMember(
    member: string,
    { force = false, signal }: RemoveMemberOptions = {},
  ): Promise<void> {
    await this.#operate("/cluster/remove", { member, force }, signal);
  }

  /** The metrics of the peer that answers, in Prometheus' text form. */
  metrics({ signal }: CallOptions = {}): Promise<string> {
    return this.#requester.text({ method: "GET", path: "/metrics", retry: "read", signal });
  }

  async #check(path: string, { signal }: CallOptions): Promise<HealthAnswer> {
    try {
      const call = { method: "GET", path, retry: "never", signal } as const;
      return toHealth(true, await this.#requester.json(call));
    } catch (error) {
      if (error instanceof SkeinError && "reasons" in error.details) {
        return toHealth(false, error.details);
      }
      throw error;
    }
  }

  #operate(path: string, body: Record<string, unknown>, signal: AbortSignal | undefined) {
    const call = { method: "POST", path, body, retry: "once", signal } as const;
    return this.#requester.json({ ...call, answerMs: OPERATION_ANSWER_MS });
  }
}

function checkUrls(urls: readonly string[]): readonly string[] {
  if (urls.length === 0) {
    throw new SkeinError("BAD_REQUEST", "a client needs a peer's URL, and got none");
  }
  return urls.map((url) => {
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
      throw new SkeinError(
        "BAD_REQUEST",
        `a peer's URL begins with http:// or https://, not ${url}`,
      );
    }
    return parsed.href.replace(/\/+$/, "");
  });
}
