/** Which entries count as durable while writes are under way and the log changes below them. */
import { strict as assert } from "node:assert";
import { AssertionError } from "../../src/assert.ts";
import { EMPTY_CONFIGURATION } from "../../src/raft/configuration.ts";
import type { Entry, SnapshotMeta } from "../../src/raft/entry.ts";
import { EntryWindow } from "../../src/raft/entry_window.ts";
import { WriteTracker } from "../../src/raft/write_tracker.ts";

const HARD_STATE = { term: 2, votedFor: null, commitIndex: 1 };

function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: new Uint8Array(0) };
}

function setUp(): { readonly window: EntryWindow; readonly writes: WriteTracker } {
  return { window: new EntryWindow(2), writes: new WriteTracker(1, 1) };
}

Deno.test("a write under way does not make durable what came in the place of its entries", () => {
  const { window, writes } = setUp();
  for (const index of [2, 3, 4]) window.push(entry(index, 2));
  const first = writes.take(window, HARD_STATE)!;
  window.truncateFrom(3);
  writes.truncateFrom(3);
  window.push(entry(3, 3));
  const second = writes.take(window, HARD_STATE)!;
  assert.equal(second.truncateFrom, 3);
  assert.deepEqual(second.entries.map(({ term }) => term), [3]);
  writes.persisted(first.token);
  assert.equal(writes.durableIndex, 2);
  writes.persisted(second.token);
  assert.equal(writes.durableIndex, 3);
});

Deno.test("entries that were never written need no truncation", () => {
  const { window, writes } = setUp();
  window.push(entry(2, 2));
  window.truncateFrom(2);
  writes.truncateFrom(2);
  window.push(entry(2, 3));
  const write = writes.take(window, HARD_STATE)!;
  assert.equal(write.truncateFrom, null);
  assert.equal(write.entries.length, 1);
});

Deno.test("of two truncations before a write the lower counts", () => {
  const { window, writes } = setUp();
  for (const index of [2, 3, 4, 5]) window.push(entry(index, 2));
  writes.take(window, HARD_STATE);
  for (const from of [3, 5]) {
    window.truncateFrom(Math.min(from, window.endIndex));
    writes.truncateFrom(from);
    while (window.endIndex < 6) window.push(entry(window.endIndex, 3));
  }
  assert.equal(writes.take(window, HARD_STATE)!.truncateFrom, 3);
});

Deno.test("a promise rests on the next write where something waits, else on the last one", () => {
  const { window, writes } = setUp();
  assert.equal(writes.promiseToken(1), 0);
  window.push(entry(2, 2));
  assert.equal(writes.promiseToken(2), 1);
  writes.take(window, HARD_STATE);
  assert.equal(writes.promiseToken(2), 1);
  writes.hardStateChanged = true;
  assert.equal(writes.promiseToken(2), 2);
});

Deno.test("a snapshot's reference ends its write, and entries behind it go into the next", () => {
  const { window, writes } = setUp();
  const snapshot: SnapshotMeta = {
    index: 10,
    term: 2,
    timeMs: 0,
    configuration: EMPTY_CONFIGURATION,
    sizeBytes: 0,
    checksum: 0,
    values: [],
  };
  writes.restore(snapshot, 1);
  window.reset(11);
  window.push(entry(11, 2));
  assert.equal(writes.promiseToken(11), 2);
  const hardState = { ...HARD_STATE, commitIndex: 10 };
  const first = writes.take(window, hardState)!;
  assert.deepEqual([first.snapshot, first.entries.length, first.hardState], [snapshot, 0, null]);
  const second = writes.take(window, hardState)!;
  assert.deepEqual(second.entries.map(({ index }) => index), [11]);
  assert.equal(second.hardState?.commitIndex, 10);
  writes.persisted(first.token);
  assert.equal(writes.durableIndex, 10);
});

Deno.test("the commit index alone causes no write", () => {
  const { window, writes } = setUp();
  assert.equal(writes.take(window, { ...HARD_STATE, commitIndex: 1 }), null);
  assert.throws(() => writes.persisted(1), AssertionError);
});
