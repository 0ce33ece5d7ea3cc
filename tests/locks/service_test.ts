import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { AcquireRequest } from "../../src/locks/locks.ts";
import { asked } from "./asked.ts";
import { resumed, SmallCluster, type SmallPeer, TIMEOUTS } from "./small_cluster.ts";
import { bobWaits, id, release, tokenOf, Watched } from "./waiting.ts";

const STALE = { stale: true } as const;

Deno.test("grants, refusals and renewals carry wall-clock hints", async () => {
  const cluster = new SmallCluster("one");
  const [{ service }] = cluster.peers as [SmallPeer];
  cluster.passMs(1_234);
  const nowMs = cluster.clock.wallMs();
  const token = tokenOf(await service.acquire(asked("lock", "ann", { ttlMs: 2_000 })));
  const expiresAt = new Date(nowMs + 2_000).toISOString();
  assert.deepEqual(await service.acquire(asked("lock", "ann", { ttlMs: 2_000 })), {
    ok: true,
    fencingToken: token,
    expiresAt,
  });
  cluster.clock.advance(500);
  assert.deepEqual(await service.acquire(asked("lock", "bob")), {
    ok: false,
    code: "LOCK_HELD",
    holders: [{
      owner: "ann",
      mode: "exclusive",
      fencingToken: token,
      acquiredAt: new Date(nowMs).toISOString(),
      expiresAt,
    }],
  });
  const held = { resource: "lock", owner: "ann", fencingToken: token, request: null };
  assert.deepEqual(await service.renew({ ...held, ttlMs: 5_000 }), {
    ok: true,
    fencingToken: token,
    expiresAt: new Date(nowMs + 5_500).toISOString(),
  });
  const stale = { ...held, fencingToken: token + 1 };
  assert.deepEqual(await service.release(stale), { ok: false, code: "NOT_HELD" });
  assert.deepEqual(await service.renew({ ...stale, ttlMs: null }), { ok: false, code: "NOT_HELD" });
  assert.deepEqual(await service.release(held), { ok: true });
});

Deno.test("a waiter's grant is found in this peer's own apply", async () => {
  const { one, two, bob } = await bobWaits();
  assert.ok(bob.pending);
  two.keepsUp = false;
  await release(one, "lock", "ann");
  await resumed();
  assert.ok(bob.pending, "the peer has not applied it yet");
  two.catchUp();
  await resumed();
  assert.ok(bob.result?.ok);
  assert.equal(two.service.openAcquires, 0);
});

Deno.test("a grant that comes before the proposal's answer is not missed", async () => {
  const cluster = new SmallCluster("one", "two");
  const [one, two] = cluster.peers as [SmallPeer, SmallPeer];
  await one.service.acquire(asked("lock", "ann"));
  const { promise, resolve } = Promise.withResolvers<void>();
  two.answersAfter = promise;
  const bob = new Watched(two.service.acquire(asked("lock", "bob", { waitMs: 30_000 })));
  await release(one, "lock", "ann");
  await resumed();
  assert.ok(bob.result?.ok);
  resolve();
  await resumed();
  assert.equal(two.service.openAcquires, 0);
});

Deno.test("an answer from the leader that comes before the own apply is waited with", async () => {
  const { cluster, one, two } = await bobWaits();
  two.keepsUp = false;
  const cid = new Watched(two.service.acquire(asked("lock", "cid", { waitMs: 30_000 })));
  await resumed();
  await release(one, "lock", "ann");
  await release(one, "lock", "bob");
  two.catchUp();
  await resumed();
  assert.ok(cid.result?.ok);
  assert.equal(cluster.clock.timers, 0, "nothing is left behind");
});

Deno.test("the end of a wait is LOCK_HELD with the holders", async () => {
  const { cluster, bob } = await bobWaits({ waitMs: 1_000 });
  cluster.passMs(1_000);
  await resumed();
  assert.ok(bob.result?.ok === false && bob.result.code === "LOCK_HELD");
  assert.deepEqual(bob.result.holders.map(({ owner }) => owner), ["ann"]);
});

Deno.test("every peer logs a deadlock; its victim gets the cycle, the other one the lock", async () => {
  const { cluster, one, two } = await bobWaits();
  await two.service.acquire(asked("other", "bob"));
  const ann = await one.service.acquire(asked("other", "ann", { waitMs: 30_000 }));
  assert.deepEqual(ann, {
    ok: false,
    code: "DEADLOCK",
    cycle: [
      { owner: "ann", resource: "other", holders: ["bob"] },
      { owner: "bob", resource: "lock", holders: ["ann"] },
    ],
  });
  for (const { lines } of cluster.peers) {
    const [line, ...more] = lines;
    assert.deepEqual(more, []);
    assert.match(line!, /^warn DEADLOCK DETECTED: .*ann.*other.*bob.*lock.*ann/);
  }
});

