/** What a home does with asks, write-backs, removals, writes of its own and values that nobody has. */
import assert from "node:assert/strict";
import { LIMITS } from "../../src/limits.ts";
import { SkeinError } from "../../src/errors.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { HomeBench, settled, written } from "./home_bench.ts";
import { walk } from "./home_walk.ts";

const encoder = new TextEncoder();
const caller: RequestKey = { kind: "caller", principal: "p", id: "1" };
const other: RequestKey = { kind: "caller", principal: "p", id: "2" };

/** A home with leases of B and C. */
async function leased() {
  const bench = await HomeBench.begun();
  const [b, c] = [await bench.lease("B"), await bench.lease("C")];
  return { bench, b, c };
}

function writeOf(
  value: string,
  options: {
    readonly ifVersion?: { term: number; counter: number; write: number } | null;
    readonly request?: RequestKey;
    readonly ttlMs?: number;
  } = {},
) {
  const { ifVersion, request = caller, ttlMs = null } = options;
  return {
    kind: "write",
    key: "k",
    value: encoder.encode(value),
    ttlMs,
    ifVersion,
    request,
    fillToken: null,
  } as const;
}

Deno.test("a write-back is confirmed once it is committed, and only one of the current grant is", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.isHeld = true;
  bench.writeBack("B", b, grant, written(grant, 1));
  await settled();
  assert.deepEqual(bench.take("B"), [], "it is not committed");
  bench.commit();
  await settled();
  assert.deepEqual(bench.kinds("B"), ["confirmed"]);
  bench.isHeld = false;
  bench.ask("C", c, "owned");
  bench.acknowledge("B", grant, { dirty: written(grant, 3) });
  await settled();
  assert.deepEqual(bench.settled(), { ...grant, write: 3 }, "handed over, and written back");
  const later = bench.grantOf("C");
  bench.take("B");
  bench.writeBack("B", b, grant, written(grant, 2));
  bench.writeBack("B", b, grant, written(grant, 9));
  bench.writeBack("C", 99, later, written(later, 1));
  await settled();
  assert.deepEqual(bench.kinds("B"), ["confirmed", "confirmed", "refused"], "the first one rode");
  assert.deepEqual(bench.take("C"), [], "of another session: it is sent again");
  assert.deepEqual(bench.settled(), { ...grant, write: 3 });
});

Deno.test("the next grant waits for the write-back that is on its way", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.ask("C", c, "shared");
  bench.isHeld = true;
  bench.acknowledge("B", grant, { kept: true, dirty: written(grant, 1, "new") });
  await settled();
  assert.deepEqual(bench.take("C"), []);
  bench.commit();
  await settled();
  const [granted] = bench.take("C");
  assert.ok(granted?.kind === "granted" && granted.state === "S");
  assert.equal(new TextDecoder().decode(granted.content!.value!), "new");
});

Deno.test("write-backs of one turn are one entry, and of a log that refuses come again", async () => {
  const { bench, b } = await leased();
  bench.committed.length = 0;
  bench.isHeld = true;
  for (let key = 0; key < 50; key++) {
    const grant = bench.granted("B", b, "owned", `${key}`);
    bench.writeBack("B", b, grant, written(grant, 1), "owned", `${key}`);
  }
  await settled();
  assert.equal(bench.waiting, 1);
  bench.fail(new SkeinError("OUTCOME_UNKNOWN", "no answer in time"));
  bench.isHeld = false;
  await bench.pass(100);
  assert.deepEqual(bench.committed, ["written"]);
  assert.equal(bench.kinds("B").filter((kind) => kind === "confirmed").length, 50);
});

Deno.test("large values come from their file, in batches that a command holds", async () => {
  const { bench, b, c } = await leased();
  bench.committed.length = 0;
  const large = "x".repeat(LIMITS.bodyBytesMax - 2);
  for (const key of ["1", "2", "3"]) {
    const grant = bench.granted("B", b, "owned", key);
    bench.writeBack("B", b, grant, written(grant, 1, large), "nothing", key);
  }
  await settled();
  assert.deepEqual(bench.committed, ["written", "written", "written"]);
  bench.take("B");
  bench.ask("C", c, "shared", "2");
  assert.deepEqual(bench.take("C"), [], "it is being read");
  await settled();
  const [granted] = bench.take("C");
  assert.ok(granted?.kind === "granted" && granted.content?.value?.length === large.length);
});

Deno.test("a large value that was being read is not sent once its grant is over", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.writeBack("B", b, grant, written(grant, 1, "x".repeat(5_000)), "nothing");
  await settled();
  bench.take("B");
  bench.ask("C", c, "shared");
  bench.ask("B", b, "owned");
  const [recall] = bench.take("C");
  assert.ok(recall?.kind === "recall");
  bench.acknowledge("C", recall.grant, { held: false });
  await settled();
  assert.deepEqual(bench.take("C"), []);
  assert.deepEqual(bench.kinds("B"), ["granted"]);
});

