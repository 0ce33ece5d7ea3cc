/** What a home knows of its keys in Redis, whatever order answers and changes by others come in. */
import assert from "node:assert/strict";
import { SkeinError } from "../../../src/errors.ts";
import { AWAY, BackingBench, found, LINE_TTL_MS, settled, TERM } from "./backing_bench.ts";

const encoder = new TextEncoder();

Deno.test("what was read is known under one version, until it is changed by somebody else", async () => {
  const bench = new BackingBench();
  await bench.know("k", "1");
  assert.equal(await bench.known(), "1");
  const version = bench.version();
  assert.deepEqual(bench.version(), version);
  bench.backing.heard("k");
  assert.deepEqual([bench.take(), bench.counted], [["changed k"], 1]);
  assert.equal(await bench.known(), undefined);
});

Deno.test("what is changed while it is read is read again", async () => {
  const bench = new BackingBench();
  const prepared = bench.backing.prepare("k");
  bench.backing.heard("k");
  await bench.answerRead("old");
  assert.equal(bench.reads.length, 1);
  await bench.answerRead("new");
  await prepared;
  assert.equal(await bench.known(), "new");
});

Deno.test("many who want what is not known make one read", async () => {
  const bench = new BackingBench();
  const all = [bench.backing.prepare("k"), bench.backing.prepare("k"), bench.backing.content("k")];
  assert.equal(bench.reads.length, 1);
  await bench.answerRead("1");
  await Promise.all(all);
});

Deno.test("what is changed all the time is not waited for without end", async () => {
  const bench = new BackingBench();
  const content = bench.backing.content("k");
  for (let reads = 0; reads < 5; reads++) {
    bench.backing.heard("k");
    await bench.answerRead(`${reads}`);
  }
  assert.equal(await content, null);
  assert.equal(bench.reads.length, 0);
});

Deno.test("a write is known by its own version, also to a read that was on its way", async () => {
  const bench = new BackingBench();
  await bench.write("1", 1);
  const prepared = bench.backing.prepare("k");
  await bench.answerWrite();
  await bench.answerRead("1");
  await prepared;
  assert.deepEqual(bench.version(), { term: TERM, counter: 1, write: 1 });
  assert.deepEqual(bench.backing.settled("k"), { term: TERM, counter: 1, write: 1 });
  assert.deepEqual(bench.take(), ["committed k 1"]);
});

Deno.test("what somebody changes while it is written, or what was written later before, is not known", async () => {
  const bench = new BackingBench();
  await bench.write("1", 1);
  bench.backing.heard("k");
  await bench.answerWrite();
  assert.equal(await bench.known(), undefined);
  const [version, value] = [{ term: TERM, counter: 2, write: 1 }, encoder.encode("2")];
  bench.backing.write({ key: "k", version, value, expiresMs: null });
  await bench.write("3", 2, 3);
  bench.take();
  bench.writes.reverse();
  await bench.answerWrite();
  await bench.answerWrite({ isWritten: false });
  const told = ["changed k", "committed k 1", "committed k 2"];
  assert.deepEqual(bench.take(), told, "no line of it stays");
  assert.equal(await bench.known(), undefined);
  assert.deepEqual(bench.backing.settled("k"), { term: TERM, counter: 3, write: 2 }, "the later");
});

Deno.test("nothing is known while nothing is told, and no line stays once that lasted", async () => {
  const bench = new BackingBench();
  await bench.know("k", "1");
  const prepared = bench.backing.prepare("other");
  bench.backing.lost();
  assert.deepEqual(bench.take(), []);
  assert.equal(await bench.known(), undefined);
  await bench.answerRead("from before");
  assert.equal(bench.reads.length, 1, "it is read again");
  await bench.answerRead("1");
  await prepared;
  bench.watch = null;
  assert.notEqual(bench.backing.prepare("other"), null);
  bench.take();
  bench.backing.stale();
  assert.deepEqual(bench.take(), ["changed all"]);
});

