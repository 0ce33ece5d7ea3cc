/** The rules of a home's leases: its own, its peers', and what a new home waits for. */
import assert from "node:assert/strict";
import { ET, HomeBench, SELF, settled, written } from "./home_bench.ts";

Deno.test("a home begins once an entry of its term is applied, by which it is a lease holder itself", async () => {
  const bench = new HomeBench();
  bench.isHeld = true;
  await bench.lead(3);
  assert.equal(bench.homes.own(1), null);
  await bench.report(SELF);
  assert.deepEqual(bench.take(SELF), [], "nobody hears it yet");
  bench.commit();
  await settled();
  assert.equal(bench.homes.own(1)?.term, 3);
  assert.deepEqual([...bench.machine.leaseHolders], [SELF]);
  const [announced] = bench.take(SELF);
  assert.ok(announced?.kind === "renewed" && announced.serial === 0 && !announced.isLeased);
});

Deno.test("a peer is entered into the replicated set before its first lease", async () => {
  const bench = await HomeBench.begun();
  bench.isHeld = true;
  await bench.report("B");
  assert.deepEqual(bench.take("B"), []);
  bench.commit();
  await settled();
  assert.ok(bench.machine.leaseHolders.has("B"));
  assert.deepEqual(bench.kinds("B"), ["leased"]);
  await bench.report("B");
  assert.deepEqual(bench.kinds("B"), ["leased"], "it is in the set already");
});

Deno.test("without its home lease a home grants neither lines nor leases, and then goes on", async () => {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  bench.loseQuorum();
  await bench.pass(0.8 * ET - 10);
  bench.renew("B", b);
  bench.ask("B", b, "shared");
  assert.deepEqual(bench.kinds("B"), ["renewed", "granted"]);
  await bench.pass(10);
  bench.renew("B", b);
  bench.renew("B", 99);
  bench.ask("C", c, "shared", "other");
  await bench.report("C");
  await bench.report("D");
  for (const peer of ["B", "C", "D"]) assert.deepEqual(bench.take(peer), [], peer);
  bench.quorum = undefined;
  await bench.pass(ET / 4);
  assert.deepEqual(bench.kinds("C"), ["granted"]);
});

Deno.test("the home lease ends by the clock that went further, and lasts while its quorum answers", async () => {
  const bench = await HomeBench.begun();
  const b = await bench.lease("B");
  bench.loseQuorum();
  bench.clock.jumpedMs += 0.8 * ET;
  bench.ask("B", b, "shared");
  assert.deepEqual(bench.take("B"), [], "the machine may have slept");
  bench.quorum = undefined;
  await bench.pass(ET / 4);
  assert.deepEqual(bench.kinds("B"), ["granted"]);
});

Deno.test("another's lease is over only a tenth later than it lasts, counted from its answer, whatever the wall clock says", async () => {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  const grant = bench.granted("B", b, "owned");
  bench.renew("B", b);
  bench.clock.jumpedMs += 10 * ET;
  await bench.pass(ET - 100);
  bench.renew("C", c);
  bench.ask("C", c, "shared");
  await bench.pass(190);
  assert.deepEqual(bench.kinds("B"), ["renewed", "recall"]);
  assert.deepEqual(bench.kinds("C"), ["renewed"], "B may still write");
  await bench.pass(20);
  assert.deepEqual(bench.kinds("C"), ["granted"], "its lease is over, and with it the line");
  bench.writeBack("B", b, grant, written(grant, 1));
  await settled();
  assert.deepEqual(bench.kinds("B"), ["refused"]);
  assert.equal(bench.settled(), null);
});

Deno.test("a renewal makes a lease last, and brings what was lost", async () => {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  bench.granted("B", b, "shared");
  bench.ask("C", c, "owned");
  assert.deepEqual(bench.kinds("B"), ["recall"]);
  await bench.pass(ET / 2);
  bench.renew("B", b);
  assert.deepEqual(bench.kinds("B"), ["renewed", "recall"]);
  for (let round = 0; round < 5; round++) {
    bench.renew("B", b);
    bench.renew("C", c);
    await bench.pass(ET / 4);
  }
  assert.deepEqual(bench.take("C").filter(({ kind }) => kind === "granted"), []);
});

