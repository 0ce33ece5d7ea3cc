/** A consume that comes again under its request id. */
import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { QueueFleet, textsOf } from "./queue_fleet.ts";

const REQUEST: RequestKey = { kind: "caller", principal: "p", id: "r" };

Deno.test("a consume that comes again gets what it got, through another peer too", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a", "b"]);
  const ask = (number: number) => queues.settle(queues.consume(number, { request: REQUEST }));
  const first = await ask(1);
  for (const number of [1, 2, 3]) {
    const again = await ask(number);
    assert.deepEqual(again.map(({ receipt }) => receipt), first.map(({ receipt }) => receipt));
  }
  assert.deepEqual(await queues.taken(2), ["b"]);
  queues.check();
});

Deno.test("one whose message was acknowledged meanwhile gets another, and is told where there is none", async () => {
  const queues = await QueueFleet.led();
  const ask = (waitMs: number) => queues.settle(queues.consume(2, { request: REQUEST, waitMs }));
  await queues.publish(1, ["a"]);
  assert.deepEqual(await queues.acknowledge(1, await ask(0)), [{ ok: true }]);
  const entries = () => queues.peer(1).group(1).raft.lastIndex;
  const before = entries();
  assert.deepEqual(await ask(0), []);
  assert.deepEqual(await ask(2_000), []);
  assert.ok(entries() - before <= 2, `${entries() - before} entries`);
  await queues.publish(1, ["b"]);
  assert.deepEqual(textsOf(await ask(0)), ["b"]);
  queues.check();
});
