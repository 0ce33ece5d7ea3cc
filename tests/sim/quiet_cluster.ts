/** A virtual cluster that nobody breaks, for stories that a test tells step by step. */
import assert from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { type FaultRates, HEALED } from "./fault_rates.ts";
import { SimulationLog } from "./simulation_log.ts";
import { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";
import { Scheduler } from "./virtual_time.ts";

const TIMING = {
  electionTimeoutMinMs: 500,
  electionTimeoutMaxMs: 1_000,
  heartbeatMs: 75,
  snapshotEntries: 1_000,
  snapshotBytes: 1024 * 1024,
  deadPeerGraceMs: 10_000,
  systemVoters: 3,
  partitions: 4,
  replicas: 3,
  cacheEntries: 1_000,
  valueFileBytes: 64 * 1024,
};
/** An exclusive try-lock. */
export const LOCK = {
  resource: "r",
  owner: "o",
  mode: "exclusive",
  waitMs: 0,
  ttlMs: 10_000,
  request: null,
  signal: null,
} as const;

export interface Formed {
  readonly scheduler: Scheduler;
  readonly cluster: VirtualCluster;
  readonly leader: VirtualPeer;
  readonly others: readonly VirtualPeer[];
}

/** Three peers with a leader. Whatever must never happen fails the test. */
export async function formed(rates: FaultRates = HEALED): Promise<Formed> {
  const scheduler = new Scheduler();
  const log = new SimulationLog(null);
  const fail = (error: unknown) => assert.fail(String(error));
  const cluster = new VirtualCluster(scheduler, new Random(3), rates, TIMING, log, fail);
  cluster.found(3);
  await scheduler.runUntil(5_000);
  const leader = cluster.leader();
  assert.ok(leader !== null);
  return { scheduler, cluster, leader, others: cluster.peers.filter((peer) => peer !== leader) };
}
