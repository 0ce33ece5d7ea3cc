/**
 * Real peers whose state is in a real redis-server, under load: the server goes away and comes back, is killed, is
 * paused; a peer is killed and starts again. Nothing that was acknowledged is lost, and what stands in the way is said.
 * SKEIN_REDIS_ROUNDS asks for more rounds of killing the server, SKEIN_REDIS_OUTAGE_MS for it to be gone so much longer.
 */
import assert from "node:assert/strict";
import { RedisServer, redisTest } from "../redis_server.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_REDIS_ROUNDS") ?? 2);
const OUTAGE_MS = Number(Deno.env.get("SKEIN_REDIS_OUTAGE_MS") ?? 0);
const CLIENTS = 8;
const GRANTS = 50;

function flagsOf({ url }: RedisServer): string[] {
  return ["--redis", url, "--redis-require-durable"];
}

async function grow(load: LockLoad, grants = GRANTS): Promise<void> {
  const wanted = load.grants + grants;
  await eventually("locks are granted", 60_000, () => {
    if (load.violation !== null) throw load.violation;
    assert.ok(load.grants >= wanted, `${load.grants} of ${wanted}`);
  });
}

async function withLoad(
  test: (server: RedisServer, cluster: SkeinCluster, load: LockLoad) => Promise<void>,
): Promise<void> {
  await RedisServer.with([], async (server) => {
    await SkeinCluster.with({ flags: flagsOf(server) }, async (cluster) => {
      const load = new LockLoad(cluster.peers, CLIENTS, { requestTimeoutMs: 3_000 });
      await grow(load);
      await test(server, cluster, load);
      await load.stop();
      for (const { directory } of cluster.peers.map(({ options }) => options)) {
        await assert.rejects(Deno.stat(directory), Deno.errors.NotFound, "no data on the disk");
      }
    });
  });
}

async function refusal(peer: SkeinProcess): Promise<void> {
  const { status, body } = await peer.get("/health");
  assert.equal(status, 503, JSON.stringify(body));
  assert.match(body.reasons.join("\n"), /Redis at redis:\/\/127.0.0.1:\d+/);
  const asked = { resource: `of ${peer.name}`, owner: "somebody", timeout: 0 };
  const answer = await peer.post("/lock/acquire", asked);
  assert.equal(answer.status, 503, JSON.stringify(answer.body));
  assert.match(answer.body.message, /Redis at redis:\/\/127.0.0.1:\d+/);
}

redisTest(
  "redis goes away under load: peers say so with 503, and go on when it is back",
  async () => {
    await withLoad(async (server, cluster, load) => {
      await server.down();
      await eventually("every peer says what is in its way", 30_000, async () => {
        for (const peer of cluster.peers) await refusal(peer);
      });
      const before = load.grants;
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
      await server.up();
      await cluster.ready();
      await grow(load);
      assert.ok(load.grants > before);
    });
  },
);

redisTest(
  "redis is paused under load: it is not waited for without end, and gone on with",
  async () => {
    await withLoad(async (server, cluster, load) => {
      server.signal("SIGSTOP");
      try {
        await eventually("every peer says what is in its way", 30_000, async () => {
          for (const peer of cluster.peers) await refusal(peer);
        });
      } finally {
        server.signal("SIGCONT");
      }
      await cluster.ready();
      await grow(load);
    });
  },
);

redisTest(
  "redis is killed under load, again and again: what was acknowledged is there",
  async () => {
    await withLoad(async (server, cluster, load) => {
      for (let round = 0; round < ROUNDS; round++) {
        await server.down("SIGKILL");
        await server.up();
        await cluster.ready();
        await grow(load);
      }
    });
  },
);

redisTest("a peer is killed, and starts again at once with what Redis has", async () => {
  await withLoad(async (_server, cluster, load) => {
    for (const peer of cluster.peers) {
      const { body: { id } } = await memberOf(peer);
      await peer.kill();
      peer.start();
      await cluster.ready();
      assert.equal((await memberOf(peer)).body.id, id, "it is the member that it was");
      await grow(load);
    }
  });
});

async function memberOf(peer: SkeinProcess) {
  const { status, body } = await peer.get("/raft/state");
  return { status, body: { id: body.node_id } };
}