Deno.test("every peer logs the lease timeout of a lock that others want", async () => {
  const cluster = new SmallCluster("one", "two");
  const [one] = cluster.peers as [SmallPeer];
  await one.service.acquire(asked("lock", "ann", { ttlMs: 1_000 }));
  await one.service.acquire(asked("lock", "bob"));
  await one.service.acquire(asked("quiet", "ann", { ttlMs: 1_000 }));
  cluster.passMs(1_000);
  for (const { lines } of cluster.peers) {
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^warn DEADLOCK DETECTED on lock: lease timeout of ann/);
  }
  assert.ok((await one.service.acquire(asked("lock", "bob"))).ok);
});

Deno.test("a caller that goes away while it waits is cancelled", async () => {
  const control = new AbortController();
  const { two, bob } = await bobWaits({ signal: control.signal });
  control.abort(new Error("gone"));
  await resumed();
  assert.match(String(bob.error), /gone/);
  assert.deepEqual((await two.service.status("lock", STALE))!.waiters, []);
  assert.equal(two.service.openAcquires, 0);
});

Deno.test("a caller that goes away before the answer is cancelled when that is known", async () => {
  const cluster = new SmallCluster("one");
  const [peer] = cluster.peers as [SmallPeer];
  for (const owner of ["granted", "waiting"]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    peer.answersAfter = promise;
    const control = new AbortController();
    const { signal } = control;
    const request = asked("lock", owner, { waitMs: 30_000, signal });
    const acquire = new Watched(peer.service.acquire(request));
    await resumed();
    control.abort(new Error("gone"));
    await resumed();
    assert.match(String(acquire.error), /gone/);
    peer.answersAfter = null;
    resolve();
    await resumed();
    assert.equal(await peer.service.status("lock", STALE), null);
  }
});

Deno.test("a signal that is aborted already asks for nothing", async () => {
  const cluster = new SmallCluster("one");
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(cluster.peers[0]!.service.acquire(asked("lock", "ann", { signal })), /gone/);
  assert.equal(cluster.log.length, 0);
});

Deno.test("a peer that hears nothing past the wait says so, and cancels", async () => {
  const { cluster, two, bob } = await bobWaits({ waitMs: 2_000 });
  two.keepsUp = false;
  cluster.passMs(2_000 + TIMEOUTS.waitMarginMs - 1);
  await resumed();
  assert.ok(bob.pending);
  const before = cluster.log.length;
  cluster.passMs(1);
  await resumed();
  assert.ok(bob.error instanceof SkeinError && bob.error.code === "OUTCOME_UNKNOWN");
  assert.equal(cluster.log.length, before + 2, "the tick and the cancel");
});

Deno.test("an acquire whose fate is unknown is cancelled, so that it is not granted in vain", async () => {
  const cluster = new SmallCluster("one");
  const [peer] = cluster.peers as [SmallPeer];
  peer.losesAnswer = true;
  await assert.rejects(peer.service.acquire(asked("lock", "ann")), /lost/);
  await resumed();
  assert.equal(await peer.service.status("lock", STALE), null);
});

Deno.test("after a snapshot it looks again: granted unseen", async () => {
  const { one, two, bob } = await bobWaits();
  two.keepsUp = false;
  await release(one, "lock", "ann");
  two.install();
  await resumed();
  assert.ok(bob.result?.ok);
});

Deno.test("after a snapshot it looks again: granted unseen, before the answer came", async () => {
  const cluster = new SmallCluster("one", "two");
  const [one, two] = cluster.peers as [SmallPeer, SmallPeer];
  await one.service.acquire(asked("lock", "ann"));
  const { promise, resolve } = Promise.withResolvers<void>();
  two.answersAfter = promise;
  two.keepsUp = false;
  const bob = new Watched(two.service.acquire(asked("lock", "bob", { waitMs: 30_000 })));
  await release(one, "lock", "ann");
  two.install();
  await resumed();
  assert.ok(bob.pending);
  resolve();
  await resumed();
  assert.ok(bob.result?.ok);
});

Deno.test("after a snapshot it looks again: still waiting", async () => {
  const { one, two, bob } = await bobWaits();
  two.keepsUp = false;
  await one.service.acquire(asked("unlike", "ann"));
  two.install();
  await resumed();
  assert.ok(bob.pending);
  await release(one, "lock", "ann");
  two.catchUp();
  await resumed();
  assert.ok(bob.result?.ok);
});

Deno.test("after a snapshot it looks again: the wait ended unseen, the request id tells how", async () => {
  const { cluster, two, bob } = await bobWaits({ waitMs: 1_000, request: id("bob") });
  two.keepsUp = false;
  cluster.passMs(1_000);
  two.install();
  await resumed();
  assert.ok(bob.result?.ok === false && bob.result.code === "LOCK_HELD");
});

