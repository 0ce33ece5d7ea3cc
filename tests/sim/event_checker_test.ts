import assert from "node:assert/strict";
import { type EventEnding, judgeEvents } from "./event_checker.ts";
import type { EventInput, EventOperation, EventResult, SeenEvent } from "./event_history.ts";

const TOPIC = "orders";

function at(callMs: number, returnMs: number, input: EventInput): EventOperation {
  return { callMs, returnMs, input };
}

function publish(
  items: readonly (readonly [string, string, EventResult])[],
  expectedOffset: number | null = null,
): EventInput {
  const named = items.map(([eventId, mark, result]) => ({ eventId, mark, result }));
  return { kind: "publish", topic: TOPIC, expectedOffset, items: named };
}

function page(after: number, events: readonly SeenEvent[], nextOffset: number): EventInput {
  return { kind: "page", topic: TOPIC, after, events, nextOffset };
}

function seen(offset: number, eventId: string, mark: string): SeenEvent {
  return { offset, eventId, mark };
}

const A = seen(0, "a", "m1");
const B = seen(1, "b", "m2");
const STORED_A = at(0, 10, publish([["a", "m1", { kind: "stored", offset: 0 }]]));
const STORED_B = at(20, 30, publish([["b", "m2", { kind: "stored", offset: 1 }]]));

function ending(events: readonly SeenEvent[], unique = events.length): EventEnding {
  return { topics: new Map([[TOPIC, events]]), stats: { received: unique, unique, duplicates: 0 } };
}

function wrong(history: readonly EventOperation[], end: EventEnding | null = null): string {
  return judgeEvents(history, end).violations.join("\n");
}

Deno.test("a history without a fault is taken", () => {
  const again = publish([["a", "m3", { kind: "duplicate", offset: 0, ownPerhaps: false }]]);
  const history = [
    STORED_A,
    STORED_B,
    at(40, 50, again),
    at(60, 70, page(-1, [A, B], 2)),
    at(60, 900, { kind: "stream", topic: TOPIC, after: 0, events: [B], nextOffset: 0 }),
    at(80, 90, { kind: "stats", received: 3, unique: 2, duplicates: 1 }),
    at(95, Infinity, publish([["c", "m4", { kind: "unknown" }]])),
    at(95, 99, publish([["d", "m5", { kind: "refused" }]])),
  ];
  assert.equal(wrong(history, ending([A, B])), "");
  assert.equal(wrong(history, ending([A, B, seen(2, "c", "m4")])), "");
  const { stored, duplicates, read } = judgeEvents(history, ending([A, B]));
  assert.deepEqual([stored, duplicates, read], [2, 1, 3]);
});

Deno.test("what was answered and is lost, or is there twice, is found", () => {
  assert.match(wrong([STORED_A, STORED_B], ending([A])), /b was answered, and is lost/);
  const twice = at(20, 30, publish([["a", "m2", { kind: "stored", offset: 1 }]]));
  assert.match(wrong([STORED_A, twice]), /a was stored twice/);
  assert.match(
    wrong([STORED_A], ending([A, seen(1, "a", "m1")])),
    /offset of orders a is 0, and is 1/,
  );
  assert.match(wrong([STORED_A], ending([A], 2)), /2 are counted, 1 are there/);
});

Deno.test("an offset that is given twice, left out or not the expected one is found", () => {
  const same = at(20, 30, publish([["b", "m2", { kind: "stored", offset: 0 }]]));
  assert.match(wrong([STORED_A, same]), /event at orders 0 is a, and is b/);
  const gap = page(-1, [A, seen(2, "b", "m2")], 3);
  assert.match(wrong([STORED_A, at(0, 90, gap)]), /has 2 in place 1/);
  const batch = publish([
    ["c", "m3", { kind: "stored", offset: 4 }],
    ["d", "m4", { kind: "stored", offset: 6 }],
  ]);
  assert.match(wrong([at(0, 10, batch)]), /d was stored at 6, not at 5/);
  const expected = publish([["c", "m3", { kind: "stored", offset: 4 }]], 3);
  assert.match(wrong([at(0, 10, expected)]), /c was stored at 4, not at 3/);
});

Deno.test("a read of what nobody published, or was refused, is found", () => {
  assert.match(wrong([at(0, 9, page(-1, [A], 1))]), /which nobody had published/);
  const refused = at(0, 5, publish([["a", "m1", { kind: "refused" }]]));
  assert.match(wrong([refused, at(6, 9, page(-1, [A], 1))]), /which nobody had published/);
  const other = at(0, 9, page(-1, [seen(0, "a", "m9")], 1));
  assert.match(wrong([STORED_A, other]), /mark of orders a is m1, and is m9/);
  const nothing = publish([["a", "m1", { kind: "duplicate", offset: 0, ownPerhaps: false }]]);
  assert.match(wrong([at(0, 5, nothing)]), /duplicate of nothing/);
});

Deno.test("a page or a sum that does not have what was answered before is found", () => {
  assert.match(wrong([STORED_A, STORED_B, at(40, 50, page(-1, [A], 1))]), /ends at 1 of 2/);
  assert.match(wrong([STORED_A, at(40, 50, page(-1, [], 1))]), /is empty/);
  const pages = [at(0, 50, page(-1, [A], 1)), at(60, 70, page(-1, [], 0))];
  assert.match(
    wrong([at(0, Infinity, publish([["a", "m1", { kind: "unknown" }]])), ...pages]),
    /ends/,
  );
  const stats = (received: number, unique: number, duplicates: number) =>
    wrong([STORED_A, STORED_B, at(40, 50, { kind: "stats", received, unique, duplicates })]);
  assert.equal(stats(2, 2, 0), "");
  assert.match(stats(1, 1, 0), /1 unique, not 2 to 2/);
  assert.match(stats(3, 3, 0), /3 unique, not 2 to 2/);
  assert.match(stats(3, 2, 0), /3 are not 2 and 0/);
});
