/** The arithmetic of majorities against a dumb twin that tries all subsets, with random inputs. */
import { strict as assert } from "node:assert";
import { agreedValue, majority, voteOutcome } from "../../src/raft/quorum.ts";
import { Random } from "../../src/random.ts";

/** All subsets that are majorities. */
function majorities<T>(voters: readonly T[]): T[][] {
  const found: T[][] = [];
  for (let mask = 0; mask < 1 << voters.length; mask++) {
    const subset = voters.filter((_, at) => (mask >> at) & 1);
    if (subset.length * 2 > voters.length) found.push(subset);
  }
  return found;
}

/** The best that any majority has reached in whole. */
function agreedByTrying(voters: readonly number[]): number {
  return Math.max(...majorities(voters).map((subset) => Math.min(...subset)));
}

function outcomeByTrying(voters: readonly (boolean | undefined)[]): string {
  const subsets = majorities(voters);
  if (subsets.some((subset) => subset.every((vote) => vote === true))) return "won";
  return subsets.some((subset) => subset.every((vote) => vote !== false)) ? "pending" : "lost";
}

function draw<T>(random: Random, size: number, items: readonly T[]): T[] {
  return Array.from({ length: size }, () => random.pick(items));
}

Deno.test("a majority is more than half", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
});

Deno.test("the agreed value is the best that some majority of each set has reached", () => {
  const random = new Random(11);
  for (let round = 0; round < 5_000; round++) {
    const values = [0, 1, 2, 3, 5, 8, 13, 100];
    const voters = draw(random, random.integer(1, 7), values);
    const outgoing = draw(random, random.integer(0, 5), values);
    const expected = outgoing.length === 0
      ? agreedByTrying(voters)
      : Math.min(agreedByTrying(voters), agreedByTrying(outgoing));
    assert.equal(agreedValue(voters, outgoing, (value) => value), expected);
  }
});

Deno.test("an election is won, lost or open as all subsets of the votes say", () => {
  const random = new Random(12);
  for (let round = 0; round < 5_000; round++) {
    const votes = [true, false, undefined];
    const voters = draw(random, random.integer(1, 7), votes);
    const outgoing = draw(random, random.integer(0, 5), votes);
    const parts = [outcomeByTrying(voters)];
    if (outgoing.length > 0) parts.push(outcomeByTrying(outgoing));
    const expected = parts.includes("lost")
      ? "lost"
      : parts.every((part) => part === "won")
      ? "won"
      : "pending";
    assert.equal(voteOutcome(voters, outgoing, (vote) => vote), expected);
  }
});
