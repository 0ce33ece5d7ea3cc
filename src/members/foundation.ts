/**
 * From a committed plan to the records that bring its groups into being at one founder: group 0, and the
 * partitions that it places there. They go into the batch that makes the commit durable: a peer either has
 * both, or neither.
 */
import type { Configuration, HardState, PeerId, Replica } from "../raft/entry.ts";
import type { Recovered, RecoveredGroup, Storage, StorageRecord } from "../storage/storage.ts";
import { firstReplicasOf } from "./first_replicas.ts";
import { type FormationPlan, isPlanMember } from "./plan.ts";

/** A founding replica's id; later ones are indices of entries, which begin at 2. */
export const FOUNDING_REPLICA = 1;

/** The founding configuration stands for index 1, which no log ever holds. */
export const FOUNDING_INDEX = 1;

const FOUNDING_HARD_STATE: HardState = { term: 1, votedFor: null, commitIndex: FOUNDING_INDEX };

/** Group 0 as the plan founds it: its voters vote, every other founder listens. */
export function foundingConfiguration(plan: FormationPlan): Configuration {
  const learners = plan.members.map((member) => member.id)
    .filter((id) => !plan.voters.includes(id));
  return configurationOf(plan.voters, learners);
}

function configurationOf(voters: readonly PeerId[], learners: readonly PeerId[]): Configuration {
  const replica = (peer: PeerId): Replica => ({ peer, replica: FOUNDING_REPLICA });
  return {
    index: FOUNDING_INDEX,
    voters: voters.map(replica),
    votersOutgoing: [],
    learners: learners.map(replica),
    learnersNext: [],
  };
}

/** Every group that `self` founds as it begins once its records are durable: as opening the storage would find it. */
export function foundedGroups(plan: FormationPlan, self: PeerId): readonly RecoveredGroup[] {
  if (!isPlanMember(plan, self)) return [];
  const groups = [foundedGroup(0, foundingConfiguration(plan))];
  for (let partition = 1; partition <= plan.partitions; partition++) {
    const voters = firstReplicasOf(plan, partition);
    if (voters.includes(self)) groups.push(foundedGroup(partition, configurationOf(voters, [])));
  }
  return groups;
}

function foundedGroup(group: number, configuration: Configuration): RecoveredGroup {
  return {
    group,
    replica: FOUNDING_REPLICA,
    hardState: FOUNDING_HARD_STATE,
    snapshot: null,
    configuration,
    terms: [],
    lastIndex: FOUNDING_INDEX,
    lastTimeMs: 0,
    configurationEntries: [],
  };
}

/** @returns the records of these groups */
export function foundationRecords(groups: readonly RecoveredGroup[]): readonly StorageRecord[] {
  return groups.flatMap(({ group, replica, hardState, configuration }): StorageRecord[] => [
    { kind: "foundation", group, configuration },
    { kind: "hardState", group, replica, hardState },
  ]);
}

/**
 * A torn write may keep the commit of the plan and lose the groups behind it, or some of them. Nothing has rested on
 * them yet, so they are founded again.
 * @param plan the one that this peer founded its cluster on, if any
 * @returns what was recovered, with those groups
 * @throws {StorageFailedError} by rejection
 */
export async function foundAgain(
  plan: FormationPlan | null,
  self: PeerId,
  { storage, recovered }: {
    readonly storage: Pick<Storage, "append">;
    readonly recovered: Recovered;
  },
): Promise<Recovered> {
  if (plan === null) return recovered;
  const known = new Set(recovered.groups.map(({ group }) => group));
  const lost = foundedGroups(plan, self)
    .filter(({ group }) => !known.has(group) && !recovered.tombstones.has(group));
  if (lost.length === 0) return recovered;
  await storage.append(foundationRecords(lost));
  return { ...recovered, groups: [...recovered.groups, ...lost] };
}
