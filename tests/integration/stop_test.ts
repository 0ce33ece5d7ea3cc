/**
 * The end of a leader that is asked to stop, and of one that sleeps: callers of the first notice next to nothing,
 * and the second, when it wakes up, grants and tells nothing that another leader has overtaken.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const STOP_LIMIT_MS = 5_000;
const FAST = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05", "--log-level", "warn"];

/** Programs that use our client and take any error for a failure. */
class ClientLoad {
  readonly #programs: Promise<void>[];
  #stopping = false;
  calls = 0;
  longestCallMs = 0;

  constructor(peers: readonly SkeinProcess[], programs: number) {
    this.#programs = Array.from({ length: programs }, (_, number) => {
      const at = number % peers.length;
      const urls = [...peers.slice(at), ...peers.slice(0, at)].map(({ url }) => url);
      return this.#run(new SkeinClient({ urls }), `r${number}`);
    });
  }

  async #run({ locks }: SkeinClient, resource: string): Promise<void> {
    while (!this.#stopping) {
      const lock = await this.#timed(() => locks.acquire(resource, { ttlMs: 60_000 }));
      await this.#timed(() => locks.release(lock));
    }
  }

  async #timed<T>(call: () => Promise<T>): Promise<T> {
    const beganMs = performance.now();
    const answer = await call();
    this.longestCallMs = Math.max(this.longestCallMs, performance.now() - beganMs);
    this.calls++;
    return answer;
  }

  /** @throws by rejection what any call failed with */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#programs);
  }
}

async function stopInTime(peer: SkeinProcess): Promise<number> {
  const beganMs = performance.now();
  const status = await peer.end("SIGTERM");
  const tookMs = Math.round(performance.now() - beganMs);
  assert.equal(status?.code, 0, peer.log.slice(-10).join("\n"));
  assert.ok(tookMs < STOP_LIMIT_MS, `it stopped after ${tookMs} ms`);
  return tookMs;
}

Deno.test("a leader that is asked to stop under load hands over: no call fails, exit code 0", async () => {
  // An election that begins by timeout would be seen.
  const flags = ["--election-timeout", "10,20", "--log-level", "warn"];
  await SkeinCluster.with({ flags }, async (cluster) => {
    const load = new ClientLoad(cluster.peers, 16);
    for (let round = 0; round < 3; round++) {
      const before = load.calls;
      await eventually("calls go on", 20_000, () => assert.ok(load.calls > before + 200));
      const leader = await cluster.leader();
      load.longestCallMs = 0;
      const tookMs = await stopInTime(leader);
      const next = await cluster.leader();
      console.log(
        `stopped in ${tookMs} ms, the longest call took ${Math.round(load.longestCallMs)} ms`,
      );
      assert.notEqual(next, leader);
      leader.start();
      await cluster.ready();
    }
    await load.stop();
  });
});

Deno.test("a peer without a quorum stops as fast, its open requests answered", async () => {
  await SkeinCluster.with({ flags: FAST }, async (cluster) => {
    const leader = await cluster.leader();
    for (const peer of await cluster.followers()) await peer.kill();
    const open = leader.post("/lock/acquire", { resource: "r", owner: "a", timeout: 60 });
    await eventually("it has the request", 20_000, async () => {
      // The question itself is one.
      assert.ok(await leader.metric("skein_http_requests_in_flight") > 1);
    });
    const tookMs = await stopInTime(leader);
    const { status, body } = await open;
    assert.ok(status === 503 || status === 504, JSON.stringify(body));
    console.log(`stopped in ${tookMs} ms without a quorum`);
  });
});

Deno.test("a leader that slept through an election grants nothing twice and steps down", async () => {
  await SkeinCluster.with({ flags: FAST }, async (cluster) => {
    const load = new LockLoad(cluster.peers, 24, { requestTimeoutMs: 1_000 });
    for (let round = 0; round < 3; round++) {
      const sleeper = await cluster.leader();
      const awake = cluster.peers.filter((peer) => peer !== sleeper);
      sleeper.signal("SIGSTOP");
      const before = load.grants;
      const next = await cluster.leader(awake);
      await eventually("the others grant", 20_000, () => {
        if (load.violation !== null) throw load.violation;
        assert.ok(load.grants > before + 50);
      });
      // What was granted before it was asked must be in its answer, whatever it believes when it wakes up.
      const resource = `slept-${round}`;
      const { status } = await next.post("/lock/acquire", { resource, owner: "a", ttl: 600 });
      assert.equal(status, 200);
      const read = sleeper.get(`/lock/status?resource=${resource}`, 30_000);
      const write = sleeper.post("/lock/acquire", { resource, owner: "b" }, {}, 30_000);
      sleeper.signal("SIGCONT");
      assert.equal((await read).body.holders?.[0]?.owner, "a", JSON.stringify((await read).body));
      assert.equal((await write).body.error, "LOCK_HELD", JSON.stringify((await write).body));
      await eventually("it follows", 20_000, async () => {
        const { body } = await sleeper.get("/raft/state");
        assert.equal(body.role, "follower");
        assert.ok(body.leader !== null);
      });
    }
    await load.stop();
    console.log(`${load.grants} grants, ${load.retries} retries, 3 leaders put to sleep`);
  });
});
