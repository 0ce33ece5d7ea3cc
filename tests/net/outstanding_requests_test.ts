/** Requests that wait for answers: each settles once, by answer, refusal, loss or deadline. */
import assert from "node:assert/strict";
import { LIMITS } from "../../src/limits.ts";
import { OutstandingRequests } from "../../src/net/outstanding_requests.ts";
import { RequestError } from "../../src/net/transport.ts";
import { ManualClock } from "../manual_clock.ts";

/** "open", "answer X", or the reason of the rejection. */
function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: "open" };
  promise.then(
    (answer) => watched.state = `answer ${answer}`,
    (error: RequestError) => watched.state = error.reason,
  );
  return watched;
}

function createTable(): {
  readonly table: OutstandingRequests;
  readonly clock: ManualClock;
  ask(peer: string, timeoutMs: number): { id: number; watched: { state: string } };
} {
  const clock = new ManualClock();
  const table = new OutstandingRequests(clock);
  return {
    table,
    clock,
    ask(peer, timeoutMs) {
      const id = table.nextId();
      return { id, watched: watch(table.wait(id, peer, "method", timeoutMs)) };
    },
  };
}

/** Lets the reactions to settled promises run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("an answer settles its request, once, and only from whom was asked", async () => {
  const { table, ask } = createTable();
  const { id, watched } = ask("a", 100);
  table.answer(id, "b", "forged");
  table.answer(id, "a", "real");
  table.answer(id, "a", "again");
  table.refuse(id, "a", new RequestError("refused", "late"));
  await settle();
  assert.equal(watched.state, "answer real");
  assert.equal(table.size, 0);
});

Deno.test("deadlines share one timer and are met in their order, within 10 ms", async () => {
  const { clock, ask } = createTable();
  const late = ask("a", 500);
  const early = ask("a", 100);
  const latest = ask("b", 10_000);
  assert.equal(clock.timers, 1);
  clock.advance(99);
  await settle();
  assert.equal(early.watched.state, "open");
  clock.advance(11);
  await settle();
  assert.deepEqual([early.watched.state, late.watched.state], ["timeout", "open"]);
  clock.advance(401);
  await settle();
  assert.deepEqual([late.watched.state, latest.watched.state], ["timeout", "open"]);
  assert.equal(clock.timers, 1);
});

Deno.test("the timer goes when nothing waits any more", () => {
  const { table, clock, ask } = createTable();
  const { id } = ask("a", 100);
  table.answer(id, "a", 1);
  clock.advance(200);
  assert.equal(clock.timers, 0);
});

Deno.test("a lost connection loses its peer's requests and no others", async () => {
  const { table, ask } = createTable();
  const [first, second, other] = [ask("a", 100), ask("a", 100), ask("b", 100)];
  table.lose("a", "it broke");
  await settle();
  assert.deepEqual(
    [first, second, other].map(({ watched }) => watched.state),
    ["lost", "lost", "open"],
  );
});

Deno.test("the bound counts each peer apart, and what is settled makes room", async () => {
  const { table, ask } = createTable();
  const first = ask("a", 100);
  for (let count = 1; count < LIMITS.peerRequestsMax; count++) ask("a", 100);
  assert(table.isFull("a"));
  assert(!table.isFull("b"));
  table.answer(first.id, "a", null);
  assert(!table.isFull("a"));
  table.close();
  await settle();
  assert.equal(table.size, 0);
});
