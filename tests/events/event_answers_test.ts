import assert from "node:assert/strict";
import { EventAnswers } from "../../src/events/event_answers.ts";
import { EVENT_TIMEOUTS, type EventEdges } from "../../src/events/event_edges.ts";
import { EventNews } from "../../src/events/event_news.ts";
import { EventsMachine } from "../../src/events/machine.ts";
import type { Groups } from "../../src/groups/groups.ts";
import type { ValueReference } from "../../src/groups/values.ts";
import { HeldValues } from "../groups/held_values.ts";
import { ManualClock } from "../manual_clock.ts";
import { publish } from "./event_commands.ts";

/** Answers over one replica; what happens while it reads values a test says itself. */
class LoneReplica {
  readonly clock = new ManualClock();
  readonly news = new EventNews(this.clock);
  readonly #values = new HeldValues();
  readonly machine = new EventsMachine(this.#values);
  readonly answers: EventAnswers;
  whileReading = () => {};
  #index = 1;

  constructor() {
    const edges: EventEdges = {
      groups: { answer() {}, readBarrier: () => Promise.resolve() } as unknown as Groups,
      clock: this.clock,
      logger: { log() {} },
      partitions: 1,
      bounds: {
        identitiesMax: 100,
        retention: { ageMs: null, count: null, bytes: null, forgetAfterMs: null },
      },
      timeouts: EVENT_TIMEOUTS,
      replicaOf: () => ({ events: this.machine, values: this }),
    };
    this.answers = new EventAnswers(edges, this.news);
  }

  read(references: readonly ValueReference[]): Promise<readonly Uint8Array[]> {
    const values = references.map((reference) => this.#values.read(reference));
    this.whileReading();
    return Promise.resolve(values);
  }

  publish(id: string): void {
    const context = { group: 1, index: ++this.#index, term: 1, timeMs: 0 };
    this.machine.apply(publish("orders", [id]), context);
    this.news.wake(1, "orders");
  }

  page(waitMs: number): Promise<{ readonly count: number }> {
    const page = { after: null, limit: 10 };
    return this.answers.page("orders", page, { stale: false, waitMs });
  }
}

Deno.test("what comes while a page is read is not waited for", async () => {
  const replica = new LoneReplica();
  replica.whileReading = () => {
    replica.whileReading = () => {};
    replica.publish("a");
  };
  let count = 0;
  replica.page(10_000).then((page) => count = page.count);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(count, 1);
});

Deno.test("an empty page waits for news, and no longer than it was told", async () => {
  const replica = new LoneReplica();
  const [first, second] = [replica.page(10_000), replica.page(10_000)];
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(replica.news.count, 2);
  replica.publish("a");
  assert.deepEqual([(await first).count, (await second).count], [1, 1]);
  assert.equal(replica.news.count, 0);
  const empty = new LoneReplica();
  const waiting = empty.page(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  await empty.clock.advance(10_000);
  assert.equal((await waiting).count, 0);
});
