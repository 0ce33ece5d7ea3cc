/**
 * kill -9 of one peer after another while events of which a fifth comes twice are published through all of them, and
 * while readers follow their topics, one of them cut off again and again besides.
 * `SKEIN_EVENTS_FOLLOW_EVENTS=50000 deno task test tests/integration/events_follow_test.ts` is the long form.
 */
import assert from "node:assert/strict";
import { EventBench } from "../../src/cli/event_bench.ts";
import { SkeinClient } from "../../src/client/mod.ts";
import { Random } from "../../src/random.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const EVENTS = Number(Deno.env.get("SKEIN_EVENTS_FOLLOW_EVENTS") ?? 5_000);
const DUPLICATES = 0.2;
const DISTINCT = EVENTS * (1 - DUPLICATES);
const TOPICS = ["north", "east", "south"];
/** Small, so that there is time to kill somebody. */
const BATCH = 10;
const KILLS = 3;
/** So many events after which the impatient reader goes away. */
const SIPS = 40;
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];

/** Follows a topic until it is told that it has come to its end. */
class Follower {
  readonly offsets: number[] = [];
  readonly ids = new Set<string>();
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;

  /** @param sip after so many events it goes away and comes again; null: only when it is cut off */
  constructor(client: SkeinClient, readonly topic: string, sip: number | null) {
    this.#following = this.#follow(client, sip);
  }

  async #follow({ events }: SkeinClient, sip: number | null): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const after = this.offsets.at(-1) ?? -1;
      let taken = 0;
      for await (const { offset, eventId } of events.stream(this.topic, { after, signal })) {
        this.offsets.push(offset);
        this.ids.add(eventId);
        if (++taken === sip) break;
      }
    }
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#following;
  }
}

/** Kills one peer after another, each when so much more is published, and starts it again. */
async function killInTurn(cluster: SkeinCluster, sent: () => number): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const from = EVENTS * (kill + 1) / (KILLS + 2);
    await eventually("publishing goes on", 120_000, () => assert.ok(sent() >= from));
    const victim = cluster.peers[kill % cluster.peers.length]!;
    await victim.kill();
    await eventually("publishing goes on without it", 120_000, () => {
      assert.ok(sent() >= Math.min(EVENTS, from + 5 * BATCH));
    });
    victim.start();
    await cluster.ready();
  }
}

async function checkStats(peers: readonly SkeinProcess[]): Promise<void> {
  for (const peer of peers) {
    const { body } = await peer.get("/stats");
    const { total_events_received: received, total_unique_events_processed: unique } = body;
    assert.equal(unique, DISTINCT);
    assert.equal(received, unique + body.total_duplicate_events_dropped);
    assert.equal(body.topics, TOPICS.length);
  }
}

Deno.test("events under kill -9: stored once, without gaps, and followed without loss", async () => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const urls = cluster.peers.map(({ url }) => url);
    let sent = 0;
    const bench = new EventBench({
      urls,
      token: null,
      random: new Random(...crypto.getRandomValues(new Uint32Array(2))),
      topics: TOPICS,
      events: EVENTS,
      duplicates: DUPLICATES,
      batch: BATCH,
      inFlight: 2,
      patienceMs: 120_000,
      onProgress: (count) => sent = count,
    });
    const followers = TOPICS.flatMap((topic, place) => {
      const rotated = [...urls.slice(place), ...urls.slice(0, place)];
      const client = new SkeinClient({ urls: rotated });
      return [new Follower(client, topic, null), new Follower(client, topic, SIPS)];
    });
    const [result] = await Promise.all([bench.run(), killInTurn(cluster, () => sent)]);
    assert.deepEqual(result.problems, []);
    assert.deepEqual([result.sent, result.unique], [EVENTS, DISTINCT]);
    await checkStats(cluster.peers);

    const { events } = new SkeinClient({ urls });
    for (const follower of followers) {
      const { nextOffset } = await events.topic(follower.topic);
      await eventually(`all of ${follower.topic} came`, 60_000, () => {
        assert.equal(follower.offsets.length, nextOffset);
      });
      await follower.end();
      assert.deepEqual(follower.offsets, [...Array(nextOffset).keys()]);
      assert.equal(follower.ids.size, nextOffset);
    }

    await Promise.all(cluster.peers.map((peer) => peer.kill()));
    for (const peer of cluster.peers) peer.start();
    await cluster.ready();
    await checkStats(cluster.peers);
    const { received, duplicates, resent, publishMs } = result;
    console.log(
      `${KILLS} kills and one of all: ${received} received, ${DISTINCT} stored, ${duplicates} dropped, ` +
        `${resent} batches resent, ${Math.round(EVENTS / publishMs * 1000)} events/s`,
    );
  });
});
