import assert from "node:assert/strict";
import { ReadBatcher } from "../../src/groups/read_batcher.ts";

/** Rounds that end when the test says so. */
function manualRounds() {
  const rounds: PromiseWithResolvers<void>[] = [];
  const batcher = new ReadBatcher(() => {
    const round = Promise.withResolvers<void>();
    rounds.push(round);
    return round.promise;
  });
  return { rounds, batcher };
}

Deno.test("a read never uses a round that began before it", async () => {
  const { rounds, batcher } = manualRounds();
  const order: string[] = [];
  const first = batcher.join().then(() => order.push("first"));
  const second = batcher.join().then(() => order.push("second"));
  const third = batcher.join().then(() => order.push("third"));
  assert.equal(rounds.length, 1);
  rounds[0]!.resolve();
  await first;
  assert.deepEqual(order, ["first"]);
  assert.equal(rounds.length, 2, "those who came later share the next round");
  rounds[1]!.resolve();
  await Promise.all([second, third]);
  assert.deepEqual(order, ["first", "second", "third"]);
  assert.equal(rounds.length, 2);
});

Deno.test("a round that fails fails its readers only", async () => {
  const { rounds, batcher } = manualRounds();
  const first = batcher.join();
  const second = batcher.join();
  rounds[0]!.reject(new Error("no leader"));
  await assert.rejects(first, /no leader/);
  rounds[1]!.resolve();
  await second;
});
