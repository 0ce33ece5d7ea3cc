/** A batch over several lanes that is sent again, through a peer that knows the topic and through one that does not. */
import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { item, QueueFleet, textsOf, TOPIC } from "./queue_fleet.ts";

const TEXTS = ["a", "b", "c", "d", "e"];
const CHANGES = {
  lanes: 3,
  visibilityMs: null,
  maxAttempts: null,
  dedupWindowMs: null,
  backoffMs: null,
  paused: null,
};

async function publishAgain(request: RequestKey, key: string | null): Promise<void> {
  const queues = await QueueFleet.led({ partitions: 4 });
  await queues.settle(queues.at(1).configure(TOPIC, CHANGES, null));
  const items = TEXTS.map((text) => item(text, { key }));
  const publish = (number: number) => {
    return queues.settle(queues.at(number).publish({ topic: TOPIC, items, request }));
  };
  const first = await publish(1);
  for (const number of [1, 2, 2, 3]) assert.deepEqual(await publish(number), first);
  const { totals } = await queues.settle(queues.at(3).stats(TOPIC, { stale: false }));
  assert.equal(totals.published, TEXTS.length);
  const taken: string[] = [];
  while (taken.length < TEXTS.length) {
    taken.push(...textsOf(await queues.settle(queues.consume(2, { max: 10 }))));
  }
  assert.deepEqual(taken.toSorted(), TEXTS);
  queues.check();
}

for (const key of [null, "one-lane"]) {
  const session = {
    kind: "session",
    session: "s",
    bootId: "b",
    sequence: 1,
    lowestOpen: 1,
  } as const;
  Deno.test(`a batch is published once, with the key ${key} and its session's number`, async () => {
    await publishAgain(session, key);
  });
  Deno.test(`a batch is published once, with the key ${key} and its caller's id`, async () => {
    await publishAgain({ kind: "caller", principal: "p", id: "r" }, key);
  });
}