Deno.test("after a snapshot it looks again: granted and over unseen", async () => {
  for (const request of [id("bob"), null]) {
    const { cluster, one, two, bob } = await bobWaits({ request, ttlMs: 1_000 });
    two.keepsUp = false;
    await release(one, "lock", "ann");
    cluster.passMs(1_000);
    two.install();
    two.keepsUp = true;
    await resumed();
    if (request === null) assert.ok(bob.result?.ok, "it still waits, so it asks again");
    else assert.ok(bob.result?.ok === false && bob.result.code === "LEASE_EXPIRED");
  }
});

Deno.test("a peer that was taken for dead asks again for those who still wait", async () => {
  const { one, two, bob } = await bobWaits({ request: id("bob") });
  await one.service.detach("two", "boot of two");
  await resumed();
  assert.ok(bob.pending);
  assert.equal((await one.service.status("lock", STALE))!.waiters.length, 1);
  await release(one, "lock", "ann");
  await resumed();
  assert.ok(bob.result?.ok);
  await one.service.detach("two", "boot of two");
  assert.equal(two.service.openAcquires, 0);
});

Deno.test("the same request through two peers: one waiter, and both callers get its end", async () => {
  const { one, bob } = await bobWaits({ request: id("bob") });
  const again = asked("lock", "bob", { waitMs: 30_000, request: id("bob") });
  const there = new Watched(one.service.acquire(again));
  await resumed();
  assert.equal((await one.service.status("lock", STALE))!.waiters.length, 1);
  await release(one, "lock", "ann");
  await resumed();
  assert.equal(tokenOf(bob.result!), tokenOf(there.result!));
});

Deno.test("a peer that stops tells those who wait, who go on through another", async () => {
  const { one, two, bob } = await bobWaits({ request: id("bob") });
  two.service.close(new SkeinError("SHUTTING_DOWN", "this peer stops"));
  await resumed();
  assert.ok(bob.error instanceof SkeinError && bob.error.code === "OUTCOME_UNKNOWN");
  assert.match(bob.error.message, /this peer stops/);
  const again = asked("lock", "bob", { waitMs: 30_000, request: id("bob") });
  const there = new Watched(one.service.acquire(again));
  await release(one, "lock", "ann");
  await resumed();
  assert.ok(there.result?.ok);
});

Deno.test("reads are linearizable unless they may be stale", async () => {
  const { one, two } = await bobWaits();
  two.keepsUp = false;
  await one.service.acquire(asked("another", "ann", { mode: "shared" }));
  assert.equal(await two.service.status("another", STALE), null);
  assert.equal(two.barriers, 0);
  const view = await two.service.status("another", { stale: false });
  assert.deepEqual(view!.holders.map(({ owner, mode }) => [owner, mode]), [["ann", "shared"]]);
  assert.equal(two.barriers, 1);
  assert.equal(await two.service.status("nothing", STALE), null);
  const locks = await two.service.list(STALE);
  assert.deepEqual(locks.map(({ resource }) => resource), ["another", "lock"]);
  assert.deepEqual(locks[1]!.waiters.map(({ owner, mode }) => [owner, mode]), [[
    "bob",
    "exclusive",
  ]]);
  assert.deepEqual(await two.service.graph(STALE), [
    { owner: "bob", resource: "lock", holders: ["ann"] },
  ]);
});

Deno.test("bad input is refused with the field's name and proposes nothing", async () => {
  const cluster = new SmallCluster("one");
  const [{ service }] = cluster.peers as [SmallPeer];
  const bad: [string, Partial<AcquireRequest>][] = [
    ["resource", { resource: "" }],
    ["resource", { resource: "x".repeat(513) }],
    ["resource", { resource: "\u{1F512}".repeat(129) }],
    ["resource", { resource: "a\nb" }],
    ["owner", { owner: "\u0085" }],
    ["owner", { owner: "\ud800" }],
    ["wait", { waitMs: -1 }],
    ["wait", { waitMs: NaN }],
    ["wait", { waitMs: 3_600_001 }],
    ["ttl", { ttlMs: 99 }],
    ["ttl", { ttlMs: Infinity }],
  ];
  for (const [field, more] of bad) {
    await assert.rejects(service.acquire(asked("lock", "ann", more)), (error) => {
      assert.ok(error instanceof SkeinError && error.code === "INVALID");
      assert.equal(error.details["field"], field);
      return true;
    });
  }
  const held = { resource: "lock", owner: "ann", fencingToken: 0.5, request: null };
  await assert.rejects(service.release(held), /fencing_token/);
  await assert.rejects(service.renew({ ...held, fencingToken: null, ttlMs: 5 }), /ttl/);
  assert.equal(cluster.log.length, 0);
  tokenOf(await service.acquire(asked("\u{1F512}".repeat(128), "x".repeat(512))));
});
