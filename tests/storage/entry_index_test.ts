/** The index against a dumb twin: a map from each entry's index to its record's place. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { EntryIndex, positionOf, segmentOf } from "../../src/storage/log/entry_index.ts";

Deno.test("entry index: does what a map of every single entry would do", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const live = new Map<number, number>();
    const index = new EntryIndex((segment, bytes) =>
      live.set(segment, (live.get(segment) ?? 0) + bytes)
    );
    const twin = new Map<number, number>();
    let base = 0;
    let last = 0;
    let offset = 0;
    for (let step = 0; step < 200; step++) {
      const position = positionOf(1 + (step >> 5), offset += 100);
      const choice = random.integer(0, 9);
      if (choice < 6) {
        const count = random.integer(1, 5);
        index.append(last + 1, count, 1, position, 100);
        for (let at = 0; at < count; at++) twin.set(++last, position);
      } else if (choice === 6 && last > base) {
        const from = random.integer(base + 1, last);
        index.truncate(from);
        index.dropThrough(base);
        for (; last >= from; last--) twin.delete(last);
      } else if (choice === 7 && last > base) {
        const through = random.integer(base + 1, last);
        index.dropThrough(through);
        for (; base < through; base++) twin.delete(base + 1);
      } else if (choice === 8) {
        const oldest = segmentOf(index.find(base + 1)?.position ?? 0);
        const part = index.stretchIn(oldest, base, 250);
        if (part === null) continue;
        const { firstIndex, endIndex } = part;
        index.rewrite({
          firstIndex,
          count: endIndex - firstIndex,
          term: 1,
          position,
          sizeBytes: 100,
        });
        index.dropThrough(base);
        for (let at = firstIndex; at < endIndex; at++) twin.set(at, position);
      }
      compare(index, twin, base, last, live);
    }
  }
});

function compare(
  index: EntryIndex,
  twin: ReadonlyMap<number, number>,
  base: number,
  last: number,
  live: ReadonlyMap<number, number>,
): void {
  strictEqual(index.gapAfter(base), null);
  for (let at = base + 1; at <= last; at++) strictEqual(index.find(at)?.position, twin.get(at));
  strictEqual(index.find(last + 1), null);
  strictEqual(last > base ? index.lastIndex : last, last);
  const bytes = new Map<number, number>();
  for (const position of new Set(twin.values())) {
    const segment = segmentOf(position);
    bytes.set(segment, (bytes.get(segment) ?? 0) + 100);
  }
  const kept = [...live].filter(([, size]) => size !== 0).sort();
  deepStrictEqual(kept, [...bytes].sort());
}
