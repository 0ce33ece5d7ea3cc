import assert from "node:assert/strict";
import { GroupValues } from "../../src/groups/group_values.ts";
import type { SnapshotMeta } from "../../src/raft/entry.ts";
import type { ValueReference } from "../../src/storage/storage.ts";

const CONFIGURATION = { index: 1, voters: [], votersOutgoing: [], learners: [], learnersNext: [] };

/** Files of three values of 16 bytes, which take 20 each. */
function filled(files: number): { values: GroupValues; references: ValueReference[] } {
  let appended = 0;
  const values = new GroupValues({
    appendValue: (_group, bytes) => {
      const reference = {
        file: 1 + Math.floor(appended / 3),
        offsetBytes: (appended % 3) * 20,
        sizeBytes: bytes.length,
      };
      appended++;
      return reference;
    },
    readValues: (_group, references) => Promise.resolve(references.map(() => null)),
  }, 1);
  const references = Array.from({ length: 3 * files }, () => values.append(new Uint8Array(16)));
  return { values, references };
}

function snapshotOf(files: readonly number[]): SnapshotMeta {
  return {
    index: 9,
    term: 1,
    timeMs: 1,
    configuration: CONFIGURATION,
    sizeBytes: 1,
    checksum: 0,
    values: files.map((file) => ({ file, lengthBytes: 60, checksum: 0 })),
  };
}

Deno.test("a snapshot names the files in which something is alive", () => {
  const { values, references } = filled(3);
  assert.deepEqual(values.inUse(), { alive: [1, 2, 3], dead: [] });
  for (const reference of references.slice(3, 6)) values.discard(reference);
  assert.deepEqual(values.inUse(), { alive: [1, 3], dead: [2] });
  assert.equal(values.deadBytes, 60);
  assert.equal(values.liveBytes, 120);
  assert.equal(values.fileBytes, 180);
  values.dropped([2]);
  assert.equal(values.deadBytes, 0);
  assert.equal(values.fileBytes, 120);
  values.checkInvariants();
});

Deno.test("a file is sparse while little of it is alive, and nothing is appended to it", () => {
  const { values, references } = filled(2);
  const discard = (place: number) => values.discard(references[place]!);
  discard(0);
  assert.equal(values.sparseFile, null, "two of three are alive");
  discard(1);
  assert.equal(values.sparseFile, 1);
  discard(2);
  assert.equal(values.sparseFile, null, "it is dead");
  discard(3);
  discard(4);
  assert.equal(values.sparseFile, null, "it is still appended to");
  values.append(new Uint8Array(16));
  assert.equal(values.sparseFile, 2);
  values.giveUp(2);
  assert.equal(values.sparseFile, null);
});

Deno.test("what is restored is what is held, under the numbers that it has here", () => {
  const { values } = filled(2);
  const { generation } = values;
  const held: ValueReference[] = [];
  const there = { file: 4, offsetBytes: 20, sizeBytes: 16 };
  values.restore(snapshotOf([4, 9]), [7, 8], () => {
    held.push(values.restored(there), values.restored({ ...there, file: 9 }));
    held.push(values.restored({ ...there, file: 9, offsetBytes: 40 }));
  });
  assert.deepEqual(held.map(({ file }) => file), [7, 8, 8]);
  assert.notEqual(values.generation, generation);
  assert.deepEqual(values.inUse(), { alive: [7, 8], dead: [] });
  assert.equal(values.liveBytes, 60);
  assert.equal(values.sparseFile, 7);
  values.discard(held[0]!);
  assert.deepEqual(values.inUse(), { alive: [8], dead: [7] });
  assert.throws(() => values.restored(there), /came with the snapshot/, "it is over");
});

Deno.test("a reference that is discarded twice, or names an unknown file, is our own bug", () => {
  const { values, references } = filled(1);
  for (const reference of references) values.discard(reference);
  assert.throws(() => values.discard(references[0]!), /are alive/);
  const snapshot = snapshotOf([4]);
  const unknown = { file: 5, offsetBytes: 0, sizeBytes: 1 };
  assert.throws(() => values.restore(snapshot, [1], () => void values.restored(unknown)));
});
