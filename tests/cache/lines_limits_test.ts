/** What a peer's lines keep to when the home has no room, the network is slow, or this peer's own replica lags. */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { ET, FLUSH, LinesHarness, put, written } from "./lines_harness.ts";

const isFull = (error: unknown) =>
  error instanceof SkeinError && error.code === "TOO_MANY_REQUESTS";

function deny(peer: LinesHarness): void {
  const { partition, term, key, request } = peer.only("ask");
  peer.hear({ kind: "denied", partition, term, key, request, error: null });
}

Deno.test("lines: a read that the home has no room for is refused, and not asked for again at once", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const reading = peer.lines.read("k", ET);
  deny(peer);
  await assert.rejects(reading, isFull);
  assert.deepEqual(peer.sent, []);
});

Deno.test("lines: of readers and writers the home may deny the writers alone", async () => {
  const peer = new LinesHarness();
  await peer.owned("other");
  const writing = peer.lines.write("k", put("1"), ET);
  const reading = peer.lines.read("k", ET);
  deny(peer);
  await assert.rejects(writing, isFull);
  peer.grant("S", written("0", 1));
  assert.equal((await reading).value!.version, "1.1.1");
});

Deno.test("lines: a replica that lags does not shorten a value's time", async () => {
  const peer = new LinesHarness();
  peer.clock.advance(3_600_000);
  peer.replicaTimeMs = 5;
  await peer.owned("k");
  peer.lines.writeHere("k", put("1", { ttlMs: 60_000 }));
  peer.clock.advance(FLUSH);
  const { content } = peer.only("writeBack");
  const groupMs = 3_600_000 + 60_000;
  assert.ok(content.expiresMs! >= groupMs && content.expiresMs! <= groupMs + FLUSH);
});

Deno.test("lines: a replica that lags does not keep a value that is over", async () => {
  const peer = new LinesHarness();
  peer.clock.advance(3_600_000);
  peer.replicaTimeMs = 5;
  const reading = peer.lines.read("k", ET);
  peer.lease();
  peer.grant("S", written("1", 1, 3_600_000 + 500));
  await reading;
  assert.equal(peer.text("k"), "1");
  peer.live(500);
  assert.equal(peer.text("k"), null);
});

Deno.test("lines: what was given up and is not confirmed is bounded by bytes", async () => {
  const peer = new LinesHarness({ entriesMax: 1 });
  await peer.owned("first");
  const large = "x".repeat(LIMITS.bodyBytesMax);
  const writesMax = LIMITS.cacheOwedBytesMax / LIMITS.bodyBytesMax;
  let [writes, isHeldUp] = [0, false];
  while (!isHeldUp && writes <= writesMax + 1) {
    const writing = peer.lines.write(`k${writes}`, put(large), 60_000);
    const [ask] = peer.take("ask");
    isHeldUp = ask === undefined;
    if (ask === undefined) continue;
    peer.grant("E", undefined, ask);
    await writing;
    writes++;
  }
  assert.ok(isHeldUp && writes >= writesMax, `${writes} of ${writesMax} writes`);
  const owed = peer.take("writeBack");
  assert.equal(owed.length, writes - 1);
  for (const writeBack of owed) peer.confirm(writeBack);
  peer.clock.advance(FLUSH);
  peer.grant("E");
});

Deno.test("lines: at the end nothing is read or written any more, however long leases last", async () => {
  const peer = new LinesHarness();
  await peer.owned("k");
  assert.ok(peer.write("k", "1")!.ok);
  peer.lines.close(new SkeinError("STORAGE_FAILED", "the storage failed"));
  assert.equal(peer.text("k"), null);
  assert.equal(peer.lines.state("k"), "I");
  assert.equal(peer.write("k", "2"), null);
  const isClosed = (error: unknown) =>
    error instanceof SkeinError && error.code === "STORAGE_FAILED";
  await assert.rejects(peer.lines.read("k", ET), isClosed);
  await assert.rejects(peer.lines.write("k", put("2"), ET), isClosed);
});

Deno.test("lines: a home of a partition that no cluster has is not heard", () => {
  const peer = new LinesHarness();
  const grant = { term: 1, counter: 1 };
  const at = { partition: LIMITS.groupsMax, term: 1, key: "k" };
  peer.hear({ kind: "recall", ...at, grant, to: "I" });
  assert.deepEqual(peer.sent, []);
  peer.hear({ kind: "recall", ...at, partition: LIMITS.groupsMax - 1, grant, to: "I" });
  assert.equal(peer.only("acknowledge").held, false);
});