Deno.test("a value whose time is over is granted as none", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  const expiresMs = bench.clock.monotonicMs() + 500;
  bench.writeBack("B", b, grant, { ...written(grant, 1), expiresMs }, "nothing");
  await bench.pass(499);
  const [shared] = [bench.ask("C", c, "shared"), ...bench.take("C")].slice(1);
  assert.ok(shared !== undefined && typeof shared === "object" && shared.kind === "granted");
  assert.notEqual(shared.content?.version, null);
  await bench.pass(10);
  bench.ask("B", b, "shared");
  bench.acknowledge("C", shared.grant, { kept: true });
  const granted = bench.take("B").find(({ kind }) => kind === "granted");
  assert.ok(granted?.kind === "granted");
  assert.deepEqual(granted.content, { version: null, value: null, expiresMs: null });
});

Deno.test("a removal waits until nobody has a line, and says whether there was a value", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.writeBack("B", b, grant, written(grant, 1));
  await settled();
  bench.ask("C", c, "shared");
  bench.acknowledge("B", grant, { kept: true });
  const second = bench.grantOf("C");
  bench.take("B");
  let isDone = false;
  const removed = bench.question({ kind: "remove", key: "k", request: null });
  removed.then(() => isDone = true);
  await settled();
  assert.deepEqual([bench.kinds("B"), bench.kinds("C")], [["recall"], ["recall"]]);
  bench.acknowledge("B", grant, {});
  await settled();
  assert.ok(!isDone && bench.value() === "1");
  bench.acknowledge("C", second, {});
  assert.equal(await removed, true);
  assert.equal(bench.value(), null);
  assert.equal(await bench.question({ kind: "remove", key: "k", request: null }), false);
});

Deno.test("what a removal finds dirty existed, and is not logged; its owner hears that it is settled", async () => {
  const { bench, b } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.committed.length = 0;
  const removed = bench.question({ kind: "remove", key: "k", request: null });
  await settled();
  bench.acknowledge("B", grant, { dirty: written(grant, 4) });
  assert.equal(await removed, true);
  await bench.pass(60);
  assert.deepEqual(bench.committed, ["removed"]);
  assert.deepEqual(bench.kinds("B"), ["recall", "confirmed"]);
});

Deno.test("an invalidation writes back what is dirty, and leaves the value", async () => {
  const { bench, b } = await leased();
  const grant = bench.granted("B", b, "owned");
  const invalidated = bench.question({ kind: "invalidate", key: "k" });
  await settled();
  bench.acknowledge("B", grant, { dirty: written(grant, 1, "kept") });
  assert.equal(await invalidated, null);
  assert.equal(bench.value(), "kept");
  assert.deepEqual(await bench.question({ kind: "view", key: "k" }), [[], [3, grant.counter, 1]]);
});

Deno.test("the view names who holds the line, and what is written back", async () => {
  const { bench, b, c } = await leased();
  assert.deepEqual(await bench.question({ kind: "view", key: "k" }), [[], null]);
  const grant = bench.granted("B", b, "shared");
  assert.deepEqual(await bench.question({ kind: "view", key: "k" }), [[["B", 1]], null]);
  bench.ask("C", c, "shared");
  bench.acknowledge("B", grant, { kept: true });
  assert.deepEqual(await bench.question({ kind: "view", key: "k" }), [[["B", 2], ["C", 2]], null]);
});

Deno.test("a write through the home leaves nobody a line, and sent again it is answered as then", async () => {
  const { bench, b } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.writeBack("B", b, grant, written(grant, 1));
  await settled();
  const first = bench.question(writeOf("one"));
  const joined = bench.question(writeOf("one"));
  await settled();
  bench.acknowledge("B", grant, { dirty: written(grant, 2) });
  const answer = await first;
  assert.deepEqual(await joined, answer, "the same request, under way");
  assert.equal(bench.value(), "one");
  const later = bench.granted("B", b, "owned");
  bench.writeBack("B", b, later, written(later, 1, "later"));
  await settled();
  assert.deepEqual(await bench.question(writeOf("one")), answer);
  assert.equal(bench.value(), "later", "nothing was written again");
  await assert.rejects(bench.question(writeOf("two")), { code: "REQUEST_ID_REUSED" });
  assert.equal(bench.value(), "later");
});

Deno.test("a removal sent again under its id is answered as then, and removes nothing that came after it", async () => {
  const { bench, b } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.writeBack("B", b, grant, written(grant, 1), "nothing");
  await settled();
  assert.equal(await bench.question({ kind: "remove", key: "k", request: caller }), true);
  const later = bench.granted("B", b, "owned");
  bench.writeBack("B", b, later, written(later, 1, "later"));
  await settled();
  assert.equal(await bench.question({ kind: "remove", key: "k", request: caller }), true);
  assert.equal(bench.value(), "later");
});

