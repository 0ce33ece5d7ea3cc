import assert from "node:assert/strict";
import { SnapshotMap } from "../../src/groups/snapshot_map.ts";
import { Random } from "../../src/random.ts";

interface Cell {
  value: number;
}

function mapOf(): SnapshotMap<string, Cell, readonly [string, number]> {
  return new SnapshotMap((key, { value }) => [key, value]);
}

function change(map: ReturnType<typeof mapOf>, random: Random): void {
  const key = `key-${random.integer(1, 30)}`;
  const cell = map.get(key);
  const value = random.integer(1, 1_000_000);
  switch (random.integer(0, 3)) {
    case 0:
      map.delete(key);
      break;
    case 1:
      if (cell === undefined) break;
      map.touch(key);
      cell.value = value;
      break;
    default:
      map.set(key, { value });
  }
}

Deno.test("a snapshot is of the moment at which it began, whatever changes on the way", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const map = mapOf();
    for (let n = random.integer(0, 60); n > 0; n--) change(map, random);
    const expected = Array.from(map.entries(), ([key, { value }]) => [key, value]).sort();
    const snapshot = map.snapshot();
    const rows: unknown[] = [];
    for (let step; (step = snapshot.next()).done !== true;) {
      rows.push(step.value);
      for (let n = random.integer(0, 4); n > 0; n--) change(map, random);
    }
    assert.deepEqual(rows.sort(), expected, `seed ${seed}`);
  }
});

Deno.test("what changed on the way is in the map, and in the next snapshot", () => {
  const map = mapOf();
  for (const key of ["a", "b", "c"]) map.set(key, { value: 1 });
  const first = map.snapshot();
  map.set("a", { value: 2 });
  map.delete("b");
  map.set("d", { value: 4 });
  assert.deepEqual([...first].sort(), [["a", 1], ["b", 1], ["c", 1]]);
  assert.deepEqual([...map.snapshot()].sort(), [["a", 2], ["c", 1], ["d", 4]]);
  assert.equal(map.size, 3);
});

Deno.test("changes that are faster than the snapshot do not keep it from ending", () => {
  const map = mapOf();
  for (let n = 0; n < 10; n++) map.set(`key-${n}`, { value: n });
  let rows = 0;
  for (const _ of map.snapshot()) {
    rows++;
    for (let n = 0; n < 10; n++) map.set(`new-${rows}-${n}`, { value: n });
  }
  assert.equal(rows, 10);
});

Deno.test("a snapshot that was given up, or overtaken, costs nothing and cannot be pulled on", () => {
  const map = mapOf();
  map.set("a", { value: 1 });
  const overtaken = map.snapshot();
  const next = map.snapshot();
  assert.throws(() => overtaken.next(), /one begins/);
  overtaken.return!();
  map.set("a", { value: 2 });
  assert.deepEqual([...next], [["a", 1]]);
  map.snapshot().return!();
  map.set("a", { value: 3 });
  assert.deepEqual([...map.snapshot()], [["a", 3]]);
});
