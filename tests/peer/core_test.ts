import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Transport, TransportHandlers } from "../../src/net/transport.ts";
import type { PeerCore } from "../../src/peer/core.ts";
import { Random } from "../../src/random.ts";
import { MemoryDisk, MemoryStorage, soundDisk } from "../../src/storage/memory.ts";
import { type StorageFailedError, StorageTakenError } from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";
import { startCore } from "../sim/core_under_test.ts";

const SELF = "a".repeat(64);
const REOPEN_MS = 5_000;
const HELLO = {
  name: "p1",
  bootId: "",
  addresses: ["p1:7001"],
  httpUrl: "",
  zone: "",
  clusterId: null,
  expect: 1,
  version: "test",
};
const LOCK = {
  resource: "r",
  owner: "a",
  mode: "exclusive",
  waitMs: 0,
  ttlMs: 60_000,
  request: null,
  signal: null,
} as const;

/** A peer that is alone, so that all that happens to it is its storage. */
class LonePeer {
  readonly clock = new ManualClock();
  readonly disk = new MemoryDisk();
  readonly faults = soundDisk();
  /** What its storage fails with, though nothing is asked of it. */
  readonly storageFailed = Promise.withResolvers<StorageFailedError>();
  readonly lines: string[] = [];
  readonly bugs: unknown[] = [];
  readonly openedAtMs: number[] = [];
  readMs = 0;
  core!: PeerCore;
  handlers: TransportHandlers | null = null;

  async start(snapshotEntries = 10_000): Promise<this> {
    const random = new Random(1);
    const starting = startCore({
      self: SELF,
      hello: HELLO,
      transport: this.#transport(),
      clock: this.clock,
      random,
      logger: { log: (level, message) => void this.lines.push(`${level} ${message}`) },
      timing: {
        electionTimeoutMinMs: 300,
        electionTimeoutMaxMs: 600,
        heartbeatMs: 50,
        snapshotEntries,
        snapshotBytes: 64 * 1024 * 1024,
        deadPeerGraceMs: 60_000,
        systemVoters: 3,
        partitions: 16,
        replicas: 3,
        cacheEntries: 1_000,
        valueFileBytes: 1024 * 1024,
      },
      openStorage: () => {
        this.openedAtMs.push(this.clock.monotonicMs());
        const storage = new MemoryStorage(this.disk, {
          schedule: (delayMs, run) => {
            const takesMs = delayMs === 0 ? this.readMs : delayMs;
            if (takesMs === 0) queueMicrotask(run);
            else this.clock.timer(takesMs, run);
          },
          random,
          faults: this.faults,
        });
        return Object.assign(storage, { failed: this.storageFailed.promise });
      },
      fatal: (error) => void this.bugs.push(error),
    });
    this.core = await this.settle(starting, 1_000);
    return this;
  }

  #transport(): Transport {
    return {
      self: SELF,
      start: (handlers) => {
        this.handlers = handlers;
        return Promise.resolve();
      },
      send: () => false,
      request: () => new Promise(() => {}),
      peers: () => [],
      announce() {},
      dial() {},
      peerAt: () => null,
      close: () => Promise.resolve(),
    };
  }

  async run(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs++) {
      this.clock.advance(1);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async until(what: string, condition: () => boolean, limitMs: number): Promise<void> {
    for (let passedMs = 0; !condition(); passedMs++) {
      assert.ok(passedMs < limitMs, `not within ${limitMs} ms: ${what}`);
      await this.run(1);
    }
  }

  async settle<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let done = false;
    const mark = () => void (done = true);
    work.then(mark, mark);
    await this.until("a promise is settled", () => done, limitMs);
    return await work;
  }

  async ready(): Promise<void> {
    await this.until("it is ready", () => this.core.ready().healthy, 3_000);
  }

  async grant(resource: string): Promise<void> {
    const granted = await this.settle(this.core.locks.acquire({ ...LOCK, resource }), 1_000);
    assert.ok(granted.ok);
  }

  /** How often a storage was opened. */
  get openings(): number {
    return this.openedAtMs.length;
  }
}

Deno.test("a peer whose storage failed says so, opens it anew, and serves what was acknowledged", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  await peer.grant("kept");
  peer.faults.failChance = 1;
  const lost = peer.core.locks.acquire({ ...LOCK, resource: "lost" });
  await assert.rejects(peer.settle(lost, 1_000), { code: "OUTCOME_UNKNOWN" });
  assert.match(peer.core.health().reasons[0]!, /storage failed/);
  assert.throws(() => peer.core.locks, { code: "STORAGE_FAILED" });
  const { bootId } = peer.core.generation;
  peer.faults.failChance = 0;
  await peer.run(REOPEN_MS);
  await peer.ready();
  assert.notEqual(peer.core.generation.bootId, bootId);
  const view = await peer.settle(peer.core.locks.status("kept", { stale: false }), 1_000);
  assert.equal(view?.holders[0]?.owner, "a");
  await peer.grant("more");
  assert.deepEqual(peer.bugs, []);
  await peer.settle(peer.core.stop(), 5_000);
});

Deno.test("a peer whose storage another process has taken ends, and never opens it again", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  const taken = new StorageTakenError("another process has it");
  peer.storageFailed.resolve(taken);
  await peer.until("it has ended", () => peer.bugs.length > 0, 1_000);
  assert.deepEqual(peer.bugs, [taken]);
  assert.throws(() => peer.core.locks, { code: "STORAGE_FAILED" });
  await peer.run(2 * REOPEN_MS);
  assert.equal(peer.openings, 1);
  await peer.settle(peer.core.stop(), 5_000);
});

