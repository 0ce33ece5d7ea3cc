import { deepEqual, equal, ok } from "node:assert/strict";
import { murmur3 } from "../../src/ring/murmur3.ts";
import { PARTITIONED_KINDS, partitionOf, partitionOfLane } from "../../src/ring/partition_of.ts";

Deno.test("partition: what is documented, so that it never changes", () => {
  deepEqual(PARTITIONED_KINDS.map((kind) => partitionOf(kind, "orders", 16)), [
    murmur3("queue:orders") % 16 + 1,
    murmur3("cache:orders") % 16 + 1,
    murmur3("events:orders") % 16 + 1,
  ]);
});

Deno.test("partition: lanes lie one behind the other, the first one in the topic's partition", () => {
  const home = partitionOf("queue", "orders", 16);
  equal(home, 9);
  const lanes = Array.from({ length: 18 }, (_, lane) => partitionOfLane("orders", lane, 16));
  deepEqual(lanes, [9, 10, 11, 12, 13, 14, 15, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  equal(partitionOfLane("orders", 5, 1), 1);
});

Deno.test("partition: kept for ever, as these are", () => {
  const kept = ["orders", "mail", "größe", "🔒", ""].map((name) => [
    ...PARTITIONED_KINDS.map((kind) => partitionOf(kind, name, 16)),
    partitionOfLane(name, 15, 16),
  ]);
  deepEqual(kept, [
    [9, 15, 4, 8],
    [13, 13, 16, 12],
    [9, 1, 7, 8],
    [12, 16, 15, 11],
    [1, 15, 7, 16],
  ]);
});

Deno.test("partition: names spread evenly, lanes of one topic too, and kinds do not follow each other", () => {
  const partitions = 16;
  const names = Array.from({ length: 16_000 }, (_, number) => `topic-${number}`);
  const spreads = [
    ...PARTITIONED_KINDS.map((kind) => names.map((name) => partitionOf(kind, name, partitions))),
    names.map((_, lane) => partitionOfLane("orders", lane, partitions)),
  ];
  for (const spread of spreads) {
    const counts = new Array<number>(partitions + 1).fill(0);
    for (const partition of spread) counts[partition]!++;
    equal(counts[0], 0);
    // 1,000 expected; the standard deviation is 31.
    for (const count of counts.slice(1)) ok(Math.abs(count - 1_000) < 150, `${counts}`);
  }
  const together = names.filter((_, at) => spreads[0]![at] === spreads[2]![at]).length;
  ok(Math.abs(together - 1_000) < 150, `${together} of ${names.length} lie together`);
});

Deno.test("partition: one takes everything where there is only one", () => {
  for (const kind of PARTITIONED_KINDS) equal(partitionOf(kind, "anything", 1), 1);
});
