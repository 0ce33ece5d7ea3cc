/** The simulation's clients on queues of one place: what they see of a sound one is accepted, of wrong ones refused. */
import assert from "node:assert/strict";
import { Random } from "../../src/random.ts";
import type { PeerAccess } from "./caller.ts";
import { PlainQueue, type Wrong } from "./plain_queue.ts";
import { judgeQueue, type QueueJudgement } from "./queue_checker.ts";
import { QueueClient } from "./queue_client.ts";
import { drainTopics } from "./queue_drain.ts";
import type { QueueOperation, SimulatedTopic } from "./queue_history.ts";
import { Scheduler } from "./virtual_time.ts";

const TOPICS: readonly SimulatedTopic[] = [
  { name: "t", lanes: 1, visibilityMs: 2_000, maxAttempts: 3, dedupWindowMs: 300_000 },
];
const RUN_MS = 60_000;

/** Clients that use the queue for a minute of virtual time, and what is left then. */
async function judged(wrong: Wrong, seed: number): Promise<QueueJudgement> {
  const scheduler = new Scheduler();
  const queue = new PlainQueue(scheduler, TOPICS, wrong);
  const history: QueueOperation[] = [];
  const access: PeerAccess = {
    locks: () => assert.fail("nobody asks for locks"),
    cache: () => assert.fail("no cache is used"),
    events: () => assert.fail("nobody asks for events"),
    id: "p",
    life: "p1",
    queue: () => queue,
    onEnd: () => () => {},
  };
  const clients = ["a", "b", "c"].map((name, place) =>
    new QueueClient(name, {
      scheduler,
      random: new Random(seed, place),
      history,
      topics: () => TOPICS,
      thinkMs: 100,
      access: () => access,
      fail: (error) => assert.fail(String(error)),
    })
  );
  const running = Promise.all(clients.map((client) => client.run()));
  await scheduler.runUntil(RUN_MS);
  for (const client of clients) client.stop();
  const until = async (condition: () => boolean, deadlineMs: number, what: string) => {
    const endMs = scheduler.nowMs + deadlineMs;
    while (!condition()) {
      assert.ok(scheduler.nowMs < endMs, what);
      await scheduler.runUntil(scheduler.nowMs + 10);
    }
  };
  let isQuiet = false;
  running.then(() => isQuiet = true);
  await until(() => isQuiet, RUN_MS, "the clients' last operations end");
  const anyQueue = (work: (queue: PlainQueue) => Promise<void>) => void work(queue);
  const endings = await drainTopics({ scheduler, anyQueue }, TOPICS, history, until);
  return judgeQueue(history, TOPICS, endings);
}

Deno.test("what clients see of a sound queue is accepted, and they see enough of it", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { violations, delivered, acknowledged, ordered } = await judged("none", seed);
    assert.deepEqual(violations, []);
    assert.ok(delivered > 100, `${delivered} were delivered`);
    assert.ok(acknowledged > 100, `${acknowledged} were acknowledged`);
    assert.ok(ordered > 500, `${ordered} pairs were in order`);
  }
});

const CAUGHT: readonly (readonly [Wrong, RegExp])[] = [
  ["loses a message that it answered", /is lost/],
  ["delivers what was acknowledged", /delivered after it was acknowledged/],
  ["takes any receipt", /which was stale after/],
  ["gives a receipt twice", /a receipt was given twice/],
  ["delivers the newest first", /out of order/],
  ["forgets priorities", /was delivered before/],
  ["cuts visibility short", /delivered while another had it/],
  ["cuts delays short", /before its delay was over/],
  ["stores an id twice", /stored twice/],
  ["loses a dead letter", /is lost/],
  ["counts what was a while ago", /: published \d+, not \d+ to \d+/],
];

for (const [wrong, what] of CAUGHT) {
  Deno.test(`a queue that ${wrong} is found out`, async () => {
    const violations: string[] = [];
    for (let seed = 1; seed <= 5; seed++) {
      violations.push(...(await judged(wrong, seed)).violations);
    }
    assert.match(violations.join("\n"), what);
  });
}
