/**
 * Under which leases a peer's lines are used, and with which homes: what ends them, what renews them, and how another
 * home takes lines over.
 */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { ET, FLUSH, LinesHarness, put } from "./lines_harness.ts";

const isUnavailable = (error: unknown) =>
  error instanceof SkeinError && error.code === "UNAVAILABLE";

Deno.test("lines: no line is used once its lease is over, by either clock", async () => {
  for (const pass of ["both", "wall"] as const) {
    const peer = new LinesHarness();
    await peer.owned("k");
    peer.write("k", "1");
    const almostMs = ET - 1 - peer.clock.monotonicMs();
    if (pass === "both") peer.clock.advance(almostMs);
    else peer.clock.sleptMs += almostMs;
    assert.equal(peer.text("k"), "1", pass);
    if (pass === "both") peer.clock.advance(2);
    else peer.clock.sleptMs += 2;
    assert.equal(peer.lines.hit("k"), null, pass);
    assert.equal(peer.write("k", "2"), null, pass);
    assert.equal(peer.lines.state("k"), "I", pass);
    peer.clock.advance(ET);
    assert.equal(peer.lines.counters.lost, 1, "what was not written back is lost");
  }
});

Deno.test("lines: a lease counts from sending, and renewals keep it", async () => {
  const peer = new LinesHarness();
  const reading = peer.lines.read("k", 2 * ET);
  const report = peer.only("report");
  peer.clock.advance(200);
  peer.take("renew");
  peer.lease(report);
  peer.grant("E");
  await reading;
  peer.clock.advance(799);
  assert.notEqual(peer.lines.hit("k"), null);
  const [early] = peer.take("renew");
  peer.clock.advance(1);
  assert.equal(peer.lines.hit("k"), null, "1,000 ms after the report was sent");
  assert.ok(early !== undefined);

  const other = new LinesHarness();
  await other.owned("k");
  other.clock.advance(ET / 4);
  const renewal = other.only("renew");
  other.clock.advance(ET / 2);
  other.renew(renewal);
  other.clock.advance(ET / 2 - 1);
  assert.notEqual(other.lines.hit("k"), null);
  other.clock.advance(1);
  assert.equal(other.lines.hit("k"), null, "1,000 ms after the renewal was sent");
});

Deno.test("lines: a lease that began because its home spoke first is renewed, and what is asked for under it again", async () => {
  const peer = new LinesHarness();
  const at = { partition: 1, term: 1, serial: 0, session: 0, timeMs: 0 };
  peer.hear({ kind: "renewed", ...at, isLeased: false, isRebuilt: false });
  peer.lease();
  const reading = peer.lines.read("k", 2 * ET);
  const { request } = peer.only("ask");
  peer.live(ET);
  const again = peer.take("ask");
  assert.ok(again.length > 0 && again.every((ask) => ask.request === request));
  peer.grant("S", undefined, again[0]);
  assert.equal((await reading).state, "S");
});

Deno.test("lines: a lease lasts while its lines are elsewhere, and is given up after a while", async () => {
  const peer = new LinesHarness();
  const grant = await peer.owned("k");
  peer.recall("k", grant, "I");
  peer.live(3 * ET);
  assert.equal(peer.write("k", "1"), null);
  const writing = peer.lines.write("k", put("1"), ET);
  assert.deepEqual(peer.take("report"), []);
  const again = peer.grant("E");
  await writing;
  peer.live(3 * ET);
  assert.equal(peer.text("k"), "1");
  for (const writeBack of peer.take("writeBack")) peer.confirm(writeBack);
  peer.recall("k", again, "I");
  peer.live(12 * ET);
  peer.clock.advance(ET);
  assert.deepEqual([peer.take("renew"), peer.clock.timers], [[], 0]);
});

Deno.test("lines: a home that knows of no lease ends it, and is reported to", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.write("k", "1");
  const waiting = peer.lines.read("other", ET);
  peer.grant("E");
  await waiting;
  peer.clock.advance(ET / 4);
  peer.take("writeBack");
  const renewal = peer.only("renew");
  const reading = peer.lines.read("more", ET);
  peer.renew(renewal, false);
  assert.equal(peer.lines.lines, 0);
  assert.deepEqual(peer.only("report").lines, []);
  peer.clock.advance(ET);
  await assert.rejects(reading, isUnavailable);
});

Deno.test("lines: an answer from before the present lease does not end it", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.clock.advance(ET / 4);
  const renewal = peer.only("renew");
  peer.renew(renewal, false);
  assert.equal(peer.lines.lines, 0);
  const reading = peer.lines.read("k", ET);
  peer.lease(peer.only("report"));
  peer.grant("E");
  await reading;
  peer.renew(renewal, false);
  assert.equal(peer.lines.lines, 1);
});

Deno.test("lines: a peer that reported early reports again once the home is rebuilt", async () => {
  const peer = new LinesHarness();
  const reading = peer.lines.read("k", ET);
  peer.lease(peer.only("report"), false);
  peer.grant("E");
  await reading;
  peer.clock.advance(ET / 4);
  peer.renew(peer.only("renew"), true, false);
  assert.deepEqual(peer.take("report"), []);
  peer.clock.advance(ET / 4);
  peer.renew(peer.only("renew"));
  const again = peer.only("report");
  assert.equal(again.lines.length, 1);
  const asking = peer.lines.read("more", ET);
  assert.deepEqual(peer.take("ask"), [], "nothing is asked for meanwhile");
  peer.lease(again);
  peer.grant("E");
  await asking;
});

