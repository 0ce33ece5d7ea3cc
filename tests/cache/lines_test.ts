/** What a peer's lines do for callers, and what they say to a home that a test speaks for. */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { ET, FLUSH, LinesHarness, NOTHING, put, written } from "./lines_harness.ts";

const isUnavailable = (error: unknown) =>
  error instanceof SkeinError && error.code === "UNAVAILABLE";
const isUnknown = (error: unknown) =>
  error instanceof SkeinError && error.code === "OUTCOME_UNKNOWN";

Deno.test("lines: the first read reports and asks; every further one costs nothing", async () => {
  const peer = new LinesHarness();
  const reading = peer.lines.read("k", ET);
  const report = peer.only("report");
  assert.deepEqual(report.lines, []);
  assert.deepEqual(peer.sent, [], "nothing is asked for before there is a lease");
  const session = peer.lease(report);
  const ask = peer.only("ask");
  assert.deepEqual([ask.session, ask.wish, ask.holds], [session, "shared", null]);
  peer.grant("S", written("1", 1), ask);
  const answer = await reading;
  assert.deepEqual([answer.status, answer.state], ["filled", "S"]);
  assert.equal(answer.value!.version, "1.1.1");
  assert.equal(peer.text("k"), "1");
  assert.equal(peer.lines.hit("k")!.status, "hit");
  assert.deepEqual(peer.sent, []);
});

Deno.test("lines: many callers of one key wait for one request", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const readings = Array.from({ length: 100 }, () => peer.lines.read("k", ET));
  peer.grant("S", written("1", 1));
  for (const reading of readings) assert.equal((await reading).value!.version, "1.1.1");
  assert.deepEqual(peer.sent, []);
});

Deno.test("lines: a write from Shared asks, and needs no content; then it costs nothing", async () => {
  const peer = new LinesHarness();
  const reading = peer.lines.read("k", ET);
  peer.lease();
  const grant = peer.grant("S", written("1", 1));
  await reading;
  assert.equal(peer.write("k", "2"), null);
  const writing = peer.lines.write("k", put("2"), ET);
  const ask = peer.only("ask");
  assert.deepEqual([ask.wish, ask.holds], ["owned", grant]);
  const next = peer.grant("E", null, ask);
  const answer = await writing;
  assert.deepEqual(answer, { ok: true, state: "M", version: `1.${next.counter}.1` });
  assert.equal(peer.write("k", "3")!.version, `1.${next.counter}.2`);
  assert.equal(peer.text("k"), "3");
  assert.deepEqual(peer.sent, []);
});

Deno.test("lines: who waits is served by a grant although its recall follows at once", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const writing = peer.lines.write("k", put("1"), ET);
  const reading = peer.lines.read("k", ET);
  const grant = peer.grant("E");
  peer.recall("k", grant, "I");
  assert.deepEqual(peer.log, ["Received INVAL for k. State -> I"]);
  assert.equal((await writing).ok, true);
  assert.equal((await reading).value!.version, `1.${grant.counter}.1`);
  const acknowledge = peer.only("acknowledge");
  assert.equal(new TextDecoder().decode(acknowledge.dirty!.value), "1");
  assert.equal(peer.lines.hit("k"), null);
});

Deno.test("lines: a recall for what is not here is answered, and leaves nothing behind", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  peer.recall("k", { term: 1, counter: 77 }, "I");
  const { held, kept, dirty } = peer.only("acknowledge");
  assert.deepEqual([held, kept, dirty], [false, false, null]);
  assert.deepEqual([peer.log, peer.lines.lines], [[], 1]);
});

Deno.test("lines: what is written is written back once a flush interval", async () => {
  const peer = new LinesHarness();
  await peer.owned("a");
  await peer.owned("b");
  for (let count = 0; count < 10; count++) peer.write("a", `${count}`);
  peer.write("b", "1");
  assert.equal(peer.lines.dirty, 2);
  peer.clock.advance(FLUSH);
  const [a, b, ...others] = peer.take("writeBack");
  assert.deepEqual(others, []);
  assert.deepEqual([a!.key, a!.content.version.write, a!.keeps], ["a", 10, "owned"]);
  peer.confirm(a!);
  peer.confirm(b!);
  assert.equal(peer.lines.dirty, 0);
  peer.clock.advance(2 * FLUSH);
  assert.deepEqual(peer.take("writeBack"), []);
  assert.equal(peer.lines.hit("a")!.state, "E");
});

