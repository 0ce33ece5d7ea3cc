/**
 * Events with duplicates among them, published through all peers while these are killed with -9 and come back.
 * `SKEIN_EVENTS_KILL=50000 deno task test tests/integration/events_kill_test.ts` runs it at its full size.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { outcomeOf, untilDone } from "./queue_outcome.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

const EVENTS = Number(Deno.env.get("SKEIN_EVENTS_KILL") ?? 5_000);
const TOPICS = ["orders", "payments", "parcels", "visits"];
const PUBLISHERS = 6;
const BATCH = 25;
/** Of a batch: ids that were sent before. */
const REPEATED = 5;
/** Each kills one peer while its events are on their way. */
const ROUNDS = Math.max(4, Math.floor(EVENTS / 2_500));
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];

interface Sent {
  readonly topic: string;
  readonly eventId: string;
}

/** What was published, and what the answers said of it. */
class Ledger {
  readonly distinct: Sent[] = [];
  readonly #offsets = new Map<string, number>();
  answered = 0;

  /** The next batch: new ids, and some that were sent before, perhaps by somebody who still waits for the answer. */
  next(): readonly Sent[] {
    const repeated = Array.from({ length: Math.min(REPEATED, this.distinct.length) }, () => {
      return this.distinct[Math.floor(Math.random() * this.distinct.length)]!;
    });
    const fresh = Array.from({ length: BATCH - repeated.length }, (_, place) => {
      const number = this.distinct.length + place;
      return { topic: TOPICS[number % TOPICS.length]!, eventId: `event-${number}` };
    });
    this.distinct.push(...fresh);
    return [...fresh, ...repeated];
  }

  /** Whoever publishes an id is told the same offset. */
  note({ topic, eventId }: Sent, offset: number): void {
    const name = `${topic} ${eventId}`;
    const former = this.#offsets.get(name) ?? offset;
    assert.equal(offset, former, `${name} has one offset`);
    this.#offsets.set(name, offset);
    this.answered++;
  }

  offsetOf(topic: string, eventId: string): number | undefined {
    return this.#offsets.get(`${topic} ${eventId}`);
  }
}

/** Publishes the events of one round. */
async function publishMore(ledger: Ledger, urls: readonly string[]): Promise<void> {
  await Promise.all(Array.from({ length: PUBLISHERS }, async (_, worker) => {
    const first = worker % urls.length;
    const { events } = new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
    for (let sent = 0; sent < EVENTS / ROUNDS / PUBLISHERS; sent += BATCH) {
      const batch = ledger.next();
      const items = batch.map((item) => ({ ...item, payload: { of: item.eventId } }));
      await untilDone(async () => {
        const outcome = await outcomeOf(events.publishBatch(items));
        if (outcome.kind !== "done") return outcome.error;
        for (const [place, { offset }] of outcome.value.entries()) {
          ledger.note(batch[place]!, offset);
        }
        return null;
      });
    }
  }));
}

async function countsOf({ events }: SkeinClient): Promise<readonly number[]> {
  const { received, unique, duplicates } = await events.stats();
  return [received, unique, duplicates];
}

Deno.test(`${EVENTS} events, a fifth of them again, are stored once while peers are killed and restarted`, async () => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const { peers } = cluster;
    const urls = peers.map(({ url }) => url);
    const asking = new SkeinClient({ urls });
    const ledger = new Ledger();
    for (let round = 0; round < ROUNDS; round++) {
      const before = ledger.answered;
      const publishing = publishMore(ledger, urls);
      const isAnswered = () => assert.ok(ledger.answered >= before + 2 * BATCH);
      await eventually("events are answered", 60_000, isAnswered);
      const victim = peers[round % peers.length]!;
      await victim.kill();
      await publishing;
      victim.start();
      await cluster.ready();
    }

    let stored = 0;
    for (const topic of TOPICS) {
      let next = 0;
      for await (const { offset, eventId } of asking.events.read(topic)) {
        assert.equal(offset, next++, `offsets of ${topic} have no gap`);
        assert.equal(ledger.offsetOf(topic, eventId), offset, `${eventId} is where it was told`);
      }
      stored += next;
    }
    const counts = await countsOf(asking);
    const [received = 0, unique = 0, duplicates = 0] = counts;
    console.log(
      `${ROUNDS} kills: ${received} received, ${unique} unique, ${duplicates} duplicates`,
    );
    assert.equal(stored, ledger.distinct.length, "each id is stored once");
    assert.equal(unique, stored);
    assert.equal(received, unique + duplicates);
    assert.ok(received >= ledger.answered, "what was answered was counted");

    await Promise.all(peers.map((peer) => peer.kill()));
    for (const peer of peers) peer.start();
    await cluster.ready();
    assert.deepEqual(await countsOf(asking), counts, "the same after a restart of all peers");
  });
});
