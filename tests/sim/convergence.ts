/**
 * The second phase: with no faults left, a leader must emerge, every member must apply what it commits,
 * whoever asked to join and was not removed must be in, and every peer must serve: all within a simulated deadline. At
 * the end equal positions must mean equal states.
 */
import type { Locks } from "../../src/locks/locks.ts";
import { stateOf } from "./core_under_test.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

/** Runs the simulation until the condition holds. @throws {SafetyViolation} past the deadline */
export type Until = (condition: () => boolean, deadlineMs: number, what: string) => Promise<void>;

const CONVERGE_MS = 120_000;
/** The longest lease of phase one at the slowest clocks, and some: nothing else may be in the way. */
const LEASES_END_MS = 40_000;
const WAIT_MS = 60_000;
/** Without traffic a group goes to sleep well within this. */
const QUIET_MS = 10_000;
/** From the loss of a leader to the next grant: the peers' patience, elections, the client's retries. */
const FAIL_OVER_MS = 20_000;

/** @throws {SafetyViolation} when it takes too long, or replicas differ */
export async function awaitConvergence(
  cluster: VirtualCluster,
  resources: readonly string[],
  until: Until,
): Promise<void> {
  await until(() => membersOf(cluster) !== null, CONVERGE_MS, "a leader emerges");
  await until(() => everybodyIsIn(cluster), CONVERGE_MS, "all peers are members");
  const members = membersOf(cluster)!;
  for (const resource of resources) {
    const name = resource === resources[0] ? "each peer" : "a peer";
    const through = resource === resources[0] ? members : members.slice(0, 1);
    for (const peer of through) await acquireAndRelease(peer, resource, until, name);
  }
  await until(() => areEqual(cluster), CONVERGE_MS, "all members apply what is committed");
  checkEqualStates(cluster);
}

/** Groups that sleep must notice that their leader has gone, though nobody asks them anything. */
export async function loseSleepingLeaders(
  cluster: VirtualCluster,
  resource: string,
  until: Until,
): Promise<void> {
  const awakeMs = cluster.scheduler.nowMs + QUIET_MS;
  await until(() => cluster.scheduler.nowMs > awakeMs, 2 * QUIET_MS, "time passes");
  const leader = cluster.leader();
  const voters = leader?.status()?.configuration.voters ?? [];
  if (leader === null || voters.length < 3) return;
  const led = leader.core!.groups.groups().filter((group) => {
    const status = leader.status(group);
    return status?.role === "leader" && status.configuration.voters.length >= 3;
  });
  leader.kill();
  const others = (peer: VirtualPeer) => peer !== leader && peer.running;
  for (const group of led) {
    const next = () =>
      cluster.peers.some((peer) => others(peer) && peer.status(group)?.role === "leader");
    await until(next, FAIL_OVER_MS, `another leader takes over group ${group}`);
  }
  await acquireAndRelease(cluster.leader()!, resource, until, "the next leader");
}

/** The peers of the leader's configuration; null while there is no leader. */
function membersOf(cluster: VirtualCluster): readonly VirtualPeer[] | null {
  const configuration = cluster.leader()?.status()?.configuration;
  if (configuration === undefined) return null;
  const ids = [...configuration.voters, ...configuration.learners].map(({ peer }) => peer);
  return cluster.peers.filter((peer) => peer.running && ids.includes(peer.id));
}

function everybodyIsIn(cluster: VirtualCluster): boolean {
  const members = membersOf(cluster);
  if (members === null) return false;
  return cluster.peers.every((peer) => peer.removing || members.includes(peer));
}

async function acquireAndRelease(
  peer: VirtualPeer,
  resource: string,
  until: Until,
  name: string,
): Promise<void> {
  const owner = `last-${peer.name}`;
  const isFree = tryAgain(peer, async (locks) => {
    const acquired = await locks.acquire({
      resource,
      owner,
      mode: "exclusive",
      waitMs: WAIT_MS,
      ttlMs: 10_000,
      request: null,
      signal: null,
    });
    if (!acquired.ok) return false;
    const token = acquired.fencingToken;
    await locks.release({ resource, owner, fencingToken: token, request: null });
    return true;
  });
  // A removal that was under way when the world was healed may still switch it off.
  await until(
    () => !peer.running || isFree(),
    LEASES_END_MS,
    `${resource} is granted through ${name}`,
  );
}

/** @returns whether the work has succeeded by now; it begins anew after each failure */
function tryAgain(peer: VirtualPeer, work: (locks: Locks) => Promise<boolean>): () => boolean {
  let isDone = false;
  let isUnderWay = false;
  return () => {
    if (isDone || isUnderWay || peer.core === null) return isDone;
    isUnderWay = true;
    peer.attempt(async (core) => {
      try {
        isDone = await work(core.locks);
      } finally {
        isUnderWay = false;
      }
    });
    return false;
  };
}

function areEqual(cluster: VirtualCluster): boolean {
  const members = membersOf(cluster);
  const committed = cluster.leader()?.status()?.commitIndex;
  if (members === null || committed === undefined) return false;
  return members.every((peer) => peer.status()?.appliedIndex === committed);
}

/** Equal commands in equal order give equal states: byte for byte, as snapshots. */
function checkEqualStates(cluster: VirtualCluster): void {
  const members = membersOf(cluster)!;
  const [first, ...others] = members.map((peer) => stateOf(peer.core!, 0));
  others.forEach((state, place) => {
    if (state === first) return;
    const names = `${members[0]!.name} and ${members[place + 1]!.name}`;
    throw new SafetyViolation(`${names} applied the same entries and have different states`);
  });
}
