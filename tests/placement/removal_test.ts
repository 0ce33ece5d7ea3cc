import assert from "node:assert/strict";
import { removalRefusal } from "../../src/placement/removal.ts";
import { idOf } from "../members/peers.ts";

interface Row {
  readonly rule: string;
  /** Partition → its voters. */
  readonly voters: Readonly<Record<number, readonly number[]>>;
  readonly leaderless?: Readonly<Record<number, readonly number[]>>;
  readonly away?: readonly number[];
  /** Null: it can be removed. */
  readonly refused: RegExp | null;
  readonly partitions?: readonly number[];
}

/** Peer 1, named one, is to be removed. */
const TABLE: readonly Row[] = [
  { rule: "it holds nothing", voters: { 1: [2, 3, 4] }, refused: null },
  { rule: "two of three stay", voters: { 1: [1, 2, 3] }, refused: null },
  { rule: "it is dead, and two of three stay", voters: { 1: [1, 2, 3] }, away: [1], refused: null },
  {
    rule: "one of three would stay",
    voters: { 1: [1, 2, 3], 2: [2, 3, 4] },
    away: [3],
    refused: /^partition 1 cannot be without one, too few .*: drain one first, or bring the others/,
    partitions: [1],
  },
  {
    rule: "one of two would stay",
    voters: { 1: [1, 2], 4: [1, 3], 3: [2, 3] },
    refused: /^2 partitions cannot be without one/,
    partitions: [1, 4],
  },
  { rule: "the only replica", voters: { 7: [1] }, refused: /^partition 7 cannot/, partitions: [7] },
  {
    rule: "a partition without a leader that it votes in",
    voters: {},
    leaderless: { 5: [1, 2, 3] },
    away: [1, 2],
    refused: /^partition 5 without a leader may need one: try again, and bring back what is down$/,
    partitions: [5],
  },
  {
    rule: "a partition without a leader of which nobody knows where it is",
    voters: {},
    leaderless: { 5: [] },
    refused: /may need one/,
    partitions: [5],
  },
  { rule: "somebody else's loss", voters: {}, leaderless: { 5: [2, 3] }, refused: null },
];

function byPartition(words: Readonly<Record<number, readonly number[]>>) {
  return new Map(
    Object.entries(words).map(([partition, voters]) => {
      return [Number(partition), voters.map(idOf)] as const;
    }),
  );
}

for (const { rule, voters, leaderless = {}, away = [], refused, partitions } of TABLE) {
  Deno.test(`removal: ${rule}`, () => {
    const picture = { voters: byPartition(voters), leaderless: byPartition(leaderless) };
    const answers = (peer: string) => !away.map(idOf).includes(peer);
    const refusal = removalRefusal(idOf(1), "one", picture, answers);
    if (refused === null) return assert.equal(refusal, null);
    assert.equal(refusal!.code, "CONFLICT");
    assert.match(refusal!.message, refused);
    assert.deepEqual(refusal!.details, { partitions });
  });
}
