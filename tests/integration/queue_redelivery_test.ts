/**
 * What is not acknowledged is delivered again, by real peers to real processes: a consumer that is killed with messages
 * in flight, what its receipts are worth then, and a message that nobody can cope with.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Delivery, SkeinClient } from "../../src/client/mod.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";
import { TextLineStream } from "./text_lines.ts";

const CONSUMER = fileURLToPath(new URL("greedy_consumer.ts", import.meta.url));
const IN_FLIGHT = 100;
const VISIBILITY_MS = 3_000;
const ATTEMPTS_MAX = 16;
const VISIBILITY_MIN_MS = 100;

interface Taken {
  readonly id: string;
  readonly receipt: string;
}

/** Lets a process take messages, and kills it once it has them. */
async function takenByTheDead(peer: SkeinProcess, topic: string): Promise<readonly Taken[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", CONSUMER, peer.url, topic, String(IN_FLIGHT)],
    stdout: "piped",
    stdin: "null",
  }).spawn();
  try {
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(
      new TextLineStream(),
    );
    for await (const line of lines) return JSON.parse(line);
    throw new Error("the consumer ended without a word");
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

async function sumOf(peers: readonly SkeinProcess[], metric: string): Promise<number> {
  const each = await Promise.all(peers.map((peer) => peer.metric(metric)));
  return each.reduce((sum, value) => sum + value, 0);
}

/** How many messages of this topic are told of in the logs as delivered again. */
function redeliveriesLogged(peers: readonly SkeinProcess[], topic: string): number {
  const lines = peers.flatMap(({ log }) => log.map((line) => JSON.parse(line)));
  const told = lines.filter(({ message }) => message.includes(`delivered again: ${topic}: `));
  return told.reduce((sum, { count }) => sum + count, 0);
}

Deno.test("a consumer is killed with 100 messages in flight: all come back, and its receipts mean nothing", async () => {
  await SkeinCluster.with({}, async ({ peers }) => {
    const [first, second, third] = peers as [SkeinProcess, SkeinProcess, SkeinProcess];
    const { queue } = new SkeinClient({ urls: [first.url] });
    const topic = "work";
    await queue.configure(topic, { visibilityMs: VISIBILITY_MS });
    const messages = Array.from({ length: IN_FLIGHT }, (_, number) => ({ data: { number } }));
    const published = await queue.publishBatch(topic, messages);
    const lost = await takenByTheDead(second, topic);
    const takenMs = performance.now();
    assert.deepEqual(lost.map(({ id }) => id), published.map(({ id }) => id), "in order");
    assert.deepEqual(await queue.consume(topic, { max: 1 }), [], "they are not to be had yet");

    const again: Delivery[] = [];
    const other = new SkeinClient({ urls: [third.url] }).queue;
    await eventually("all are delivered again", 60_000, async () => {
      again.push(...await other.consume(topic, { max: IN_FLIGHT, waitMs: 1_000 }));
      assert.equal(again.length, IN_FLIGHT);
    });
    const tookMs = performance.now() - takenMs;
    assert.deepEqual(again.map(({ id }) => id), published.map(({ id }) => id), "in their places");
    assert.ok(again.every(({ attempts }) => attempts === 2));
    const receipts = new Set([...lost, ...again].map(({ receipt }) => receipt));
    assert.equal(receipts.size, 2 * IN_FLIGHT);

    const [stale] = lost as [Taken];
    const refused = await first.post("/queue/ack", { topic, receipt: stale.receipt });
    assert.deepEqual([refused.status, refused.body.error], [409, "STALE_RECEIPT"]);
    const old = await queue.ack(topic, lost);
    assert.ok(old.every((result) => !result.ok && result.code === "STALE_RECEIPT"));
    const done = await queue.ack(topic, again);
    assert.ok(done.every(({ ok }) => ok));
    const gone = await first.post("/queue/ack", { topic, receipt: again[0]!.receipt });
    assert.deepEqual([gone.status, gone.body.error], [404, "NOT_FOUND"]);

    const { ready, inFlight, dead, totals } = await queue.stats(topic);
    assert.deepEqual([ready, inFlight, dead], [0, 0, 0]);
    assert.deepEqual([totals.redelivered, totals.acknowledged], [IN_FLIGHT, IN_FLIGHT]);
    assert.equal(await sumOf(peers, "skein_queue_redelivered_total"), IN_FLIGHT);
    assert.equal(redeliveriesLogged(peers, topic), IN_FLIGHT);
    console.log(`${IN_FLIGHT} messages were back ${Math.round(tookMs)} ms after they were taken`);
  });
});

Deno.test("after 16 deliveries a message is a dead letter, listed, put back and delivered anew", async () => {
  await SkeinCluster.with({}, async ({ peers }) => {
    const [first, second, third] = peers as [SkeinProcess, SkeinProcess, SkeinProcess];
    const topic = "poison";
    const { queue } = new SkeinClient({ urls: [first.url, second.url] });
    const { id } = await queue.publish(topic, "bad");
    for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
      const deliveries = await queue.consume(topic, {
        waitMs: 20_000,
        visibilityMs: VISIBILITY_MIN_MS,
      });
      assert.deepEqual(deliveries.map((each) => [each.id, each.attempts]), [[id, attempts]]);
    }
    await eventually("it is dead", 20_000, async () => {
      assert.equal((await queue.stats(topic)).dead, 1);
    });
    assert.deepEqual(await queue.consume(topic), []);
    for (const name of [topic, `${topic}.dead`]) {
      const { status, body } = await third.get(`/queue/dead?topic=${name}`);
      assert.equal(status, 200);
      const [letter] = body.messages;
      const { id: deadId, data, attempts, reason } = letter;
      assert.deepEqual([deadId, data, attempts, reason], [id, "bad", ATTEMPTS_MAX, "max_attempts"]);
    }
    assert.equal(await sumOf(peers, "skein_queue_dead_lettered_total"), 1);
    const { body } = await third.post("/queue/requeue", { topic, all: true });
    assert.deepEqual([body.success, body.requeued], [true, 1]);
    const [back] = await queue.consume(topic);
    assert.deepEqual([back?.id, back?.attempts, back?.data], [id, 1, "bad"]);
    assert.deepEqual(await queue.ack(topic, [back!]), [{ ok: true }]);
    assert.deepEqual(await queue.dead(topic), []);
  });
});
