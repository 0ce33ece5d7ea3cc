/**
 * kill -9 of random peers under a mixed load of the queue.
 * `SKEIN_QUEUE_KILL_ROUNDS=100 deno task test tests/integration/queue_kill_test.ts` runs it longer.
 */
import assert from "node:assert/strict";
import { loadTopics, QueueLoad } from "./queue_load.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_QUEUE_KILL_ROUNDS") ?? 8);
const TOPICS = 10;
const PRODUCERS = 12;
const CONSUMERS = 12;
const VISIBILITY_MS = 5_000;
/** So many publishes and acks make a round. */
const STEPS = 150;
const ROUNDS_TOLD = 20;
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];

Deno.test(`over ${ROUNDS} rounds of kill -9 and restart no message is lost, and none acknowledged twice`, async () => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const { peers } = cluster;
    const load = await QueueLoad.start({
      urls: () => peers.map(({ url }) => url),
      topics: loadTopics(TOPICS, VISIBILITY_MS),
      producers: PRODUCERS,
      consumers: CONSUMERS,
      messagesMax: null,
      restMs: 5,
      backlogMax: 2_000,
    });
    const goesOn = async (what: string) => {
      const { stored, acknowledged } = load.ledger.totals;
      await eventually(what, 30_000, () => {
        load.check();
        const now = load.ledger.totals;
        assert.ok(now.stored > stored + STEPS && now.acknowledged > acknowledged + STEPS);
      });
    };
    for (let round = 0; round < ROUNDS; round++) {
      await goesOn(`the load runs before round ${round}`);
      const victim = peers[Math.floor(Math.random() * peers.length)]!;
      await victim.kill();
      await goesOn(`publishes and acks go on in round ${round}, without ${victim.name}`);
      victim.start();
      await cluster.ready();
      if ((round + 1) % ROUNDS_TOLD === 0) {
        const { stored, acknowledged } = load.ledger.totals;
        console.log(`${round + 1} kills: ${stored} stored, ${acknowledged} acknowledged`);
      }
    }
    await load.finish();
    const { stored, unknown, again, acknowledged, dead, stale } = load.ledger.totals;
    console.log(
      `${ROUNDS} kills: ${stored} messages stored, ${unknown} perhaps, ${acknowledged} acknowledged, none lost, ` +
        `none twice; ${again} deliveries again, ${stale} stale receipts, ${dead} dead letters`,
    );
  });
});