Deno.test("a value whose time is over is read again", async () => {
  const bench = new BackingBench();
  await bench.know("k", "1", 500);
  bench.clock.advance(499);
  assert.equal(await bench.known(), "1");
  bench.clock.advance(1);
  assert.equal(await bench.known(), undefined);
  assert.deepEqual(bench.take(), ["changed k"], "nobody reads on that it has none");
});

Deno.test("notifications: one's own writes and what is as it was are no changes", async () => {
  const bench = new BackingBench();
  bench.watch = "notifications";
  await bench.write("1", 1);
  bench.backing.heard("k");
  await bench.answerWrite();
  await bench.answerRead("1");
  assert.deepEqual([bench.take(), await bench.known()], [["committed k 1"], "1"]);
  bench.backing.heard("k");
  bench.backing.heard("k");
  assert.equal(bench.reads.length, 1);
  await bench.answerRead("1");
  assert.equal(bench.reads.length, 1, "the second one may be of a later change");
  await bench.answerRead("2");
  assert.deepEqual([bench.take(), await bench.known()], [["changed k"], undefined]);
  await bench.know("k", "3", 10_000);
  bench.backing.heard("k");
  await bench.answerRead("3");
  assert.deepEqual(bench.take(), ["changed k"], "its time was taken away");
  bench.backing.heard("unknown");
  assert.deepEqual([bench.take(), bench.reads.length], [["changed unknown"], 0]);
});

Deno.test("notifications: a change while it is read is seen, whichever answer comes first", async () => {
  const bench = new BackingBench();
  bench.watch = "notifications";
  const prepared = bench.backing.prepare("k");
  bench.backing.heard("k");
  const [load, compare] = bench.reads.splice(0);
  compare!.resolve(found("new"));
  await settled();
  load!.resolve(found("old"));
  await settled();
  await prepared;
  assert.deepEqual([bench.take(), await bench.known()], [["changed k"], undefined]);
});

Deno.test("where nothing is told, what is known is known for its time", async () => {
  const bench = new BackingBench();
  bench.watch = "ttl";
  await bench.know("k", "1");
  bench.clock.advance(LINE_TTL_MS - 10);
  assert.deepEqual([bench.take(), await bench.known()], [[], "1"]);
  bench.clock.advance(LINE_TTL_MS / 8);
  assert.deepEqual([bench.take(), await bench.known()], [["changed k"], undefined]);
  assert.equal(bench.clock.timers, 0);
});

Deno.test("a write that does not succeed is told of and tried again, until the home is over", async () => {
  const bench = new BackingBench();
  await bench.write("1", 1);
  await bench.answerWrite(AWAY);
  assert.deepEqual(bench.take(), ["delayed k"]);
  bench.clock.advance(100);
  await settled();
  await bench.answerWrite();
  assert.deepEqual(bench.take(), ["committed k 1"]);
  await bench.write("2", 2);
  await bench.answerWrite(AWAY);
  bench.backing.end();
  bench.clock.advance(10_000);
  await settled();
  assert.deepEqual([bench.writes.length, bench.take()], [0, ["delayed k"]]);
});

Deno.test("a removal comes after what was handed over, and finds it", async () => {
  const bench = new BackingBench();
  const version = { term: TERM, counter: 7, write: 2 };
  const handedOver = { version, value: encoder.encode("dirty"), expiresMs: null };
  bench.execute({ handedOver });
  await settled();
  assert.deepEqual(bench.writes[0]!.what.version, version);
  await bench.answerWrite();
  assert.equal(bench.writes[0]!.what.value, null);
  assert.deepEqual(bench.writes[0]!.what.version, { term: TERM, counter: 50, write: 0 });
  await bench.answerWrite({ existed: true });
  assert.deepEqual(bench.answers, [true]);
  assert.deepEqual(bench.take(), ["committed k 2", "over k"]);
  assert.equal(await bench.known(), null);
});

