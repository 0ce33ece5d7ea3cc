/**
 * What publishers of events were told, and what follows for the topics in the end: each id is stored once, where every
 * publisher of it was told, without a gap. Of what is published some ids were sent before, perhaps by somebody who
 * still waits for the answer.
 */
import assert from "node:assert/strict";
import type { SkeinClient } from "../../src/client/mod.ts";
import { outcomeOf, untilDone } from "./queue_outcome.ts";

const TOPICS = ["orders", "payments", "parcels", "visits"];
const BATCH = 25;
/** Of a batch: ids that were sent before. */
const REPEATED = 5;

interface Sent {
  readonly topic: string;
  readonly eventId: string;
}

export class EventLedger {
  readonly #distinct: Sent[] = [];
  readonly #offsets = new Map<string, number>();
  answered = 0;

  /** Publishes the next batch, however often it must be asked for. */
  async publish({ events }: SkeinClient): Promise<void> {
    const batch = this.#next();
    const items = batch.map((item) => ({ ...item, payload: { of: item.eventId } }));
    await untilDone(async () => {
      const outcome = await outcomeOf(events.publishBatch(items));
      if (outcome.kind !== "done") return outcome.error;
      for (const [place, { offset }] of outcome.value.entries()) this.#note(batch[place]!, offset);
      return null;
    });
  }

  /**
   * Reads all topics, once nobody publishes any more.
   * @returns how many events were received, stored and dropped, as the cluster has counted them
   * @throws {AssertionError} by rejection, where something is lost, or stored twice
   */
  async verify({ events }: SkeinClient): Promise<readonly [number, number, number]> {
    let stored = 0;
    for (const topic of TOPICS) {
      let next = 0;
      for await (const { offset, eventId } of events.read(topic)) {
        assert.equal(offset, next++, `offsets of ${topic} have no gap`);
        const told = this.#offsets.get(`${topic} ${eventId}`);
        assert.equal(told, offset, `${eventId} is where it was told`);
      }
      stored += next;
    }
    assert.equal(stored, this.#distinct.length, "each id is stored once");
    const { received, unique, duplicates } = await events.stats();
    assert.equal(unique, stored);
    assert.equal(received, unique + duplicates);
    assert.ok(received >= this.answered, "what was answered was counted");
    return [received, unique, duplicates];
  }

  /** New ids, and some that were sent before. */
  #next(): readonly Sent[] {
    const repeated = Array.from({ length: Math.min(REPEATED, this.#distinct.length) }, () => {
      return this.#distinct[Math.floor(Math.random() * this.#distinct.length)]!;
    });
    const fresh = Array.from({ length: BATCH - repeated.length }, (_, place) => {
      const number = this.#distinct.length + place;
      return { topic: TOPICS[number % TOPICS.length]!, eventId: `event-${number}` };
    });
    this.#distinct.push(...fresh);
    return [...fresh, ...repeated];
  }

  /** Whoever publishes an id is told the same offset. */
  #note({ topic, eventId }: Sent, offset: number): void {
    const name = `${topic} ${eventId}`;
    const former = this.#offsets.get(name) ?? offset;
    assert.equal(offset, former, `${name} has one offset`);
    this.#offsets.set(name, offset);
    this.answered++;
  }
}