Deno.test("lines: a write older than two flush intervals holds up the next one until it is confirmed", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  assert.ok(peer.write("k", "1"));
  peer.live(2 * FLUSH);
  assert.ok(peer.write("k", "2"));
  peer.live(FLUSH);
  assert.equal(peer.write("k", "3"), null);
  const writing = peer.lines.write("k", put("3"), ET);
  const [first] = peer.take("writeBack");
  assert.deepEqual(peer.take("ask"), []);
  peer.confirm(first!);
  // The second one is as old by now as the first one may be.
  assert.equal((await writing).ok, true);
});

Deno.test("lines: a durable write is answered once it is committed, with all of its turn in one", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  let answered = 0;
  const writings = ["1", "2", "3"].map(async (text) => {
    const answer = await peer.lines.write("k", put(text, { durable: true }), ET);
    answered++;
    return answer;
  });
  await Promise.resolve();
  const writeBack = peer.only("writeBack");
  assert.equal(writeBack.content.version.write, 3);
  assert.equal(answered, 0);
  peer.confirm(writeBack);
  for (const answer of await Promise.all(writings)) assert.equal(answer.ok, true);
});

Deno.test("lines: a durable write whose lease ends is OUTCOME_UNKNOWN, and the line is gone", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  const writing = peer.lines.write("k", put("1", { durable: true }), 10 * ET);
  const refused = assert.rejects(writing, isUnknown);
  peer.clock.advance(ET + 1);
  await refused;
  assert.equal(peer.lines.hit("k"), null);
  assert.equal(peer.lines.counters.lost, 1);
});

Deno.test("lines: a durable write is not waited for beyond its time", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  const writing = assert.rejects(
    peer.lines.write("k", put("1", { durable: true }), 3 * ET),
    isUnknown,
  );
  peer.live(4 * ET);
  await writing;
  assert.equal(peer.text("k"), "1", "it may be written back yet");
});

Deno.test("lines: if_version compares with what is there, and a conflict costs no request", async () => {
  const peer = new LinesHarness();
  const reading = peer.lines.read("k", ET);
  peer.lease();
  peer.grant("S", written("1", 1));
  await reading;
  const put2 = (ifVersion: string | null) => peer.lines.write("k", put("2", { ifVersion }), ET);
  const conflict = { ok: false, code: "CONFLICT", version: "1.1.1" };
  assert.deepEqual(await put2(null), conflict);
  assert.deepEqual(await put2("1.1.2"), conflict);
  assert.deepEqual(await put2("nonsense"), conflict);
  assert.deepEqual(peer.sent, []);
  const writing = put2("1.1.1");
  const grant = peer.grant("E", null);
  assert.deepEqual(await writing, { ok: true, state: "M", version: `1.${grant.counter}.1` });
  assert.equal((await put2("1.1.1")).ok, false);
});

Deno.test("lines: a value whose time is over is none", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.lines.writeHere("k", put("1", { ttlMs: 200 }));
  const first = peer.lines.hit("k")!;
  assert.equal(first.value!.expiresAt, new Date(peer.clock.wallMs() + 200).toISOString());
  peer.clock.advance(199);
  assert.equal(peer.text("k"), "1");
  peer.clock.advance(1);
  assert.equal(peer.lines.hit("k")!.status, "miss");
  assert.equal(peer.text("k"), null);
  assert.equal((await peer.lines.write("k", put("2", { ifVersion: null }), ET)).ok, true);
  assert.equal(peer.text("k"), "2");
});

Deno.test("lines: a full partition refuses who would write, and not who reads", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const writing = peer.lines.write("k", put("1"), ET);
  const reading = peer.lines.read("k", ET);
  const { request } = peer.only("ask");
  peer.hear({ kind: "denied", partition: 1, term: 1, key: "k", request, error: null });
  await assert.rejects(writing, { code: "TOO_MANY_REQUESTS" });
  assert.equal(peer.sent.length, 1);
  peer.grant("S");
  await reading;
});

Deno.test("lines: an ask that may be lost is sent again, and one that is late is given up", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const reading = assert.rejects(peer.lines.read("k", 2 * ET), isUnavailable);
  const { request } = peer.only("ask");
  peer.live(ET / 2);
  assert.equal(peer.only("ask").request, request);
  peer.live(2 * ET);
  await reading;
});