Deno.test("lines: under a newer home they live by the former lease, until it has taken them over", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.clock.advance(ET / 4);
  peer.take("renew");
  peer.write("k", "1");
  peer.status = { leader: "N", term: 2 };
  peer.lines.leaderChanged(1);
  const report = peer.sent.find(({ message }) => message.kind === "report")!;
  assert.equal(report.to, "N");
  assert.equal(peer.text("k"), "1");
  assert.ok(peer.write("k", "2"), "the former lease lasts");
  peer.clock.advance(FLUSH);
  assert.deepEqual(peer.take("writeBack"), [], "there is no session to write back under");
  const early = peer.only("report");
  assert.deepEqual([early.term, early.lines.length], [2, 1]);
  peer.lease(early, false);
  peer.clock.advance(FLUSH);
  const [writeBack] = peer.take("writeBack");
  assert.deepEqual([writeBack!.term, writeBack!.grant.term], [2, 1]);
  peer.clock.advance(ET - 250 - 200 - 1);
  assert.equal(peer.text("k"), "2");
  peer.clock.advance(1);
  assert.equal(peer.text("k"), null, "the lease with the new home does not cover it yet");
  assert.equal(peer.lines.counters.lost, 1);
});

Deno.test("lines: what a rebuilt home took over is used on under its lease", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.write("k", "1");
  peer.clock.advance(ET / 2);
  peer.take("renew");
  peer.status = { leader: "N", term: 2 };
  peer.lines.leaderChanged(1);
  peer.lease(peer.only("report"), true);
  peer.clock.advance(ET - 1);
  assert.equal(peer.text("k"), "1");
});

Deno.test("lines: messages of an older home are not heard", async () => {
  const peer = new LinesHarness();
  const grant = await peer.owned("k");
  peer.status = { leader: "N", term: 2 };
  peer.lines.leaderChanged(1);
  peer.recall("k", grant, "I");
  assert.deepEqual(peer.take("acknowledge"), []);
  assert.equal(peer.lines.state("k"), "E");
});

Deno.test("lines: of a newer home a peer hears by any of its messages", async () => {
  const peer = new LinesHarness();
  const grant = await peer.owned("k");
  peer.status = null;
  const at = { partition: 1, term: 3 };
  const answer = { serial: 0, session: 0, isLeased: false, isRebuilt: false, timeMs: 1 };
  peer.hear({ kind: "renewed", ...at, ...answer }, "N");
  const report = peer.only("report");
  assert.deepEqual([report.term, report.lines], [3, [{
    key: "k",
    line: { kind: "owned", grant },
  }]]);
});

Deno.test("lines: a peer without a replica has the home looked for, and learns its term", async () => {
  const peer = new LinesHarness();
  peer.status = null;
  peer.found = { leader: "H", term: 4 };
  const reading = peer.lines.read("k", ET);
  await Promise.resolve();
  await Promise.resolve();
  const [first] = peer.sent;
  assert.equal(first!.to, "H");
  const report = peer.only("report");
  assert.equal(report.term, 4);
  peer.lease(report);
  peer.grant("E");
  await reading;
});

Deno.test("lines: a home that answers nothing is looked for elsewhere", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  peer.status = null;
  assert.equal(peer.asked, 0);
  peer.clock.advance(3 * ET / 4);
  assert.equal(peer.asked, 1);
});

Deno.test("lines: the home's own lines rest while its lease is out, and are not lost", async () => {
  const peer = new LinesHarness();
  peer.own = { term: 1, leasedFrom: { monotonicMs: 0, wallMs: peer.clock.wallMs() } };
  await peer.owned("k");
  peer.write("k", "1");
  peer.clock.advance(0.8 * ET - 1);
  assert.equal(peer.text("k"), "1");
  peer.clock.advance(1);
  assert.equal(peer.lines.hit("k"), null);
  assert.equal(peer.write("k", "2"), null);
  const reading = peer.lines.read("k", 5 * ET);
  peer.clock.advance(2 * ET);
  assert.deepEqual(peer.take("ask"), []);
  const now = { monotonicMs: peer.clock.monotonicMs(), wallMs: peer.clock.wallMs() };
  peer.own = { term: 1, leasedFrom: now };
  peer.clock.advance(ET / 4);
  assert.equal(new TextDecoder().decode((await reading).value!.data), "1");
  assert.equal(peer.lines.counters.lost, 0);
});

Deno.test("lines: who is the home no longer lives by what is left of the home lease", async () => {
  const peer = new LinesHarness();
  peer.own = { term: 1, leasedFrom: { monotonicMs: 0, wallMs: peer.clock.wallMs() } };
  await peer.owned("k");
  peer.own = null;
  peer.clock.advance(0.8 * ET - 1);
  assert.notEqual(peer.lines.hit("k"), null);
  peer.clock.advance(1);
  assert.equal(peer.lines.hit("k"), null);
  peer.clock.advance(ET);
  assert.equal(peer.lines.lines, 0);
});

Deno.test("lines: a newer home is told that nothing is here, and giving up waits for its answer", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  await peer.lines.giveUp(ET);
  peer.take("dropped");
  peer.status = { leader: "N", term: 2 };
  peer.lines.leaderChanged(1);
  const report = peer.only("report");
  assert.deepEqual([report.term, report.lines], [2, []]);
  let isDone = false;
  const given = peer.lines.giveUp(ET).then(() => isDone = true);
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(isDone, false);
  peer.lease(report);
  await given;
  assert.ok(peer.clock.monotonicMs() < ET);
});
