/** The client against the real HTTP face, so that what one sends and the other reads stay the same. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { SkeinClient, SkeinError } from "../../src/client/mod.ts";
import { HOLDER, OTHER_ID, SELF_ID } from "../http/fake_peer.ts";
import { Served, Unanswered } from "./served.ts";

Deno.test("client and http: a lock from acquire to release", async () => {
  await using served = await Served.start("secret");
  const { fake, client } = served;
  const options = { mode: "shared", waitMs: 2_000, ttlMs: 30_000 } as const;
  const grant = await client.locks.acquire("printer", options);
  deepEqual([grant.owner, grant.fencingToken], ["me", 7]);
  const renewed = await client.locks.renew(grant, { ttlMs: 60_000 });
  equal(renewed.expiresAt, "2026-01-01T00:10:00.000Z");
  await client.locks.release(renewed);

  const { waitMs, ttlMs, mode, request } = fake.locks.acquires[0]!;
  ok(waitMs > 1_900 && waitMs <= 2_000);
  deepEqual([mode, ttlMs, request?.kind], ["shared", 30_000, "session"]);
  deepEqual(fake.locks.helds.map(({ fencingToken, ttlMs }) => [fencingToken, ttlMs]), [
    [7, 60_000],
    [7, undefined],
  ]);
});

Deno.test("client and http: refusals", async () => {
  await using served = await Served.start();
  const { fake, client } = served;
  fake.locks.acquireWith = () =>
    Promise.resolve({ ok: false, code: "LOCK_HELD", holders: [HOLDER] });
  await rejects(client.locks.acquire("printer"), (error) => {
    ok(error instanceof SkeinError && error.code === "LOCK_HELD");
    match(error.message, /held by "alice"/);
    return true;
  });
  await rejects(client.locks.acquire(""), { name: "SkeinError", code: "INVALID" });
  fake.locks.acquireWith = () => Promise.reject(new SkeinError("NO_LEADER", "nobody leads"));
  await rejects(client.locks.acquire("printer"), { code: "NO_LEADER", message: "nobody leads" });
  const strange = new SkeinClient({ urls: [served.url], token: "x", retryMs: 0 });
  await rejects(strange.removeMember("nobody at all\u0000"), { code: "INVALID" });
});

Deno.test("client and http: a client that gives up waiting cancels its acquire", async () => {
  await using served = await Served.start();
  const unanswered = new Unanswered();
  served.fake.locks.acquireWith = unanswered.answer;
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiting = served.client.locks.acquire("printer", { waitMs: 60_000, signal });
  await unanswered.asked;
  stopping.abort(new Error("enough"));
  await rejects(waiting, /enough/);
  await unanswered.cancelled;
});

Deno.test("client and http: views, health, raft and cluster", async () => {
  await using served = await Served.start();
  const { fake, client } = served;
  const lock = {
    resource: "a/b?c&d",
    holders: [HOLDER],
    waiters: [{ owner: "bob", mode: "shared", waitingSince: "2026-01-01T00:01:00.000Z" }],
  } as const;
  const edges = [{ owner: "bob", resource: "a/b?c&d", holders: ["alice"] }];
  fake.locks.locks = [lock];
  fake.locks.edges = edges;
  deepEqual(await client.locks.status("a/b?c&d"), lock);
  equal(await client.locks.status("nobody's", { stale: true }), null);
  deepEqual(await client.locks.list({ stale: true }), [lock]);
  deepEqual(await client.locks.graph(), edges);
  deepEqual(fake.locks.reads.map(({ stale }) => stale), [false, true, true, false]);

  equal((await client.health()).healthy, true);
  fake.readyReport = { healthy: false, reasons: ["draining"] };
  const ready = await client.ready();
  deepEqual([ready.healthy, ready.name, ready.role, ready.leader, ready.reasons], [
    false,
    "one",
    "leader",
    "one",
    ["draining"],
  ]);

  const state = await client.raftState();
  deepEqual([state.name, state.role, state.commitIndex, state.logLength], [
    "one",
    "leader",
    41,
    32,
  ]);
  deepEqual(state.peers, [
    { name: "two", state: "replicate", matchIndex: 41, nextIndex: 43, active: true },
  ]);
  const cluster = await client.cluster();
  deepEqual(cluster.members.map(({ name, self }) => [name, self]), [["one", true], ["two", false]]);
  equal(cluster.members[1]!.httpUrl, "http://127.0.0.1:8002");
  deepEqual(cluster.groups.map(({ leader }) => leader), ["one"]);
  deepEqual(await client.self(), {
    id: SELF_ID,
    name: "one",
    version: "0.1.0",
    clusterId: "c1",
    addresses: ["127.0.0.1:7001"],
  });
  await client.transferLeadership("two");
  deepEqual(fake.groups.transfers, [{ group: 0, to: OTHER_ID }]);
  deepEqual(await client.takeSnapshot(), { group: 0, index: 40, term: 3, sizeBytes: 1234 });
  await client.removeMember("two");
  await client.removeMember("two", { force: true });
  await client.drainMember("two");
  await client.drainMember("two", { undo: true });
  const added = await client.addMember("10.0.0.2:7001", { waitMs: 5_000 });
  deepEqual(added, { member: "two", id: OTHER_ID, wasMember: false });
  deepEqual(fake.members.operations, [
    "remove two",
    "remove two by force",
    "drain two",
    "drain no more two",
    "add 10.0.0.2:7001 within 5 s",
  ]);
  match(await client.metrics(), /skein_raft_term\{group="0"\} 3/);
});

Deno.test("client and http: the ring, and a key on it", async () => {
  await using served = await Served.start();
  const { fake, client } = served;
  const { ring, placements } = fake.members.wanted()!;
  const whole = await client.ring();
  match(whole.hashFunction, /^MurmurHash3 x86-32/);
  equal(whole.replicas, 3);
  deepEqual(whole.peers[0], {
    name: "one",
    id: SELF_ID,
    zone: "",
    weight: 1,
    virtualNodes: 128,
    share: ring.shareOf(ring.peers[0]!),
    wantedReplicas: 16,
    preferredLeader: placements.filter(({ leader }) => leader!.id === SELF_ID).length,
    preferredLeaderMax: 10,
  });
  equal(whole.partitions.length, 16);

  const key = await client.ringKey("a/b?c&d", { kind: "cache" });
  deepEqual([key.key, key.kind, key.hashFunction], ["a/b?c&d", "cache", whole.hashFunction]);
  equal(key.preference[0]!.id, ring.ownerOf(key.hash)!.id);
  const { partition, wantedReplicas, preferredLeader } = key;
  const { hash: _hash, ...placed } = whole.partitions[partition - 1]!;
  deepEqual({ partition, wantedReplicas, preferredLeader }, placed);
  equal((await client.ringKey("a/b?c&d")).kind, "queue");
  await rejects(client.ringKey(""), { code: "INVALID" });
});

Deno.test("client: the example of its documentation runs", async () => {
  await using served = await Served.start();
  const source = await Deno.readTextFile(new URL("../../src/client/client.ts", import.meta.url));
  const block = /@example\n \* ```ts\n([^]*?)\n \* ```/.exec(source)![1]!;
  const door = new URL("../../src/client/mod.ts", import.meta.url).href;
  const program = block.split("\n").map((line) => line.replace(/^ \* ?/, "")).join("\n")
    .replace("./mod.ts", door)
    .replace("http://127.0.0.1:8001", served.url);
  const lines: string[] = [];
  const original = console.log;
  console.log = (line: string) => void lines.push(line);
  try {
    await import(`data:application/typescript,${encodeURIComponent(program)}`);
  } finally {
    console.log = original;
  }
  deepEqual(lines, ["writing the report under token 7"]);
  equal(served.fake.locks.helds.length, 1, "it released the lock");
});
