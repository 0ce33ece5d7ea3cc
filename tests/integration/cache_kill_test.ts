/**
 * kill -9 of random peers, and pauses longer than their leases, under a load of the cache.
 * `SKEIN_CACHE_KILL_ROUNDS=100 deno task test tests/integration/cache_kill_test.ts` runs it longer, and
 * `SKEIN_CACHE_KILL_MINUTES=10` until so much time is over.
 */
import assert from "node:assert/strict";
import { CacheLoad } from "./cache_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const MINUTES = Number(Deno.env.get("SKEIN_CACHE_KILL_MINUTES") ?? 0);
const ROUNDS = Number(Deno.env.get("SKEIN_CACHE_KILL_ROUNDS") ?? (MINUTES > 0 ? Infinity : 2));
const KEYS = 12;
const READERS = 8;
const FLUSH_MS = 100;
/** Longer than any lease: 2.1 election timeouts and a renewal. */
const PAUSE_MS = 1_600;
/** So many writes make a round. */
const STEPS = 80;
const ROUNDS_TOLD = 20;
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];

Deno.test("the cache under kill -9 and pauses: no stale read, no durable write lost", async () => {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const { peers } = cluster;
    const load = new CacheLoad({
      peers,
      keys: KEYS,
      readers: READERS,
      restMs: 5,
      moveShare: 1,
      flushMs: FLUSH_MS,
    });
    const { totals } = load.ledger;
    const goesOn = async (what: string) => {
      const { writes } = totals;
      await eventually(what, 30_000, () => {
        load.check();
        assert.ok(totals.writes >= writes + STEPS, JSON.stringify(totals));
      });
    };
    const endMs = performance.now() + MINUTES * 60_000;
    let round = 0;
    while (round < ROUNDS && (MINUTES === 0 || performance.now() < endMs)) {
      await goesOn(`the load runs before round ${round}`);
      const victim = peers[Math.floor(Math.random() * peers.length)]!;
      load.ledger.fault(Date.now());
      if (round % 2 === 0) await kill(victim, () => goesOn(`writes go on without ${victim.name}`));
      else await pause(victim);
      await cluster.ready();
      round++;
      if (round % ROUNDS_TOLD === 0) console.log(`${round} faults: ${JSON.stringify(totals)}`);
    }
    await load.finish();
    const { writes, durable, unknown, reads, lost } = totals;
    console.log(
      `${round} kills and pauses: ${reads} reads, none stale; ${durable} durable writes, none lost; ` +
        `of ${writes - durable} others ${lost} lost, ${unknown} unknown`,
    );
  });
});

async function kill(victim: SkeinProcess, meanwhile: () => Promise<void>): Promise<void> {
  await victim.kill();
  await meanwhile();
  victim.start();
}

/** What it was asked meanwhile, it answers when it goes on: from lines whose leases are over. */
async function pause(victim: SkeinProcess): Promise<void> {
  victim.signal("SIGSTOP");
  try {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } finally {
    victim.signal("SIGCONT");
  }
}