Deno.test("a peer that never acknowledges is renewed no longer, and holds nobody up for ever", async () => {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  bench.granted("B", b, "shared");
  bench.ask("C", c, "owned");
  let renewals = 0;
  for (let round = 0; round < 20; round++) {
    bench.renew("B", b);
    bench.renew("C", c);
    renewals += bench.take("B").filter((one) => one.kind === "renewed" && one.isLeased).length;
    await bench.pass(ET / 4);
  }
  assert.ok(renewals >= 6 && renewals <= 9, `${renewals} renewals`);
  assert.ok(bench.kinds("C").includes("granted"));
});

Deno.test("messages of an older term are refused, and their sender is told of the new home", async () => {
  const bench = await HomeBench.begun();
  const b = await bench.lease("B");
  const grant = bench.granted("B", b, "owned");
  await bench.follow();
  await bench.lead(5);
  await bench.lease(SELF);
  bench.take("B");
  const old = { partition: 1, term: 3, key: "k" };
  const content = written(grant, 1);
  bench.tell("B", { kind: "writeBack", ...old, session: b, grant, keeps: "owned", content });
  bench.tell("B", { kind: "ask", ...old, session: b, request: 9, wish: "owned", holds: null });
  bench.tell("B", { kind: "dropped", ...old, grant });
  await settled();
  assert.deepEqual(bench.take("B"), []);
  assert.equal(bench.settled(), null);
  await bench.report("B", [], 3);
  bench.renew("B", b, 3);
  await bench.report("B", [], 9);
  for (const message of bench.take("B")) {
    assert.ok(message.kind === "renewed" && message.term === 5 && !message.isLeased);
  }
  assert.equal(bench.homes.own(1)?.term, 5);
});

Deno.test("a new home grants nothing, not even Shared, before all lease holders have reported", async () => {
  const bench = await HomeBench.begun();
  await bench.lease("B");
  await bench.lease("C");
  await bench.follow();
  await bench.lead(5);
  for (const peer of [SELF, "B", "C"]) {
    assert.ok(bench.take(peer).some((one) => one.kind === "renewed" && one.term === 5), peer);
  }
  const [a, b] = [await bench.lease(SELF), await bench.lease("B")];
  bench.ask("B", b, "shared");
  bench.ask(SELF, a, "owned", "other");
  const invalidated = bench.question({ kind: "invalidate", key: "third" });
  await bench.pass(ET / 2);
  assert.deepEqual(bench.take("B").filter(({ kind }) => kind === "granted"), []);
  assert.deepEqual(bench.take(SELF).filter(({ kind }) => kind === "granted"), []);
  await bench.lease("C");
  assert.deepEqual(bench.kinds("B"), ["granted"]);
  assert.deepEqual(bench.kinds(SELF), ["granted"]);
  assert.equal(await invalidated, null);
});

Deno.test("a lease holder that is gone holds a new home up until no lease with an older one can last", async () => {
  const bench = await HomeBench.begun();
  await bench.lease("B");
  await bench.follow();
  await bench.lead(5);
  const a = await bench.lease(SELF);
  bench.ask(SELF, a, "shared");
  await bench.pass(2.1 * ET - 20);
  assert.deepEqual(bench.take(SELF), []);
  await bench.pass(30);
  assert.deepEqual(bench.kinds(SELF), ["granted"]);
  await bench.pass(3 * ET);
  assert.deepEqual([...bench.machine.leaseHolders], [SELF], "a later home need not wait for it");
});

