/** Entries that deliver so late that nobody waits for them any more: their leader was cut off meanwhile. */
import assert from "node:assert/strict";
import type { ConsumeRequest } from "../../src/queue/queue.ts";
import { QueueFleet, textsOf, TOPIC, Watched } from "./queue_fleet.ts";

/** Its peer has given the question up by then, and the leader goes on with its entry. */
const TOO_LATE_MS = 5_300;

/** The leader takes a question of the fourth peer, which has no replica, and cannot commit its entry until later. */
async function heldUp(asking: Partial<ConsumeRequest>) {
  const queues = await QueueFleet.led({ peers: 4, founders: 3 });
  await queues.publish(2, ["a"]);
  await queues.settle(queues.at(4).stats(TOPIC, { stale: false }));
  const { network } = queues.fleet;
  for (const other of ["p2", "p3"]) {
    network.cut("p1", other);
    network.cut(other, "p1");
  }
  const asked = new Watched(queues.consume(4, { visibilityMs: 60_000, ...asking }));
  await queues.fleet.until("it is asked", () => queues.at(1).consumers.waiting === 1, 50);
  return { queues, asked };
}

Deno.test("a leader forgets who has given up, and hands back what came for it too late", async () => {
  const { queues } = await heldUp({ waitMs: 0 });
  queues.peer(4).crash();
  await queues.fleet.run(TOO_LATE_MS);
  queues.fleet.network.heal();
  const nobody = () => queues.at(1).consumers.waiting === 0;
  await queues.fleet.until("nobody waits at the former leader", nobody, 5_000);
  const [again] = await queues.settle(queues.consume(2, { waitMs: 10_000 }));
  assert.deepEqual([textsOf([again!])[0], again!.attempts], ["a", 1]);
  queues.check();
});

Deno.test("what the same request was given meanwhile through the next leader stays its own", async () => {
  const request = { kind: "caller", principal: "me", id: "r" } as const;
  const { queues, asked } = await heldUp({ waitMs: 0, request });
  await queues.fleet.run(TOO_LATE_MS);
  assert.ok(!asked.pending, "the next leader has answered");
  queues.fleet.network.heal();
  await queues.fleet.run(10_000);
  const [delivery] = asked.result!;
  assert.deepEqual([textsOf([delivery!])[0], delivery!.attempts], ["a", 1]);
  assert.deepEqual(await queues.acknowledge(2, [delivery!]), [{ ok: true }]);
  assert.equal(queues.at(1).consumers.waiting, 0);
  queues.check();
});
