/**
 * Events with duplicates among them, published through all peers while these are killed with -9 and come back.
 * `SKEIN_EVENTS_KILL=50000 deno task test tests/integration/events_kill_test.ts` runs it at its full size.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { EventLedger } from "./event_ledger.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

const EVENTS = Number(Deno.env.get("SKEIN_EVENTS_KILL") ?? 5_000);
const PUBLISHERS = 6;
const BATCH = 25;
/** Each kills one peer while its events are on their way. */
const ROUNDS = Math.max(4, Math.floor(EVENTS / 2_500));
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];

/** Publishes the events of one round. */
async function publishMore(ledger: EventLedger, urls: readonly string[]): Promise<void> {
  await Promise.all(Array.from({ length: PUBLISHERS }, async (_, worker) => {
    const first = worker % urls.length;
    const client = new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
    for (let sent = 0; sent < EVENTS / ROUNDS / PUBLISHERS; sent += BATCH) {
      await ledger.publish(client);
    }
  }));
}

Deno.test(`${EVENTS} events, a fifth of them again, are stored once while peers are killed and restarted`, async () => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const { peers } = cluster;
    const urls = peers.map(({ url }) => url);
    const asking = new SkeinClient({ urls });
    const ledger = new EventLedger();
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

    const counts = await ledger.verify(asking);
    const [received, unique, duplicates] = counts;
    console.log(
      `${ROUNDS} kills: ${received} received, ${unique} unique, ${duplicates} duplicates`,
    );
    await Promise.all(peers.map((peer) => peer.kill()));
    for (const peer of peers) peer.start();
    await cluster.ready();
    assert.deepEqual(await ledger.verify(asking), counts, "the same after a restart of all peers");
  });
});