Deno.test("before a home is rebuilt a key that is registered as owned is recalled, once no older home can grant", async () => {
  const bench = await HomeBench.begun();
  const b = await bench.lease("B");
  await bench.lease("C");
  const grant = bench.granted("B", b, "owned");
  await bench.follow();
  await bench.lead(5);
  const a = await bench.lease(SELF);
  await bench.lease("B", [{ key: "k", line: { kind: "owned", grant } }]);
  bench.ask(SELF, a, "shared");
  await bench.pass(0.88 * ET - 20);
  assert.deepEqual(bench.kinds("B").filter((kind) => kind === "recall"), []);
  await bench.pass(40);
  assert.deepEqual(bench.kinds("B").filter((kind) => kind === "recall"), ["recall"]);
  bench.acknowledge("B", grant, { kept: true, dirty: written(grant, 1, "new") });
  await settled();
  assert.equal(bench.value(), "new");
  assert.deepEqual(bench.kinds(SELF).filter((kind) => kind === "granted"), ["granted"]);
});

Deno.test("who was reported to a home that was not rebuilt reports again: its lines live by the former lease till then", async () => {
  const bench = await HomeBench.begun();
  const b = await bench.lease("B");
  await bench.lease("C");
  const grant = bench.granted("B", b, "owned");
  await bench.follow();
  await bench.lead(5);
  await bench.lease(SELF);
  const early = await bench.lease("B", [{ key: "k", line: { kind: "owned", grant } }]);
  await bench.lease("C");
  bench.writeBack("B", early, grant, written(grant, 1));
  await settled();
  assert.equal(bench.settled(), null, "that session does not cover it");
  bench.renew("B", early);
  const [renewed] = bench.take("B");
  assert.ok(renewed?.kind === "renewed" && renewed.isRebuilt);
  const full = await bench.lease("B", [{ key: "k", line: { kind: "owned", grant } }]);
  bench.writeBack("B", full, grant, written(grant, 1));
  await settled();
  assert.deepEqual(bench.settled(), { ...grant, write: 1 });
});

Deno.test("what is owed by a peer that reports is confirmed or refused inside the answer", async () => {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  const grant = bench.granted("B", b, "owned");
  bench.writeBack("B", b, grant, written(grant, 1), "nothing");
  await settled();
  const later = bench.granted("C", c, "owned");
  assert.deepEqual(bench.kinds("B"), ["confirmed"]);
  await bench.follow();
  await bench.lead(5);
  await bench.lease(SELF);
  await bench.lease("C", [{ key: "k", line: { kind: "owned", grant: later } }]);
  const owed = { kind: "owed", grant, hasCopy: false } as const;
  const [version, lost] = [{ ...grant, write: 1 }, { ...grant, write: 2 }];
  await bench.report("B", [{ key: "k", line: { ...owed, version } }]);
  const [first] = bench.take("B").filter(({ kind }) => kind === "leased");
  assert.ok(first?.kind === "leased");
  assert.deepEqual(first.outcomes.map(({ kind }) => kind), ["confirmed"]);
  await bench.report("B", [{ key: "k", line: { ...owed, version: lost } }]);
  const [second] = bench.take("B").filter(({ kind }) => kind === "leased");
  assert.ok(second?.kind === "leased");
  assert.deepEqual(second.outcomes.map(({ kind }) => kind), ["refused"]);
});

Deno.test("who is leaving the replicated set has no lease before it is entered again", async () => {
  const bench = await HomeBench.begun();
  await bench.lease("B");
  await bench.pass(1.1 * ET + 10);
  bench.isHeld = true;
  await bench.pass(1.1 * ET + 500);
  assert.equal(bench.waiting, 1, "B is to leave");
  await bench.report("B");
  assert.deepEqual(bench.take("B"), []);
  bench.isHeld = false;
  bench.commit();
  await settled();
  assert.ok(!bench.machine.leaseHolders.has("B"));
  await bench.lease("B");
  assert.ok(bench.machine.leaseHolders.has("B"));
});

Deno.test("a home that leads no more answers nobody, and knows no lease to be its own", async () => {
  const bench = await HomeBench.begun();
  const b = await bench.lease("B");
  await bench.follow();
  assert.equal(bench.homes.own(1), null);
  bench.term--;
  bench.ask("B", b, "shared");
  bench.renew("B", b);
  await bench.report("B");
  assert.deepEqual(bench.take("B"), []);
  const asked = bench.question({ kind: "view", key: "k" });
  await assert.rejects(asked, { code: "UNAVAILABLE" });
  assert.equal(bench.clock.timers, 0);
});
