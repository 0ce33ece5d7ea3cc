/**
 * What may stand between a real peer and its state in Redis, when it starts and while it runs: each is said in words
 * that its operator can act on, and once it is out of the way the peer goes on, by itself where it runs.
 */
import assert from "node:assert/strict";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const EXIT_UNAVAILABLE = 3;
const EXIT_CORRUPT = 4;
const USER = "peer";
const PASSWORD = "secret";

interface Obstacle {
  readonly name: string;
  readonly put: (server: RedisServer, peer: SkeinProcess) => Promise<unknown>;
  readonly away: (server: RedisServer, peer: SkeinProcess) => Promise<unknown>;
  /** What a peer that starts says, and how it ends. */
  readonly atStart: { readonly said: RegExp; readonly code: number };
  /** What a peer that runs answers with 503; null: it cannot come to be while a peer runs. */
  readonly atRunTime: RegExp | null;
}

function keysOf({ options: { clusterKey, name } }: SkeinProcess) {
  return redisKeys(clusterKey, name);
}

/** Where its log is written to: another one each time that it was opened. */
async function newestSegment(server: RedisServer, peer: SkeinProcess): Promise<string> {
  const { names, files } = keysOf(peer);
  const listed = (await server.send("SMEMBERS", names)).split("\r\n");
  const newest = listed.filter((name) => name.startsWith(`${files}/wal/`)).sort().at(-1);
  assert.ok(newest !== undefined, listed.join());
  return newest;
}

const OBSTACLES: readonly Obstacle[] = [
  {
    name: "a password that it does not know",
    async put(server) {
      await server.send("ACL", "SETUSER", USER, "resetpass", ">another");
      await server.send("CLIENT", "KILL", "USER", USER);
    },
    away: (server) => server.send("ACL", "SETUSER", USER, "resetpass", `>${PASSWORD}`),
    atStart: { said: /refuses the user or the password \(WRONGPASS/, code: EXIT_UNAVAILABLE },
    atRunTime: /refuses the user or the password \(WRONGPASS/,
  },
  {
    name: "a read-only replica",
    put: (server) => server.send("REPLICAOF", "127.0.0.1", "1"),
    away: (server) => server.send("REPLICAOF", "NO", "ONE"),
    atStart: { said: /is a read-only replica of 127.0.0.1: a peer writes/, code: EXIT_UNAVAILABLE },
    atRunTime: /is a read-only replica/,
  },
  {
    name: "no memory left",
    put: (server) => server.send("CONFIG", "SET", "maxmemory", "1mb"),
    away: (server) => server.send("CONFIG", "SET", "maxmemory", "0"),
    atStart: { said: /has no memory left: its maxmemory is reached/, code: EXIT_UNAVAILABLE },
    atRunTime: /has no memory left: its maxmemory is reached/,
  },
  {
    name: "a key of another type where its log is",
    async put(server, peer) {
      const key = await newestSegment(server, peer);
      await server.send("RENAME", key, "kept");
      await server.send("RPUSH", key, "something");
    },
    away: async (server, peer) => {
      await server.send("RENAME", "kept", await newestSegment(server, peer));
    },
    atStart: { said: /[0-9a-f]{16}.seg is a list, and no file/, code: EXIT_CORRUPT },
    atRunTime: /has a key of another type|is a list, and no file/,
  },
  {
    name: "a key of another type where its state is",
    async put(server, peer) {
      await server.send("RENAME", keysOf(peer).state, "kept");
      await server.send("SET", keysOf(peer).state, "something");
    },
    away: (server, peer) => server.send("RENAME", "kept", keysOf(peer).state),
    atStart: {
      said: /has a key of another type where the peer's state must lie/,
      code: EXIT_UNAVAILABLE,
    },
    atRunTime: /has a key of another type/,
  },
  {
    name: "a format of an older version",
    put: (server, peer) => server.send("HSET", keysOf(peer).state, "format", "0"),
    away: (server, peer) => server.send("HSET", keysOf(peer).state, "format", "1"),
    atStart: {
      said: /has format 0, and this version reads 1: it was written by an older/,
      code: EXIT_CORRUPT,
    },
    atRunTime: null,
  },
];

const LOCK = { resource: "kept", owner: "ann", timeout: 0, ttl: 600 };

async function assertRunning(
  server: RedisServer,
  cluster: SkeinCluster,
  { name, put, away, atRunTime }: Obstacle,
): Promise<void> {
  const [peer] = cluster.peers as [SkeinProcess];
  if (atRunTime === null) return;
  await put(server, peer);
  await eventually(`it says what is in its way: ${name}`, 30_000, async () => {
    const { status, body } = await peer.post("/lock/acquire", LOCK);
    assert.equal(status, 503);
    assert.match(body.message, atRunTime);
    const health = await peer.get("/health");
    assert.equal(health.status, 503);
    assert.match(health.body.reasons.join("\n"), atRunTime);
  });
  await away(server, peer);
  await cluster.ready();
  assert.equal((await peer.post("/lock/acquire", LOCK)).status, 200, name);
}

async function assertStarting(
  server: RedisServer,
  peer: SkeinProcess,
  { name, put, away, atStart }: Obstacle,
): Promise<void> {
  await put(server, peer);
  peer.log.length = 0;
  peer.start();
  assert.equal((await peer.ends()).code, atStart.code, `${name}: ${peer.log.join("\n")}`);
  assert.match(peer.log.join("\n"), atStart.said);
  await away(server, peer);
}

/** One after the other, while a peer runs and then when it starts; in the end it starts with what it had. */
async function meet(obstacles: readonly Obstacle[]): Promise<void> {
  await RedisServer.with([], async (server) => {
    await server.send("ACL", "SETUSER", USER, "on", `>${PASSWORD}`, "~*", "+@all");
    const url = `redis://${USER}:${PASSWORD}@127.0.0.1:${server.port}`;
    await SkeinCluster.with({ peers: 1, flags: ["--redis", url] }, async (cluster) => {
      const [peer] = cluster.peers as [SkeinProcess];
      assert.equal((await peer.post("/lock/acquire", LOCK)).status, 200);
      for (const obstacle of obstacles) await assertRunning(server, cluster, obstacle);
      assert.equal((await peer.end())?.code, 0);
      for (const obstacle of obstacles) await assertStarting(server, peer, obstacle);
      peer.start();
      await cluster.ready();
      const { body } = await peer.get("/lock/status?resource=kept");
      assert.equal(body.holders[0].owner, LOCK.owner);
    });
  });
}

redisTest("what may be in a peer's way to Redis, while it runs and when it starts", async () => {
  // Most of it is waiting, for which two peers take half the time.
  const lanes = [0, 1].map((lane) => meet(OBSTACLES.filter((_, place) => place % 2 === lane)));
  for (const lane of await Promise.allSettled(lanes)) {
    if (lane.status === "rejected") throw lane.reason;
  }
});
