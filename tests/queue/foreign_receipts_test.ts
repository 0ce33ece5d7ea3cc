import assert from "node:assert/strict";
import { QueueFleet } from "./queue_fleet.ts";

/** Two topics whose homes are different partitions. */
function topicsApart(queues: QueueFleet): readonly [string, string] {
  const one = "topic-0";
  for (let number = 1;; number++) {
    const other = `topic-${number}`;
    if (queues.groupOf(other) !== queues.groupOf(one)) return [one, other];
  }
}

Deno.test("a receipt of another topic settles nothing, though its partition counts alike", async () => {
  const queues = await QueueFleet.led({ partitions: 2 });
  const [one, other] = topicsApart(queues);
  const receipts: string[] = [];
  for (const topic of [one, other]) {
    await queues.publish(1, ["a"], {}, topic);
    const [delivery] = await queues.settle(queues.consume(2, { topic }));
    receipts.push(delivery!.receipt);
  }
  const numbersOf = (receipt: string) => receipt.split("-").slice(1);
  assert.deepEqual(numbersOf(receipts[0]!), numbersOf(receipts[1]!), "but for the partition");
  const acknowledge = (topic: string, receipt: string) => {
    const deliveries = [{ id: null, receipt }];
    return queues.settle(queues.at(3).acknowledge({ topic, deliveries, request: null }));
  };
  const notFound = [{ ok: false, code: "NOT_FOUND" }];
  assert.deepEqual(await acknowledge(one, receipts[1]!), notFound);
  assert.deepEqual(await acknowledge(other, receipts[0]!), notFound);
  assert.deepEqual(await acknowledge(one, receipts[0]!), [{ ok: true }]);
  assert.deepEqual(await acknowledge(other, receipts[1]!), [{ ok: true }]);
  queues.check();
});
