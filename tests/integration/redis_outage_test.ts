/**
 * Real peers whose state is in a real redis-server, under a load of locks, queue, cache and events: the server goes
 * away for a while and comes back, is paused as long, is killed again and again; a peer is killed and starts again.
 * Nothing that was acknowledged is lost, and what stands in the way is said.
 * SKEIN_REDIS_ROUNDS asks for more rounds of killing the server; then it is away for ten seconds, too.
 */
import assert from "node:assert/strict";
import { RedisServer, redisTest } from "../redis_server.ts";
import { FourLoads } from "./four_loads.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ASKED_ROUNDS = Deno.env.get("SKEIN_REDIS_ROUNDS");
const ROUNDS = Number(ASKED_ROUNDS ?? 3);
/** Peers take two to five seconds to give up, and say so until the end. */
const OUTAGE_MS = ASKED_ROUNDS === undefined ? 3_000 : 10_000;
const REASON = /Redis at redis:\/\/127.0.0.1:\d+/;

/** What a caller of each may ask for that needs the store. */
const WRITES = [
  ["/lock/acquire", { resource: "refused", owner: "somebody", timeout: 0 }],
  ["/queue/publish", { topic: "refused", data: 1 }],
  ["/cache/put", { key: "refused", value: 1, durable: true }],
  ["/publish", { topic: "refused", event_id: "refused", payload: 1 }],
] as const;

async function assertRefuses(peer: SkeinProcess): Promise<void> {
  const { status, body } = await peer.get("/health");
  assert.equal(status, 503, JSON.stringify(body));
  assert.match(body.reasons.join("\n"), REASON);
  for (const [path, document] of WRITES) {
    const answer = await peer.post(path, document);
    assert.equal(answer.status, 503, `${path}: ${JSON.stringify(answer.body)}`);
    assert.match(answer.body.message, REASON, path);
  }
}

/** Every peer says what is in its way, and so it stays as long as the outage is meant to last. */
async function refuseMeanwhile({ peers }: SkeinCluster): Promise<void> {
  const endMs = performance.now() + OUTAGE_MS;
  await eventually("every peer says what is in its way", 30_000, async () => {
    for (const peer of peers) await assertRefuses(peer);
  });
  while (performance.now() < endMs) {
    for (const peer of peers) await assertRefuses(peer);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

type Trial = (server: RedisServer, cluster: SkeinCluster, loads: FourLoads) => Promise<void>;

/** Peers say so with 503, and go on. */
const isGone: Trial = async (server, cluster, loads) => {
  loads.fault();
  await server.down();
  await refuseMeanwhile(cluster);
  await server.up();
  await cluster.ready();
  await loads.goOn("it is back");
};

/** It is not waited for, and gone on with. */
const isPaused: Trial = async (server, cluster, loads) => {
  loads.fault();
  server.signal("SIGSTOP");
  try {
    await refuseMeanwhile(cluster);
  } finally {
    server.signal("SIGCONT");
  }
  await cluster.ready();
  await loads.goOn("it is awake");
};

const isKilled: Trial = async (server, cluster, loads) => {
  for (let round = 0; round < ROUNDS; round++) {
    loads.fault();
    await server.down("SIGKILL");
    await server.up();
    await cluster.ready();
    await loads.goOn(`round ${round}`);
  }
};

/** It starts again at once with what Redis has. */
const losesPeers: Trial = async (_server, cluster, loads) => {
  for (const peer of cluster.peers) {
    const { body: { node_id: id } } = await peer.get("/raft/state");
    loads.fault();
    await peer.kill();
    peer.start();
    await cluster.ready();
    const { body } = await peer.get("/raft/state");
    assert.equal(body.node_id, id, "it is the member that it was");
    await loads.goOn(`${peer.name} is back`);
  }
};

redisTest(
  "redis is gone, paused, and killed under load, then each peer: nothing acknowledged is lost",
  async () => {
    await RedisServer.with([], async (server) => {
      const flags = ["--redis", server.url, "--redis-require-durable", "--log-level", "warn"];
      await SkeinCluster.with({ flags }, async (cluster) => {
        const loads = await FourLoads.start(cluster.peers);
        for (const trial of [isGone, isPaused, isKilled, losesPeers]) {
          await trial(server, cluster, loads);
        }
        console.log(await loads.finish());
        for (const { directory } of cluster.peers.map(({ options }) => options)) {
          await assert.rejects(Deno.stat(directory), Deno.errors.NotFound, "no data on the disk");
        }
      });
    });
  },
);
