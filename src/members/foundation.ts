/**
 * From a committed plan to the records that bring its groups into being at one founder. They go into
 * the batch that makes the commit durable: a peer either has both, or neither.
 */
import type { Configuration, HardState, PeerId, Replica } from "../raft/entry.ts";
import type { RecoveredGroup, StorageRecord } from "../storage/storage.ts";
import { type FormationPlan, isPlanMember } from "./plan.ts";

/** A founding replica's id; later ones are indices of entries, which begin at 2. */
export const FOUNDING_REPLICA = 1;

/** The founding configuration stands for index 1, which no log ever holds. */
export const FOUNDING_INDEX = 1;

const FOUNDING_HARD_STATE: HardState = { term: 1, votedFor: null, commitIndex: FOUNDING_INDEX };

/** Group 0 as the plan founds it: its voters vote, every other founder listens. */
export function foundingConfiguration(plan: FormationPlan): Configuration {
  const replica = (peer: PeerId): Replica => ({ peer, replica: FOUNDING_REPLICA });
  const learners = plan.members.map((member) => member.id)
    .filter((id) => !plan.voters.includes(id));
  return {
    index: FOUNDING_INDEX,
    voters: plan.voters.map(replica),
    votersOutgoing: [],
    learners: learners.map(replica),
    learnersNext: [],
  };
}

/** The records of every group that `self` founds: at present group 0 alone. */
export function foundationRecords(plan: FormationPlan, self: PeerId): readonly StorageRecord[] {
  if (!isPlanMember(plan, self)) return [];
  return [
    { kind: "foundation", group: 0, configuration: foundingConfiguration(plan) },
    {
      kind: "hardState",
      group: 0,
      replica: FOUNDING_REPLICA,
      hardState: FOUNDING_HARD_STATE,
    },
  ];
}

/** Group 0 as a founder begins with it, once its records are durable: as opening the storage would find it. */
export function foundedSystemGroup(plan: FormationPlan): RecoveredGroup {
  return {
    group: 0,
    replica: FOUNDING_REPLICA,
    hardState: FOUNDING_HARD_STATE,
    snapshot: null,
    configuration: foundingConfiguration(plan),
    terms: [],
    lastIndex: FOUNDING_INDEX,
    lastTimeMs: 0,
    configurationEntries: [],
  };
}
