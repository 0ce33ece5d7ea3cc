/**
 * A peer for tests of the HTTP face: it answers as it is told and remembers what it was asked. It has no
 * cluster behind it, so every answer that a real one could give can be had here at once.
 */
import type { Clock } from "../../src/clock.ts";
import type { SkeinError } from "../../src/errors.ts";
import type { Groups, GroupStatus } from "../../src/groups/groups.ts";
import { buildApp } from "../../src/http/app.ts";
import type { HttpOptions } from "../../src/http/options.ts";
import { LIMITS } from "../../src/limits.ts";
import type {
  AcquireRequest,
  AcquireResult,
  HeldRequest,
  Locks,
  LockView,
  ReleaseResult,
  RenewResult,
  WaitForEdge,
} from "../../src/locks/locks.ts";
import type { LogLevel } from "../../src/logger.ts";
import type {
  AddedMember,
  ClusterView,
  Members,
  MemberView,
  RemoveOptions,
} from "../../src/members/members.ts";
import type { PlacementView } from "../../src/placement/placement_view.ts";
import { type Wanted, WantedPlacement } from "../../src/members/wanted.ts";
import { FakeCache } from "./fake_cache.ts";
import { FAKE_LINK } from "./fake_link.ts";
import { EVENT_STATISTICS, FakeEvents } from "./fake_events.ts";
import { FakeQueue } from "./fake_queue.ts";
import { OTHER_ID, SELF_ID } from "./peer_ids.ts";
import type { HealthReport, Peer } from "../../src/peer/peer.ts";

export { OTHER_ID, SELF_ID };

/** Real time without timers: nothing that these tests do outlives them. */
export const TIMERLESS_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer: () => ({ cancel() {} }),
};

export const GRANT: AcquireResult = {
  ok: true,
  fencingToken: 7,
  expiresAt: "2026-01-01T00:05:00.000Z",
};

export const HOLDER = {
  owner: "alice",
  mode: "exclusive",
  fencingToken: 6,
  acquiredAt: "2026-01-01T00:00:00.000Z",
  expiresAt: "2026-01-01T00:05:00.000Z",
} as const;

export const HOLDER_JSON = {
  owner: "alice",
  mode: "exclusive",
  acquired_at: "2026-01-01T00:00:00.000Z",
  expires_at: "2026-01-01T00:05:00.000Z",
  fencing_token: 6,
};

class FakeLocks implements Locks {
  readonly acquires: AcquireRequest[] = [];
  readonly helds: (HeldRequest & { ttlMs?: number | null })[] = [];
  readonly reads: { resource: string | null; stale: boolean }[] = [];
  acquireWith: (request: AcquireRequest) => Promise<AcquireResult> = () => Promise.resolve(GRANT);
  releaseResult: ReleaseResult = { ok: true };
  renewResult: RenewResult = { ok: true, fencingToken: 7, expiresAt: "2026-01-01T00:10:00.000Z" };
  locks: LockView[] = [];
  edges: WaitForEdge[] = [];

  acquire(request: AcquireRequest) {
    this.acquires.push(request);
    return this.acquireWith(request);
  }
  release(request: HeldRequest) {
    this.helds.push(request);
    return Promise.resolve(this.releaseResult);
  }
  renew(request: HeldRequest & { readonly ttlMs: number | null }) {
    this.helds.push(request);
    return Promise.resolve(this.renewResult);
  }
  status(resource: string, { stale }: { stale: boolean }) {
    this.reads.push({ resource, stale });
    return Promise.resolve(this.locks.find((lock) => lock.resource === resource) ?? null);
  }
  list({ stale }: { stale: boolean }) {
    this.reads.push({ resource: null, stale });
    return Promise.resolve(this.locks);
  }
  graph({ stale }: { stale: boolean }) {
    this.reads.push({ resource: null, stale });
    return Promise.resolve(this.edges);
  }
}

