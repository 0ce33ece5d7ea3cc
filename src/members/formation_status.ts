/**
 * What a forming peer waits for, as one line that tells a person whom or what to look at. It stands in
 * /health and in the log, so each line is made in one place.
 */
import { assert, unreachable } from "../assert.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Candidates } from "./candidates.ts";
import type { FormationState } from "./formation_record.ts";
import type { FormationPlan } from "./plan.ts";

export interface FormationSituation {
  readonly self: PeerId;
  readonly expect: number;
  readonly state: FormationState;
  readonly candidates: Candidates;
  readonly clusters: ReadonlySet<string>;
  readonly joinRefusal: string | null;
}

export function formationStatus(situation: FormationSituation): string {
  const { state } = situation;
  switch (state.kind) {
    case "empty":
      return emptyStatus(situation);
    case "held":
      return state.plan.proposer === situation.self
        ? "waits for the other founders to accept its formation plan"
        : heldStatus(state.plan);
    case "formed":
      return `formed cluster ${state.plan.clusterId}`;
    case "joining":
      return situation.joinRefusal === null
        ? `asks to be added to cluster ${state.clusterId}`
        : `not added to cluster ${state.clusterId}: ${situation.joinRefusal}`;
    case "joined":
      return `joined cluster ${state.clusterId}`;
    default:
      unreachable(state);
  }
}

function emptyStatus({ expect, candidates, clusters }: FormationSituation): string {
  if (clusters.size > 1) return ambiguousStatus(clusters);
  if (expect === 0) return "waits to meet a formed cluster: this peer only joins";
  if (candidates.namesake !== null) {
    return `another peer has this peer's name (${candidates.namesake.slice(0, 8)}): choose another`;
  }
  return `waits for peers: has met ${candidates.members.length} of ${expect}, itself among them`;
}

/** Another's plan whose outcome is not known here. */
export function heldStatus(plan: FormationPlan): string {
  const proposer = plan.members.find((member) => member.id === plan.proposer);
  assert(proposer !== undefined, "a proposer is one of its plan's founders");
  return "holds a formation plan without outcome; only its proposer can end it: " +
    `${proposer.name} (${proposer.id}) at ${proposer.addresses.join(", ")}`;
}

/** An empty peer that does not know which of several clusters is meant. */
export function ambiguousStatus(clusters: ReadonlySet<string>): string {
  return `met ${clusters.size} clusters with one key (${[...clusters].sort().join(", ")}) ` +
    "and joins none: give each cluster a key of its own";
}