Deno.test("a conditional write through the home compares with what is dirty, and loses nothing where it fails", async () => {
  const { bench, b } = await leased();
  const grant = bench.granted("B", b, "owned");
  const version = { ...grant, write: 5 };
  const refused = bench.question(writeOf("mine", { ifVersion: null }));
  await settled();
  bench.acknowledge("B", grant, { dirty: written(grant, 5, "theirs") });
  assert.deepEqual(await refused, [false, [3, grant.counter, 5]]);
  assert.equal(bench.value(), "theirs");
  const done = await bench.question(writeOf("mine", { ifVersion: version, request: other }));
  assert.equal((done as unknown[])[0], true);
  assert.equal(bench.value(), "mine");
  const again = { kind: "caller", principal: "p", id: "3" } as const;
  const late = await bench.question(writeOf("late", { ifVersion: version, request: again }));
  assert.equal((late as unknown[])[0], false);
});

Deno.test("a write through the home ends with its time", async () => {
  const { bench } = await leased();
  await bench.question(writeOf("short", { ttlMs: 200 }));
  await bench.pass(190);
  assert.equal(bench.value(), "short");
  await bench.pass(20);
  assert.equal(bench.value(), null);
});

Deno.test("an id that another request had keeps what was handed over meanwhile", async () => {
  const { bench, b } = await leased();
  await bench.question({ kind: "remove", key: "elsewhere", request: other });
  const grant = bench.granted("B", b, "owned");
  bench.isHeld = true;
  const [first, second] = [
    bench.question(writeOf("one")),
    bench.question({ ...writeOf("two"), ttlMs: 7 }),
  ];
  await settled();
  bench.acknowledge("B", grant, { dirty: written(grant, 1) });
  bench.isHeld = false;
  for (let round = 0; round < 5; round++) {
    bench.commit();
    await settled();
  }
  assert.equal((await first as unknown[])[0], true);
  await assert.rejects(second, { code: "REQUEST_ID_REUSED" });
  assert.equal(bench.value(), "one");
});

Deno.test("when the home ends those who wait are sent on, and what may be logged is unknown", async () => {
  const { bench, b } = await leased();
  bench.granted("B", b, "owned");
  bench.isHeld = true;
  const waiting = bench.question({ kind: "remove", key: "k", request: null });
  const logged = bench.question({ kind: "remove", key: "free", request: null });
  const named = bench.question({ ...writeOf("v"), key: "named" });
  const invalidated = bench.question({ kind: "invalidate", key: "k" });
  await settled();
  await bench.follow();
  await assert.rejects(waiting, { code: "NOT_LEADER" });
  await assert.rejects(logged, { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(named, { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(invalidated, { code: "NOT_LEADER" });
});

Deno.test("a confirmation that nobody waits for rides with the next message, or comes soon", async () => {
  const { bench, b, c } = await leased();
  const grant = bench.granted("B", b, "owned");
  bench.ask("C", c, "owned");
  bench.take("B");
  bench.acknowledge("B", grant, { dirty: written(grant, 1) });
  await settled();
  assert.deepEqual(bench.take("B"), []);
  bench.ask("B", b, "shared", "other");
  assert.deepEqual(bench.kinds("B"), ["confirmed", "granted"]);
  const second = bench.granted("B", b, "owned", "third");
  bench.ask("C", c, "owned", "third");
  bench.take("B");
  bench.acknowledge("B", second, { dirty: written(second, 1) }, "third");
  await bench.pass(60);
  assert.deepEqual(bench.kinds("B"), ["confirmed"]);
});

Deno.test("who has no lease is granted nothing", async () => {
  const { bench } = await leased();
  bench.ask("B", 99, "shared");
  bench.ask("X", 1, "shared");
  await settled();
  assert.deepEqual([bench.take("B"), bench.take("X")], [[], []]);
  bench.homes.checkInvariants();
});

Deno.test("random lines and callers never bring two writers, nor hold a home up", async () => {
  for (let seed = 1; seed <= 40; seed++) await walk(seed);
});

Deno.test("a request of a session is the same again, whatever the session has heard of meanwhile", async () => {
  const { bench } = await leased();
  const write = (lowestOpen: number) => {
    const session = { kind: "session", session: "s", bootId: "b", sequence: 4 } as const;
    return bench.question(writeOf("1", { ifVersion: null, request: { ...session, lowestOpen } }));
  };
  bench.isHeld = true;
  const first = write(2);
  await settled();
  const again = write(3);
  await settled();
  bench.isHeld = false;
  bench.commit();
  assert.deepEqual(await again, await first);
  assert.deepEqual(bench.committed.filter((kind) => kind === "put"), ["put"]);
});
