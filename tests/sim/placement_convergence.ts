/**
 * The partitions' part of the second phase: with no faults left, each must come to lie where the ring wants it, be led
 * by the preferred leader, and hold the same state in every replica, whose values can all be read.
 */
import { createHash } from "node:crypto";
import type { PartitionPlacement } from "../../src/ring/placement.ts";
import type { Until } from "./convergence.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

/** From the last fault until the driver has finished: detection, grace, and a replica after the other. */
const PLACED_MS = 240_000;
const APPLIED_MS = 20_000;
/** Value files are numbered upwards; a simulation writes fewer. */
const VALUE_FILES_MAX = 2_000;
const VALUES_MAX = 10_000;

/** @throws {SafetyViolation} when it takes too long, naming what is not as it should be */
export async function awaitPlacement(cluster: VirtualCluster, until: Until): Promise<void> {
  let last: string | null = "nothing is known of the partitions";
  const isPlaced = () => {
    last = misplaced(cluster);
    return last === null;
  };
  try {
    await until(isPlaced, PLACED_MS, "all partitions lie where the ring wants them");
  } catch (error) {
    if (error instanceof SafetyViolation && last !== null) error.message += `: ${last}`;
    throw error;
  }
}

/** All replicas have applied what is committed, and hold the same. */
export async function checkPartitions(cluster: VirtualCluster, until: Until): Promise<void> {
  const placements = placementsOf(cluster) ?? [];
  const areEqual = () =>
    placements.every(({ partition }) => {
      const committed = cluster.leader(partition)?.status(partition)?.commitIndex;
      return committed !== undefined &&
        replicasOf(cluster, partition).every((peer) =>
          peer.status(partition)!.appliedIndex === committed
        );
    });
  await until(areEqual, APPLIED_MS, "all replicas apply what is committed");
  for (const { partition } of placements) {
    const [first, ...others] = replicasOf(cluster, partition);
    for (const other of others) {
      if (stateOf(other, partition) === stateOf(first!, partition)) continue;
      const names = `${first!.name} and ${other.name}`;
      throw new SafetyViolation(`partition ${partition}: ${names} have different states`);
    }
  }
  await checkValues(cluster, placements, until);
}

/** @returns why the partitions are not as wanted; null when they are */
function misplaced(cluster: VirtualCluster): string | null {
  const placements = placementsOf(cluster);
  if (placements === null) return "no leader knows where they are wanted";
  for (const { partition, replicas, leader } of placements) {
    const leading = cluster.leader(partition);
    const status = leading?.status(partition);
    if (!leading || !status) return `partition ${partition} has no leader`;
    const wanted = replicas.map(({ id }) => id).sort();
    const { voters, learners, votersOutgoing } = status.configuration;
    const has = voters.map(({ peer }) => peer).sort();
    const isSettled = learners.length === 0 && votersOutgoing.length === 0;
    if (!isSettled || has.join() !== wanted.join()) {
      const names = (ids: readonly string[]) => ids.map((id) => nameOf(cluster, id)).join(" ");
      const also = learners.map(({ peer }) => peer);
      return `partition ${partition}, led by ${leading.name}, has the voters ${
        names(has)
      } and the ` +
        `learners ${names(also)}, not ${names(wanted)}`;
    }
    if (leading.id !== leader?.id) {
      return `partition ${partition} is led by ${leading.name}, not ${nameOf(cluster, leader!.id)}`;
    }
    const holders = replicasOf(cluster, partition).map(({ id }) => id).sort();
    if (holders.join() !== wanted.join()) {
      return `partition ${partition} has replicas left over at ` +
        holders.filter((id) => !wanted.includes(id)).map((id) => nameOf(cluster, id)).join(" ");
    }
  }
  return null;
}

/** As the system group's leader sees it; null while there is none. */
function placementsOf(cluster: VirtualCluster): readonly PartitionPlacement[] | null {
  return cluster.leader()?.core?.members.wanted()?.placements ?? null;
}

/** Running peers that have a replica of the group. */
function replicasOf(cluster: VirtualCluster, group: number): readonly VirtualPeer[] {
  return cluster.peers.filter((peer) => peer.status(group) !== null);
}

function nameOf(cluster: VirtualCluster, id: string): string {
  return cluster.peers.find((peer) => peer.id === id)?.name ?? id;
}

/** What any replica would answer; where its bytes lie is its own. */
function stateOf(peer: VirtualPeer, partition: number): string {
  const machine = peer.core!.generation.partitions.replica(partition)!.queue;
  const lanes = [...machine.lanes()].sort((left, right) =>
    left.topic < right.topic ? -1 : left.topic > right.topic ? 1 : left.lane - right.lane
  );
  const dead = lanes.map(({ topic, lane }) =>
    machine.dead({ topic, lane }, { group: partition, max: 1_000, after: null })
      ?.map(({ id, attempts, reason }) => ({ id, attempts, reason }))
  );
  return JSON.stringify({ lanes, dead, count: machine.count, deadline: machine.nextDeadlineMs() });
}

/** Every value that a machine refers to can be read where it is, and is the same everywhere. */
async function checkValues(
  cluster: VirtualCluster,
  placements: readonly PartitionPlacement[],
  until: Until,
): Promise<void> {
  for (const { partition } of placements) {
    const digests = new Map<string, string>();
    for (const peer of replicasOf(cluster, partition)) {
      let isRead = false;
      peer.attempt(async () => {
        digests.set(peer.name, await valuesDigest(peer, partition));
        isRead = true;
      });
      await until(() => isRead, APPLIED_MS, `${peer.name} reads the values of ${partition}`);
    }
    if (new Set(digests.values()).size <= 1) continue;
    const names = [...digests.keys()].join(", ");
    throw new SafetyViolation(`partition ${partition}: ${names} hold different values`);
  }
}

async function valuesDigest(peer: VirtualPeer, partition: number): Promise<string> {
  const { storage, partitions } = peer.core!.generation;
  const { queue } = partitions.replica(partition)!;
  const digests: string[] = [];
  for (let file = 1; file <= VALUE_FILES_MAX; file++) {
    const references = queue.valuesIn(file, VALUES_MAX);
    if (references.length === 0) continue;
    for (const value of await storage.readValues(partition, references)) {
      if (value === null) throw new SafetyViolation(`${peer.name}: a value in use was dropped`);
      digests.push(createHash("sha256").update(value).digest("hex"));
    }
  }
  return digests.sort().join();
}