Deno.test("one attempt is made every five seconds, however often and wherever it fails", async () => {
  const peer = await new LonePeer().start(3);
  await peer.ready();
  for (let round = 0; round < 8; round++) await peer.grant(`r${round}`);
  peer.faults.failChance = 1;
  const lost = peer.core.locks.acquire({ ...LOCK, resource: "lost" });
  await assert.rejects(peer.settle(lost, 1_000));
  peer.readMs = 100;
  // It fails when it opens, then while it loads its snapshot, then at its first write.
  peer.faults.full = true;
  await peer.run(REOPEN_MS + 500);
  peer.faults.full = false;
  await peer.run(4 * REOPEN_MS);
  assert.ok(!peer.core.health().healthy);
  const gapsMs = peer.openedAtMs.slice(2).map((atMs, place) => atMs - peer.openedAtMs[place + 1]!);
  assert.ok(gapsMs.length >= 3, `opened at ${peer.openedAtMs}`);
  assert.ok(gapsMs.every((gapMs) => gapMs >= REOPEN_MS), `opened at ${peer.openedAtMs}`);
  peer.faults.failChance = 0;
  await peer.run(2 * REOPEN_MS);
  await peer.ready();
  await peer.grant("more");
  assert.deepEqual(peer.bugs, []);
  await peer.settle(peer.core.stop(), 5_000);
});

Deno.test("a peer that stops while its storage is being opened leaves nothing open", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  peer.faults.failChance = 1;
  const lost = peer.core.locks.acquire({ ...LOCK, resource: "lost" });
  await assert.rejects(peer.settle(lost, 1_000));
  peer.faults.failChance = 0;
  peer.readMs = 500;
  await peer.until("it is being opened", () => peer.openings === 2, REOPEN_MS + 10);
  await peer.settle(peer.core.stop(), 5_000);
  assert.ok(!peer.disk.held);
  await peer.run(2 * REOPEN_MS);
  assert.equal(peer.openings, 2);
  assert.equal(peer.clock.timers, 0, "and no timer runs");
});

Deno.test("a peer that stops between two attempts makes no other", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  peer.faults.failChance = 1;
  const lost = peer.core.locks.acquire({ ...LOCK, resource: "lost" });
  await assert.rejects(peer.settle(lost, 1_000));
  await peer.settle(peer.core.stop(), 5_000);
  await peer.run(2 * REOPEN_MS);
  assert.equal(peer.openings, 1);
  assert.equal(peer.clock.timers, 0);
});

Deno.test("a peer that drains is not ready and sends away who waits, but serves all others", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  await peer.grant("r");
  const waitMs = 60_000;
  const named = { kind: "caller", principal: "test", id: "named" } as const;
  const waiting = Promise.allSettled([
    peer.core.locks.acquire({ ...LOCK, owner: "b", waitMs, request: named }),
    peer.core.locks.acquire({ ...LOCK, owner: "c", waitMs }),
  ]);
  await peer.run(10);
  const drained = peer.core.drain();
  assert.ok(peer.core.draining);
  assert.ok(peer.core.ready().reasons.includes("the peer is stopping"));
  assert.ok(peer.core.health().healthy);
  const ends = await peer.settle(waiting, 1_000);
  assert.deepEqual(ends.map((end) => end.status === "rejected" && end.reason.code), [
    "OUTCOME_UNKNOWN",
    "SHUTTING_DOWN",
  ]);
  await peer.settle(drained, 1_000);
  await peer.grant("another");
  const view = await peer.settle(peer.core.locks.status("r", { stale: false }), 1_000);
  assert.deepEqual(view?.waiters.map(({ owner }) => owner), ["b"]);
  await peer.settle(peer.core.stop(), 1_000);
});

Deno.test("a peer that stops tells whoever waits, and is stopped once", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  await peer.grant("r");
  const waiting = peer.core.locks.acquire({ ...LOCK, owner: "b", waitMs: 60_000 });
  await peer.run(10);
  const stops = [peer.core.stop(), peer.core.stop()];
  assert.ok(peer.core.ready().reasons.includes("the peer is stopping"));
  await assert.rejects(peer.settle(waiting, 1_000), { code: "SHUTTING_DOWN" });
  await peer.settle(Promise.all(stops), 5_000);
  const request = peer.handlers!.request("b".repeat(64), "group.read", [0]);
  await assert.rejects(request, { code: "SHUTTING_DOWN" });
  assert.ok(!peer.disk.held);
});

Deno.test("a bug ends the peer and is handed to its owner", async () => {
  const peer = await new LonePeer().start();
  await peer.ready();
  const group = peer.core.generation.host.group(0)!;
  group.machine.apply = () => {
    throw new Error("a bug");
  };
  const asked = peer.core.locks.acquire(LOCK);
  await assert.rejects(peer.settle(asked, 1_000), { code: "OUTCOME_UNKNOWN" });
  assert.deepEqual(peer.bugs.map(String), ["Error: a bug"]);
  assert.match(peer.core.health().reasons[0]!, /bug/);
  await peer.run(2 * REOPEN_MS);
  assert.equal(peer.openings, 1, "what a bug broke is not tried again");
  await peer.settle(peer.core.stop(), 5_000);
});
