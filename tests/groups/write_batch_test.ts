import assert from "node:assert/strict";
import type { Group } from "../../src/groups/group.ts";
import { WriteBatch } from "../../src/groups/write_batch.ts";
import type { Entry } from "../../src/raft/entry.ts";
import type { Persist } from "../../src/raft/ready.ts";

/** A group that only remembers which of its writes were called durable. */
function fakeGroup(id: number, lastIndex: number) {
  const persisted: number[] = [];
  const raft = { lastIndex, persisted: (token: number) => void persisted.push(token) };
  return { group: { id, replica: 1, raft } as unknown as Group, raft, persisted };
}

function entries(...indices: number[]): Entry[] {
  const payload = new Uint8Array(1);
  return indices.map((index) => ({ index, term: 1, kind: "command", timeMs: 0, payload }));
}

const NOTHING: Omit<Persist, "token"> = {
  hardState: null,
  truncateFrom: null,
  entries: [],
  snapshot: null,
};
const HARD_STATE = { term: 2, votedFor: null, commitIndex: 5 };
const CONFIGURATION = { index: 1, voters: [], votersOutgoing: [], learners: [], learnersNext: [] };
const SNAPSHOT = {
  index: 20,
  term: 2,
  timeMs: 0,
  configuration: CONFIGURATION,
  sizeBytes: 1,
  checksum: 0,
  values: [],
};

Deno.test("records go out in the order that one write must have: truncation, entries, state, snapshot", () => {
  const batch = new WriteBatch();
  const { group } = fakeGroup(3, 9);
  batch.add(group, {
    token: 1,
    truncateFrom: 7,
    entries: entries(7, 8),
    hardState: HARD_STATE,
    snapshot: SNAPSHOT,
  });
  batch.addRecord({ kind: "tombstone", group: 4, lowestReplica: 2 });
  const { records } = batch.take();
  assert.deepEqual(records, [
    { kind: "truncation", group: 3, fromIndex: 7 },
    { kind: "entries", group: 3, entries: entries(7, 8) },
    { kind: "hardState", group: 3, replica: 1, hardState: HARD_STATE },
    { kind: "snapshot", group: 3, snapshot: SNAPSHOT, keepEntries: false },
    { kind: "tombstone", group: 4, lowestReplica: 2 },
  ]);
  assert.ok(batch.empty);
});

Deno.test("each core hears of its newest write, when its append has resolved and not before", () => {
  const batch = new WriteBatch();
  const [one, two] = [fakeGroup(1, 9), fakeGroup(2, 9)];
  batch.add(one.group, { ...NOTHING, token: 1, entries: entries(10) });
  batch.add(one.group, { ...NOTHING, token: 2, entries: entries(11) });
  batch.add(two.group, { ...NOTHING, token: 5, hardState: HARD_STATE });
  const first = batch.take();
  batch.add(one.group, { ...NOTHING, token: 3, entries: entries(12) });
  const second = batch.take();
  assert.ok(batch.writing);
  assert.deepEqual([one.persisted, two.persisted], [[], []]);
  batch.durable(first);
  assert.deepEqual([one.persisted, two.persisted], [[2], [5]]);
  assert.ok(batch.writing, "the second is still under way");
  batch.durable(second);
  assert.deepEqual(one.persisted, [2, 3]);
  assert.ok(!batch.writing);
});

Deno.test("what is durable is known for each group, and what was found counts", () => {
  const batch = new WriteBatch();
  const { group, raft } = fakeGroup(1, 9);
  assert.equal(batch.durableIndex(group), 9);
  batch.add(group, { ...NOTHING, token: 1, entries: entries(10, 11) });
  raft.lastIndex = 11;
  const first = batch.take();
  batch.add(group, { ...NOTHING, token: 2, entries: entries(12) });
  raft.lastIndex = 12;
  assert.ok(batch.durableIndex(group) < 10);
  batch.durable(first);
  assert.equal(batch.durableIndex(group), 11);
  batch.durable(batch.take());
  assert.equal(batch.durableIndex(group), 12);
});

Deno.test("a truncation takes back what a write under way would be credited with", () => {
  const batch = new WriteBatch();
  const { group } = fakeGroup(1, 9);
  batch.add(group, { ...NOTHING, token: 1, entries: entries(10, 11, 12) });
  const first = batch.take();
  batch.add(group, { ...NOTHING, token: 2, truncateFrom: 11, entries: entries(11, 12, 13) });
  const second = batch.take();
  batch.durable(first);
  assert.equal(batch.durableIndex(group), 10);
  batch.add(group, { ...NOTHING, token: 3, truncateFrom: 9 });
  assert.equal(batch.durableIndex(group), 8, "also what was durable already");
  batch.durable(second);
  assert.equal(batch.durableIndex(group), 8);
});

Deno.test("who waits until nothing is under way is told by the last write, or by the end", async () => {
  const batch = new WriteBatch();
  const { group } = fakeGroup(1, 9);
  await batch.settled(group);
  const told: string[] = [];
  batch.add(group, { ...NOTHING, token: 1, entries: entries(10) });
  const first = batch.take();
  batch.add(group, { ...NOTHING, token: 2, entries: entries(11) });
  const waiting = batch.settled(group).then(() => told.push("settled"));
  batch.durable(first);
  await Promise.resolve();
  assert.deepEqual(told, []);
  batch.durable(batch.take());
  await waiting;
  batch.add(group, { ...NOTHING, token: 3, entries: entries(12) });
  const ending = batch.settled(group);
  batch.drop(group);
  await ending;
});

Deno.test("a dropped group's records stay, and its core hears nothing more", () => {
  const batch = new WriteBatch();
  const { group, persisted } = fakeGroup(1, 9);
  batch.add(group, { ...NOTHING, token: 1, entries: entries(10) });
  const first = batch.take();
  batch.add(group, { ...NOTHING, token: 2, entries: entries(11) });
  batch.drop(group);
  batch.addRecord({ kind: "tombstone", group: 1, lowestReplica: 2 });
  const second = batch.take();
  assert.deepEqual(second.records.map(({ kind }) => kind), ["entries", "tombstone"]);
  batch.durable(first);
  batch.durable(second);
  assert.deepEqual(persisted, []);
});