Deno.test("who asks for what has to wait for Redis is answered at once, and nothing comes of it", async () => {
  const bench = new BackingBench();
  const version = { term: TERM, counter: 7, write: 2 };
  bench.execute({ handedOver: { version, value: encoder.encode("dirty"), expiresMs: null } });
  await settled();
  await bench.answerWrite(AWAY);
  assert.deepEqual([bench.answers, bench.take()], [[AWAY], ["delayed k"]]);
  bench.clock.advance(200);
  await settled();
  await bench.answerWrite();
  assert.deepEqual([bench.writes.length, bench.take()], [0, ["committed k 2", "over k"]]);
});

Deno.test("what a removal waits for may have been done, and the removal was not", async () => {
  const bench = new BackingBench();
  const version = { term: TERM, counter: 7, write: 2 };
  bench.execute({ handedOver: { version, value: encoder.encode("dirty"), expiresMs: null } });
  await settled();
  await bench.answerWrite(new SkeinError("OUTCOME_UNKNOWN", "no reply in time"));
  const [answer] = bench.answers;
  assert.ok(answer instanceof SkeinError);
  assert.deepEqual([answer.code, answer.message], ["UNAVAILABLE", "no reply in time"]);
});

Deno.test("a write of the home's own compares with what is there", async () => {
  const bench = new BackingBench();
  const write = {
    kind: "write",
    key: "k",
    value: encoder.encode("new"),
    ttlMs: 5_000,
    ifVersion: null,
    request: { kind: "caller", principal: "p", id: "1" },
    fillToken: null,
  } as const;
  bench.execute({ write });
  await settled();
  await bench.answerRead("there");
  assert.deepEqual(bench.answers, [{ ok: false, version: bench.version() }]);
  bench.execute({ write: { ...write, ifVersion: bench.version() } });
  await settled();
  assert.equal(bench.writes[0]!.what.leftMs, 5_000);
  await bench.answerWrite();
  const version = { term: TERM, counter: 50, write: 1 };
  assert.deepEqual(bench.answers.at(-1), { ok: true, version });
  assert.deepEqual([bench.version(), await bench.known()], [version, "new"]);
  bench.execute({ write: { ...write, ifVersion: undefined } });
  await settled();
  const doubt = new SkeinError("OUTCOME_UNKNOWN", "the connection was closed");
  await bench.answerWrite(doubt);
  assert.equal(bench.answers.at(-1), doubt, "it is not assumed");
});

Deno.test("what is in the way of one write-back is told to all that wait behind it, and one key's is not", async () => {
  const bench = new BackingBench();
  const version = { term: TERM, counter: 1, write: 1 };
  const value = encoder.encode("1");
  for (let place = 0; place < 250; place++) {
    bench.backing.write({ key: `k${place}`, version, value, expiresMs: null });
  }
  await settled();
  assert.equal(bench.writes.length, 200);
  const [first, ...others] = bench.writes.splice(0);
  first!.reject(new SkeinError("CONFLICT", "it is a hash"));
  for (const { resolve } of others) resolve({ isWritten: true, existed: false });
  await settled();
  assert.deepEqual(bench.take().filter((told) => told.startsWith("delayed")), ["delayed k0"]);
  bench.clock.advance(200);
  await settled();
  assert.equal(bench.writes.length, 51);
  for (let place = 250; place < 500; place++) {
    bench.backing.write({ key: `k${place}`, version, value, expiresMs: null });
  }
  for (const { reject } of bench.writes.splice(0)) reject(AWAY);
  await settled();
  assert.equal(bench.take().length, 301, "those that were tried, and those behind them");
  bench.backing.stale();
  await settled();
  assert.equal(bench.writes.length, 200, "at once when Redis is back");
});

Deno.test("what is tried again does not come behind a later write that is done", async () => {
  const bench = new BackingBench();
  await bench.write("1", 1);
  await bench.write("2", 2);
  await bench.answerWrite(AWAY);
  bench.clock.advance(100);
  await settled();
  assert.deepEqual(bench.writes.map(({ what }) => what.version.write), [2, 1]);
  await bench.answerWrite();
  await bench.answerWrite(AWAY);
  bench.take();
  bench.clock.advance(200);
  await settled();
  assert.deepEqual([bench.writes.length, bench.take()], [0, ["committed k 1"]]);
});
