/**
 * Peers are added to a cluster under load of the queue, one is removed, and one dies for good: the partitions move to
 * where the ring wants them and nowhere else, nobody waits much longer meanwhile, and nothing is lost.
 * `SKEIN_QUEUE_MOVED=100000 deno task test tests/integration/queue_moves_test.ts` runs it with more messages.
 */
import assert from "node:assert/strict";
import { loadTopics, QueueLoad } from "./queue_load.ts";
import {
  actualReplicas,
  movesBetween,
  peersOf,
  type ReplicaMap,
  wantedReplicas,
} from "./replica_map.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const MESSAGES = Number(Deno.env.get("SKEIN_QUEUE_MOVED") ?? 10_000);
const TOPICS = 50;
const PRODUCERS = 12;
const CONSUMERS = 12;
const VISIBILITY_MS = 10_000;
const REPLICAS = 3;
/** Of the messages: first nothing is measured, then the quiet cluster. */
const WARM_SHARE = 0.1;
const QUIET_SHARE = 0.35;
const SLOWDOWN_MAX = 5;
const SETTLE_TIMEOUT_MS = 120_000;
const FLAGS = ["--log-level", "warn", "--dead-peer-grace", "3"];

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? NaN;
}

/** Waits until the ring has these peers and no others, and every partition is where the ring wants it. */
async function settled(peers: readonly SkeinProcess[], load: QueueLoad): Promise<ReplicaMap> {
  return await eventually("partitions are where they are wanted", SETTLE_TIMEOUT_MS, async () => {
    load.check();
    const wanted = peersOf(await wantedReplicas(peers[0]!));
    assert.deepEqual([...new Set(wanted.flat())].toSorted(), namesOf(peers));
    const actual = await actualReplicas(peers);
    assert.deepEqual(peersOf(actual), wanted);
    for (const place of actual) assert.equal(place.peers.length, REPLICAS);
    return actual;
  });
}

async function storedAtLeast(load: QueueLoad, count: number): Promise<void> {
  await eventually(`${count} messages are stored`, 300_000, () => {
    load.check();
    assert.ok(load.stored >= count, `${load.stored}`);
  });
}

Deno.test(`${MESSAGES} messages over ${TOPICS} topics while peers are added, removed and killed`, async (test) => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    let peers: readonly SkeinProcess[] = cluster.peers.slice();
    const load = await QueueLoad.start({
      urls: () => peers.map(({ url }) => url),
      topics: loadTopics(TOPICS, VISIBILITY_MS),
      producers: PRODUCERS,
      consumers: CONSUMERS,
      messagesMax: null,
      restMs: 10,
      backlogMax: 5_000,
    });

    await test.step("two peers are added: the ring's replicas move, and no others", async () => {
      await storedAtLeast(load, WARM_SHARE * MESSAGES);
      load.takeLatenciesMs();
      await storedAtLeast(load, QUIET_SHARE * MESSAGES);
      const before = await settled(peers, load);
      const quietMs = load.takeLatenciesMs();

      const added = [cluster.add("p4"), cluster.add("p5")];
      for (const peer of added) peer.start();
      await cluster.ready(added);
      peers = [...peers, ...added];
      const after = await settled(peers, load);
      const movingMs = load.takeLatenciesMs();

      const { replicas, lines } = movesBetween(before, after);
      console.log(`replicas that moved:\n  ${lines.join("\n  ")}`);
      const all = REPLICAS * after.length;
      const wanted = (added.length / peers.length) * all;
      console.log(`${replicas} of ${all} replicas moved; ${wanted.toFixed(1)} is n_new/n of them`);
      const newNames = namesOf(added);
      for (const [at, { peers: now }] of after.entries()) {
        const gained = now.filter((name) => !before[at]!.peers.includes(name));
        assert.deepEqual(
          gained.filter((name) => !newNames.includes(name)),
          [],
          "to new peers only",
        );
      }
      assert.ok(replicas > 0.5 * wanted && replicas < 1.5 * wanted);

      const [quiet, moving] = [percentile(quietMs, 0.99), percentile(movingMs, 0.99)];
      console.log(
        `publish p99 ${quiet.toFixed(1)} ms quiet (${quietMs.length}), ${
          moving.toFixed(1)
        } ms during the move ` +
          `(${movingMs.length}): ${(moving / quiet).toFixed(1)} ×`,
      );
      assert.ok(moving <= SLOWDOWN_MAX * quiet);
    });

    await test.step("leaders are spread", async () => {
      const most = Math.ceil(1.25 * 16 / peers.length);
      await eventually(`nobody leads more than ${most}`, SETTLE_TIMEOUT_MS, async () => {
        const leads = Map.groupBy(await actualReplicas(peers), ({ leader }) => leader);
        for (const [name, led] of leads) assert.ok(led.length <= most, `${name}: ${led.length}`);
      });
    });

    await test.step("a peer is removed: its replicas are rebuilt", async () => {
      const [removed, asked] = peers as [SkeinProcess, SkeinProcess];
      const { status, body } = await asked.post(
        "/cluster/remove",
        { member: removed.name },
        {},
        60_000,
      );
      assert.equal(status, 200, JSON.stringify(body));
      peers = peers.filter((peer) => peer !== removed);
      await settled(peers, load);
      await removed.kill();
    });

    await test.step("a peer is killed and never comes back: its replicas are rebuilt", async () => {
      const dead = peers.find(({ name }) => name === "p2")!;
      await dead.kill();
      peers = peers.filter((peer) => peer !== dead);
      await settled(peers, load);
    });

    await storedAtLeast(load, MESSAGES);
    await load.finish();
    const { stored, unknown, again, acknowledged, dead } = load.ledger.totals;
    console.log(
      `${stored} messages stored, ${unknown} perhaps, ${acknowledged} acknowledged: none lost, none twice; ` +
        `${again} deliveries again, ${dead} dead letters`,
    );
  });
});

function namesOf(peers: readonly SkeinProcess[]): readonly string[] {
  return peers.map(({ name }) => name).toSorted();
}
