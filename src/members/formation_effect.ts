/**
 * What the formation state machine asks its driver to do, in order, and what a join can come to. Effects
 * are values, so that a simulator can crash a peer between any two of them.
 */
import type { LogLevel } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { FormationMessage } from "./formation_message.ts";
import type { FormationRecord } from "./formation_record.ts";
import type { FormationPlan } from "./plan.ts";

export type FormationEffect =
  /** Write it as the property `FORMATION_PROPERTY`, then call `durable`. */
  | { readonly kind: "makeDurable"; readonly record: FormationRecord }
  /** The same, in one batch with the `foundationRecords` of the groups that it founds here. */
  | { readonly kind: "commit"; readonly record: FormationRecord; readonly plan: FormationPlan }
  | { readonly kind: "send"; readonly to: PeerId; readonly message: FormationMessage }
  /** The plan is committed and durable here: begin its groups. */
  | { readonly kind: "formed"; readonly plan: FormationPlan }
  /** This peer is the preferred leader of these groups and majorities can hear it: campaign at once. */
  | { readonly kind: "campaign"; readonly groups: readonly number[] }
  /** Ask `through` to have this peer added, then call `joinAnswered`. */
  | { readonly kind: "join"; readonly through: PeerId; readonly clusterId: string }
  /** The cluster has added this peer, and that is durable here. */
  | { readonly kind: "joined"; readonly clusterId: string }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string };

export type JoinAnswer =
  | { readonly ok: true }
  /** `message` is the cluster's refusal; null where nobody answered. */
  | { readonly ok: false; readonly message: string | null };
