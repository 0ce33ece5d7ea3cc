import { strict as assert } from "node:assert";
import { AssertionError } from "../../src/assert.ts";
import { type Entry, ENTRY_OVERHEAD_BYTES } from "../../src/raft/entry.ts";
import { EntryWindow } from "../../src/raft/entry_window.ts";

const SIZE = ENTRY_OVERHEAD_BYTES + 8;

function entry(index: number): Entry {
  return { index, term: 1, kind: "command", timeMs: 0, payload: new Uint8Array(8) };
}

function windowOf(firstIndex: number, count: number): EntryWindow {
  const window = new EntryWindow(firstIndex);
  for (let at = 0; at < count; at++) window.push(entry(firstIndex + at));
  return window;
}

const indexes = (entries: readonly Entry[]) => entries.map(({ index }) => index);

Deno.test("take holds at least one entry, and else ends before the bound", () => {
  const window = windowOf(2, 10);
  assert.deepEqual(indexes(window.take(2, 12, 3 * SIZE)), [2, 3, 4]);
  assert.deepEqual(indexes(window.take(2, 12, 1)), [2]);
  assert.deepEqual(indexes(window.take(2, 4, 100 * SIZE)), [2, 3]);
});

Deno.test("eviction takes the oldest, never past what it may, and keeps the bound", () => {
  const window = windowOf(2, 10);
  window.evict(10 * SIZE, 11);
  assert.equal(window.firstIndex, 2);
  window.evict(8 * SIZE, 3);
  assert.equal(window.firstIndex, 4);
  window.evict(4 * SIZE, 11);
  assert.ok(window.bytes <= 4 * SIZE);
  assert.equal(window.endIndex, 12);
  window.checkInvariants();
});

Deno.test("truncation goes back past the window's beginning", () => {
  const window = windowOf(5, 3);
  window.truncateFrom(6);
  assert.deepEqual(indexes(window.slice(5, window.endIndex)), [5]);
  window.truncateFrom(3);
  assert.equal(window.endIndex, 3);
  window.push(entry(3));
  assert.throws(() => window.slice(2, 4), AssertionError);
  window.checkInvariants();
});
