/**
 * kill -9 of random peers, and pauses longer than their leases, under a load of the cache.
 * `SKEIN_CACHE_KILL_ROUNDS=100 deno task test tests/integration/cache_kill_test.ts` runs it longer, and
 * `SKEIN_CACHE_KILL_MINUTES=10` until so much time is over.
 */
import { CACHE_LOAD_FLAGS, CacheLoad, pauseBeyondLeases } from "./cache_load.ts";
import { SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const MINUTES = Number(Deno.env.get("SKEIN_CACHE_KILL_MINUTES") ?? 0);
const ROUNDS = Number(Deno.env.get("SKEIN_CACHE_KILL_ROUNDS") ?? (MINUTES > 0 ? Infinity : 2));
const KEYS = 12;
const READERS = 8;
const FLUSH_MS = 100;
/** So many writes make a round. */
const STEPS = 80;
const ROUNDS_TOLD = 20;

Deno.test("the cache under kill -9 and pauses: no stale read, no durable write lost", async () => {
  await SkeinCluster.with({ flags: CACHE_LOAD_FLAGS }, async (cluster) => {
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
    const endMs = performance.now() + MINUTES * 60_000;
    let round = 0;
    while (round < ROUNDS && (MINUTES === 0 || performance.now() < endMs)) {
      await load.goesOn(`the load runs before round ${round}`, STEPS);
      const victim = peers[Math.floor(Math.random() * peers.length)]!;
      load.ledger.fault(Date.now());
      const without = () => load.goesOn(`writes go on without ${victim.name}`, STEPS);
      if (round % 2 === 0) await kill(victim, without);
      else await pauseBeyondLeases(victim);
      await cluster.ready();
      round++;
      if (round % ROUNDS_TOLD === 0) console.log(`${round} faults: ${JSON.stringify(totals)}`);
    }
    await load.finish();
    console.log(`${round} kills and pauses: ${load.summary()}`);
  });
});

async function kill(victim: SkeinProcess, meanwhile: () => Promise<void>): Promise<void> {
  await victim.kill();
  await meanwhile();
  victim.start();
}
