/** Locks and small replicated writes, beside etcd: three members each, fsync on in both. */
import { startEtcd } from "./etcd.ts";
import { type LoadResult, type Operation, runLoad } from "./load.ts";
import { startSkein } from "./skein.ts";
import type { Load, Suite, SystemUnderTest } from "./suite.ts";

export interface LockOperations {
  lockPairs(client: number): Promise<Operation>;
  /** The same, where each lock has a lease of its own, as every lock of Skein has. */
  leasedPairs(client: number): Promise<Operation>;
  /** One acquire a round, of which the latency alone is told; the release is not measured. */
  acquires(client: number): Promise<Operation>;
  /** One replicated write of about 100 bytes a round. */
  writes(client: number): Promise<Operation>;
}

export type LockSystem = SystemUnderTest & LockOperations;

const WARM_UP_MS = 2_000;

export const LOCKS: Suite<LockSystem> = {
  name: "peers",
  title: "Beside etcd, three members each on this machine",
  starts: [{ name: "skein", start: () => startSkein() }, { name: "etcd", start: startEtcd }],
  loads: [
    load("lock + unlock", 1, (system) => system.lockPairs),
    load("lock + unlock", 32, (system) => system.lockPairs),
    load("lock + unlock, a lease each", 1, (system) => system.leasedPairs),
    load("lock + unlock, a lease each", 32, (system) => system.leasedPairs),
    load("lock alone", 1, (system) => system.acquires),
    load("lock alone", 32, (system) => system.acquires),
    load("write of 100 bytes", 1, (system) => system.writes),
    load("write of 100 bytes", 64, (system) => system.writes),
  ],
  aims: [],
};

function load(
  name: string,
  clients: number,
  operation: (system: LockSystem) => (client: number) => Promise<Operation>,
): Load<LockSystem> {
  const run = (system: LockSystem, durationMs: number): Promise<LoadResult> => {
    return runLoad(clients, durationMs, WARM_UP_MS, operation(system));
  };
  return { name, clients, run };
}
