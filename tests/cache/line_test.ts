/** Rules of a line that rest on time and on the order of effects; all else is in the model. */
import assert from "node:assert/strict";
import { canWrite, type Line, NO_LINE, stepLine, unconfirmed } from "../../src/cache/line.ts";
import type { LineEvent } from "../../src/cache/line_events.ts";

const grant = { term: 1, counter: 4 };
const AGE_MAX_MS = 200;

function after(line: Line, ...events: readonly LineEvent[]): Line {
  return events.reduce((before, event) => stepLine(before, event).line, line);
}

const EXCLUSIVE = after(
  NO_LINE,
  { kind: "ask", wish: "owned", request: 1 },
  {
    kind: "granted",
    request: 1,
    grant,
    state: "E",
    content: { version: null, value: null, expiresMs: null },
  },
);

function written(nowMs: number): LineEvent {
  return { kind: "write", value: Uint8Array.of(1), expiresMs: null, nowMs };
}

function flush(nowMs: number, urgent = false): LineEvent {
  return { kind: "flush", nowMs, againAfterMs: 500, urgent };
}

const version = (write: number) => ({ ...grant, write });

Deno.test("a line with a write that is unconfirmed for two flush intervals takes no further one", () => {
  const line = after(EXCLUSIVE, written(1_000), flush(1_100), written(1_150));
  assert.ok(canWrite(line, 1_200, AGE_MAX_MS));
  assert.ok(!canWrite(line, 1_201, AGE_MAX_MS));
  const confirmed = after(line, { kind: "confirmed", grant, version: version(1) });
  assert.equal(confirmed.state, "M");
  assert.ok(canWrite(confirmed, 1_350, AGE_MAX_MS), "the second write is younger");
  assert.ok(!canWrite(confirmed, 1_351, AGE_MAX_MS));
  const clean = after(confirmed, flush(1_400), { kind: "confirmed", grant, version: version(2) });
  assert.equal(clean.state, "E");
  assert.equal(unconfirmed(clean), null);
  assert.ok(canWrite(clean, 9_000, AGE_MAX_MS));
});

Deno.test("a write-back under way is not sent again before its time, but a durable write is at once", () => {
  const line = after(EXCLUSIVE, written(1_000), flush(1_100));
  assert.deepEqual(stepLine(line, flush(1_200)).effects, []);
  assert.equal(stepLine(line, flush(1_600)).effects.length, 1);
  const again = after(line, written(1_110));
  assert.deepEqual(stepLine(again, flush(1_120)).effects, []);
  const [effect] = stepLine(again, flush(1_120, true)).effects;
  assert.ok(effect?.kind === "writeBack" && effect.content.version.write === 2);
});

Deno.test("many readers of one missing key make one request", () => {
  const first = stepLine(NO_LINE, { kind: "ask", wish: "shared", request: 1 });
  assert.equal(first.effects.length, 1);
  const second = stepLine(first.line, { kind: "ask", wish: "shared", request: 2 });
  assert.deepEqual(second.effects, []);
  assert.equal(second.line.ask?.request, 1);
});

Deno.test("an invalidation is logged before it is acknowledged", () => {
  const line = after(EXCLUSIVE, written(1_000));
  const { effects } = stepLine(line, { kind: "recall", grant, to: "I", nowMs: 1_010 });
  assert.deepEqual(effects.map(({ kind }) => kind), ["invalidated", "acknowledge"]);
});

Deno.test("a recall for a grant that has not arrived kills it on arrival", () => {
  const asked = after(NO_LINE, { kind: "ask", wish: "shared", request: 1 });
  const killed = after(asked, { kind: "recall", grant, to: "S", nowMs: 0 });
  const content = { version: null, value: null, expiresMs: null };
  const { line, effects } = stepLine(killed, {
    kind: "granted",
    request: 1,
    grant,
    state: "E",
    content,
  });
  assert.deepEqual(line, NO_LINE);
  assert.deepEqual(effects, [{ kind: "wake" }]);
});

Deno.test("the end of the lease ends everything, and tells of a write that is lost", () => {
  const evicted = after(EXCLUSIVE, written(1_000), { kind: "evict", nowMs: 1_010 });
  assert.deepEqual(unconfirmed(evicted), version(1));
  const { line, effects } = stepLine(evicted, { kind: "lapsed" });
  assert.deepEqual(line, NO_LINE);
  assert.deepEqual(effects, [{ kind: "lost", version: version(1) }, { kind: "wake" }]);
});