function member(id: string, name: string, httpUrl: string): MemberView {
  return {
    id,
    name,
    addresses: [`127.0.0.1:${name === "one" ? 7001 : 7002}`],
    httpUrl,
    zone: "",
    state: "alive",
    draining: false,
    role: "voter",
    leads: id === SELF_ID ? [0] : [],
  };
}

class FakeMembers implements Members {
  /** What operators asked for, in words. */
  readonly operations: string[] = [];
  addWith: () => Promise<AddedMember> = () =>
    Promise.resolve({ id: OTHER_ID, name: "two", wasMember: false });
  removeWith: () => Promise<void> = () => Promise.resolve();
  cluster: ClusterView = {
    clusterId: "c1",
    partitions: 16,
    replicas: 3,
    members: [
      member(SELF_ID, "one", "http://127.0.0.1:8001"),
      member(OTHER_ID, "two", "http://127.0.0.1:8002"),
    ],
    warnings: ["a cluster of two stops when either peer stops"],
  };

  view() {
    return this.cluster;
  }
  wanted(): Wanted | null {
    const { clusterId, members, partitions, replicas } = this.cluster;
    const listed = members.map((member) => ({
      ...member,
      bootId: "",
      version: "0.1.0",
      joinedAtMs: 0,
      dead: member.state === "dead",
    }));
    return clusterId === null ? null : new WantedPlacement().of(listed, partitions, replicas);
  }
  find(id: string) {
    return this.cluster.members.find((known) => known.id === id) ?? null;
  }
  remove(idOrName: string, { force }: RemoveOptions) {
    this.operations.push(`remove ${idOrName}${force ? " by force" : ""}`);
    return this.removeWith();
  }
  drain(idOrName: string, draining: boolean) {
    this.operations.push(`${draining ? "drain" : "drain no more"} ${idOrName}`);
    return this.removeWith();
  }
  add(address: string, timeoutMs: number) {
    this.operations.push(`add ${address} within ${Math.round(timeoutMs / 1000)} s`);
    return this.addWith();
  }
}

export const LEADING: GroupStatus = {
  group: 0,
  replica: 1,
  role: "leader",
  term: 3,
  leader: SELF_ID,
  commitIndex: 41,
  appliedIndex: 40,
  firstIndex: 11,
  lastIndex: 42,
  timeMs: 123_456,
  asleep: false,
  configuration: {
    index: 1,
    voters: [{ peer: SELF_ID, replica: 1 }, { peer: OTHER_ID, replica: 1 }],
    votersOutgoing: [],
    learners: [{ peer: "c".repeat(64), replica: 9 }],
    learnersNext: [],
  },
  snapshot: null,
  followers: [{
    replica: { peer: OTHER_ID, replica: 1 },
    state: "replicate",
    matchIndex: 41,
    nextIndex: 43,
    recentlyActive: true,
  }],
};

class FakeGroups {
  status0: GroupStatus | null = LEADING;
  /** Of groups that others lead than the system group. */
  readonly leaders = new Map<number, string>();
  readonly transfers: { group: number; to: string }[] = [];

  asGroups(): Groups {
    const never = () => Promise.reject(new Error("not asked for by these tests"));
    return {
      propose: never,
      ask: never,
      answer() {},
      leaderOf: (group) => this.leaders.get(group) ?? this.status0?.leader ?? null,
      readBarrier: never,
      quorumHeard: () => null,
      changeConfiguration: never,
      heedDriver() {},
      transferLeadership: (group, to) => {
        this.transfers.push({ group, to });
        return Promise.resolve();
      },
      takeSnapshot: () =>
        Promise.resolve({
          index: 40,
          term: 3,
          timeMs: 1,
          configuration: LEADING.configuration,
          sizeBytes: 1234,
          checksum: 1,
          values: [],
        }),
      status: (group) => group === 0 ? this.status0 : null,
      groups: () => this.status0 === null ? [] : [0],
      timeMs: () => 0,
      listen() {},
    };
  }
}