Deno.test("lines: a write-back that is not confirmed is sent again", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.write("k", "1");
  peer.live(FLUSH);
  const first = peer.only("writeBack");
  peer.live(ET / 2 - FLUSH);
  assert.deepEqual(peer.take("writeBack"), []);
  peer.live(FLUSH);
  assert.deepEqual(peer.only("writeBack").content, first.content);
});

Deno.test("lines: as many lines are held as there may be, dirty ones are written back, nothing is lost", async () => {
  const peer = new LinesHarness({ entriesMax: 1_000 });
  await peer.owned("first");
  for (let count = 0; count < 5_000; count++) {
    const writing = peer.lines.write(`k${count}`, put(`${count}`), ET);
    peer.grant("E");
    await writing;
    assert.ok(peer.lines.lines <= 1_000);
  }
  assert.equal(peer.lines.lines, 1_000);
  assert.equal(peer.lines.counters.evictions, 4_001);
  const writeBacks = peer.take("writeBack");
  assert.equal(writeBacks.length, 4_000);
  assert.ok(writeBacks.every(({ keeps }) => keeps === "nothing"));
  assert.deepEqual(new Set(writeBacks.map(({ key }) => key)).size, 4_000);
  assert.equal(peer.lines.dirty, 5_000);
  const [owed] = writeBacks;
  peer.recall(owed!.key, owed!.grant, "I");
  assert.equal(peer.only("acknowledge").dirty!.version.write, 1, "it goes on answering recalls");
  for (const writeBack of writeBacks) peer.confirm(writeBack);
  assert.equal(peer.lines.dirty, 1_000);
});

Deno.test("lines: the line that was not used for longest goes, by bytes as well", async () => {
  const peer = new LinesHarness({ bytesMax: 3_000 });
  for (const key of ["a", "b", "c"]) await peer.owned(key);
  peer.lines.hit("a");
  peer.write("c", "x".repeat(1_500));
  assert.deepEqual(["a", "b", "c"].map((key) => peer.lines.state(key)), ["E", "E", "M"]);
  peer.write("a", "x".repeat(500));
  assert.deepEqual(["a", "b", "c"].map((key) => peer.lines.state(key)), ["M", "I", "M"]);
  assert.ok(peer.lines.bytes <= 3_000);
  assert.deepEqual(peer.take("dropped"), [], "that may ride");
  peer.clock.advance(FLUSH);
  assert.equal(peer.only("dropped").key, "b");
});

Deno.test("lines: that a line was dropped is told before the line is asked for again", async () => {
  const peer = new LinesHarness({ entriesMax: 1 });
  await peer.owned("a");
  await peer.owned("b");
  assert.equal(peer.lines.state("a"), "I");
  const reading = peer.lines.read("a", ET);
  assert.deepEqual(peer.sent.map(({ message }) => message.kind), ["dropped", "ask"]);
  peer.grant("E");
  await reading;
});

Deno.test("lines: giving up writes back all, and waits for that", async () => {
  const peer = new LinesHarness();
  for (const key of ["a", "b", "c"]) await peer.owned(key);
  peer.write("a", "1");
  peer.write("b", "1");
  let done = false;
  const given = peer.lines.giveUp(ET).then(() => done = true);
  assert.equal(peer.lines.lines, 0);
  assert.equal(peer.only("dropped").key, "c");
  const [a, b] = peer.take("writeBack");
  peer.confirm(a!);
  await Promise.resolve();
  assert.equal(done, false);
  peer.confirm(b!);
  await given;
});

Deno.test("lines: giving up takes no longer than it may", async () => {
  const peer = new LinesHarness();
  await peer.owned("a");
  peer.write("a", "1");
  const given = peer.lines.giveUp(ET / 2);
  peer.clock.advance(ET / 2);
  await given;
});

Deno.test("lines: at the end whoever waits is told so", async () => {
  const peer = new LinesHarness();
  await peer.owned("a");
  const end = new SkeinError("SHUTTING_DOWN", "the end");
  const waits = [
    assert.rejects(peer.lines.read("k", ET), end),
    assert.rejects(peer.lines.write("a", put("1", { durable: true }), ET), isUnknown),
  ];
  peer.lines.close(end);
  await Promise.all(waits);
  await assert.rejects(peer.lines.read("k", ET), end);
  peer.grant("E", NOTHING, peer.take("ask")[0]!);
  assert.equal(peer.clock.timers, 0);
});