/** The fake and the handles by which a test moves it. */
export class FakePeer {
  readonly locks = new FakeLocks();
  readonly members = new FakeMembers();
  readonly queue = new FakeQueue();
  readonly cache = new FakeCache();
  readonly events = new FakeEvents();
  readonly groups = new FakeGroups();
  readonly logged: { level: LogLevel; message: string }[] = [];
  healthReport: HealthReport = { healthy: true, reasons: [] };
  readyReport: HealthReport = { healthy: true, reasons: [] };
  draining = false;

  /** As a peer throws it that is not formed yet, or whose storage has failed. */
  unavailable: SkeinError | null = null;

  placement: PlacementView | null = null;

  /** This peer follows: `two` leads, or nobody does. */
  follow(leader: string | null): void {
    this.groups.status0 = { ...LEADING, role: "follower", leader, followers: [] };
  }

  asPeer(): Peer {
    const { locks, members, queue, cache, events } = this;
    const isDraining = () => this.draining;
    const placement = () => this.placement;
    const available = <T>(service: T): T => {
      if (this.unavailable !== null) throw this.unavailable;
      return service;
    };
    return {
      name: "one",
      id: SELF_ID,
      version: "0.1.0",
      startedAt: "2026-01-01T00:00:00.000Z",
      addresses: ["127.0.0.1:7001"],
      get locks() {
        return available(locks);
      },
      get members() {
        return available(members);
      },
      get queue() {
        return available(queue);
      },
      get cache() {
        return available(cache);
      },
      get events() {
        return available(events);
      },
      groups: this.groups.asGroups(),
      logger: { log: (level, message) => void this.logged.push({ level, message }) },
      health: () => this.healthReport,
      ready: () => this.readyReport,
      get draining() {
        return isDraining();
      },
      storageStatistics: () => ({
        batches: 1,
        records: 2,
        bytes: 3,
        fsyncs: 4,
        fsyncMs: 5,
        segments: 6,
        sizeBytes: 7,
      }),
      transportStatistics: () => ({
        connections: 1,
        bytesSent: 10,
        bytesReceived: 20,
        messagesDropped: 0,
        framesMalformed: 0,
        handshakesRefused: { key: 2 },
        links: [FAKE_LINK],
      }),
      lockStatistics: () => ({ held: 3, waiting: 1 }),
      get placement() {
        return placement();
      },
      placementCounts: { moved: 4, failed: 1 },
      queueStatistics: () => ({
        messages: 12,
        consumers: 2,
        waiting: 4,
        published: 20,
        duplicates: 1,
        delivered: 19,
        handedBack: 5,
        acknowledged: 9,
        refused: 3,
        redelivered: 6,
        deadLettered: 7,
      }),
      eventStatistics: () => EVENT_STATISTICS,
      drain: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
  }
}

/** An application over the fake, and a way to call it that reads the answer at once. */
export class Fixture {
  readonly fake = new FakePeer();
  readonly #app;

  constructor(changes: Partial<HttpOptions> = {}) {
    this.#app = buildApp(this.fake.asPeer(), httpOptions(changes));
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answered> {
    return this.#read(path, { headers });
  }

  /** @param body sent as JSON; a string is sent as it is */
  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.#read(path, { method: "POST", body: text, headers });
  }

  request(path: string, init: RequestInit): Promise<Response> {
    return Promise.resolve(this.#app.request(path, init));
  }

  async #read(path: string, init: RequestInit): Promise<Answered> {
    const response = await this.request(path, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : {},
    };
  }
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- tests look into whatever came
  readonly json: Record<string, any>;
}

/** Options with the program's bounds and loopback on a free port; a test names what it changes. */
export function httpOptions(changes: Partial<HttpOptions> = {}): HttpOptions {
  return {
    listeners: [{ host: "127.0.0.1", port: 0 }],
    metricsListener: null,
    token: null,
    tls: null,
    bodyBytesMax: LIMITS.bodyBytesMax,
    bodyTimeoutMs: 10_000,
    headersTimeoutMs: LIMITS.httpHeadersTimeoutMs,
    connectionsMax: LIMITS.httpConnectionsMax,
    lockTtlMs: 300_000,
    clock: TIMERLESS_CLOCK,
    ...changes,
  };
}
