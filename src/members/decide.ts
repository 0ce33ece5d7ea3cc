/**
 * What group 0 needs next, as a pure decision over a view of it: who should have a replica, who should
 * vote, who is dead, whose waiters are to be detached. One action at a time; its driver (`steward.ts`)
 * carries it out and asks again. Safety does not rest here: a configuration change names the
 * configuration that it was decided on, and entries name the boot that they mean.
 */
import type { Configuration, PeerId, Replica } from "../raft/entry.ts";
import type { ConfigurationOperation, FollowerStatus } from "../raft/ready.ts";
import { hasReplica } from "./configuration.ts";
import type { FormationPlan } from "./plan.ts";
import type { EndedBoot, Member } from "./state.ts";

export interface StewardView {
  /** The members' machine has no founding entry yet, and this is what to propose; else null. */
  readonly unfounded: FormationPlan | null;
  /** This peer: group 0's leader. */
  readonly self: PeerId;
  readonly configuration: Configuration;
  readonly members: readonly Member[];
  readonly endedBoots: readonly EndedBoot[];
  readonly followers: readonly FollowerStatus[];
  readonly commitIndex: number;
  /** How long each peer has been out of touch with this one, without a break; absent: in touch. */
  readonly unreachableMs: ReadonlyMap<PeerId, number>;
  /** How many should vote. */
  readonly votersTarget: number;
  /** `--dead-peer-grace`. */
  readonly graceMs: number;
}

export type StewardAction =
  | { readonly kind: "found"; readonly plan: FormationPlan }
  | { readonly kind: "detach"; readonly peer: PeerId; readonly bootId: string }
  | { readonly kind: "markDead"; readonly peer: PeerId; readonly bootId: string }
  | { readonly kind: "markAlive"; readonly peer: PeerId }
  | {
    readonly kind: "configure";
    readonly expectedIndex: number;
    readonly operations: readonly ConfigurationOperation[];
  };

/** A learner that lacks fewer entries than this has caught up: it will have them before it is asked to vote. */
export const CAUGHT_UP_ENTRIES = 1_024;

/** @returns the next thing to do; null when all is as it should be, or must be waited for */
export function decide(view: StewardView): StewardAction | null {
  if (view.unfounded !== null) return { kind: "found", plan: view.unfounded };
  // Until the founders are known, every replica would look like a stranger's.
  if (view.members.length === 0) return null;
  const [ended] = view.endedBoots;
  if (ended !== undefined) return { kind: "detach", ...ended };
  return decideLiveness(view) ?? decideConfiguration(view);
}

function decideLiveness(view: StewardView): StewardAction | null {
  for (const { id, bootId, dead } of view.members) {
    // Whoever led before may have marked the present leader dead.
    const unreachableMs = id === view.self ? null : view.unreachableMs.get(id) ?? null;
    if (!dead && unreachableMs !== null && unreachableMs >= view.graceMs) {
      return { kind: "markDead", peer: id, bootId };
    }
    if (dead && unreachableMs === null) return { kind: "markAlive", peer: id };
  }
  return null;
}

function decideConfiguration(view: StewardView): StewardAction | null {
  const { configuration } = view;
  // A joint configuration is left by the core itself, without help.
  if (configuration.votersOutgoing.length > 0) return null;
  const operations = removeStranger(view) ?? replaceVoter(view) ?? addLearner(view) ??
    promoteLearner(view) ?? demoteSurplus(view);
  if (operations === null) return null;
  return { kind: "configure", expectedIndex: configuration.index, operations };
}

type Operations = readonly ConfigurationOperation[] | null;

/** A replica whose peer is no member (any more). */
function removeStranger({ configuration, members }: StewardView): Operations {
  const known = new Set(members.map((member) => member.id));
  const replicas = [...configuration.learners, ...configuration.voters];
  const stranger = replicas.find(({ peer }) => !known.has(peer));
  if (stranger === undefined || (isOnlyVoter(configuration, stranger))) return null;
  return [{ kind: "remove", peer: stranger.peer }];
}

function isOnlyVoter({ voters }: Configuration, replica: Replica): boolean {
  return voters.length === 1 && voters[0]!.peer === replica.peer;
}

/**
 * A dead voter, else one that drains; in one joint change, so that there is no moment with one voter less.
 * Where nobody can take its place, a draining one goes on voting.
 */
function replaceVoter(view: StewardView): Operations {
  const { voters } = view.configuration;
  const leaving = voters.find(({ peer }) => isDead(view, peer)) ??
    voters.find(({ peer }) => isDraining(view, peer));
  const learner = healthyLearner(view);
  if (leaving === undefined || learner === null) return null;
  return [{ kind: "promote", peer: learner }, { kind: "demote", peer: leaving.peer }];
}

/** A dead member without a replica gets one when it is back. */
function addLearner({ configuration, members }: StewardView): Operations {
  const missing = members.find(({ id, dead }) => !dead && !hasReplica(configuration, id));
  return missing === undefined ? null : [{ kind: "addLearner", peer: missing.id }];
}

function promoteLearner(view: StewardView): Operations {
  if (view.configuration.voters.length >= view.votersTarget) return null;
  const learner = healthyLearner(view);
  return learner === null ? null : [{ kind: "promote", peer: learner }];
}

/** After the target was lowered: the dead go first, then those that drain, the leader never. */
function demoteSurplus(view: StewardView): Operations {
  const { voters } = view.configuration;
  if (voters.length <= view.votersTarget) return null;
  const others = voters.filter(({ peer }) => peer !== view.self);
  const surplus = others.find(({ peer }) => isDead(view, peer)) ??
    others.find(({ peer }) => isDraining(view, peer)) ?? others.at(-1);
  return surplus === undefined ? null : [{ kind: "demote", peer: surplus.peer }];
}

/** A learner that may vote: a living member, in touch, not draining, that has (nearly) the whole log; in a new zone first. */
function healthyLearner(view: StewardView): PeerId | null {
  const fit = view.configuration.learners.map((replica) => replica.peer)
    .filter((peer) => isFit(view, peer));
  const zones = new Set(
    view.configuration.voters.filter(({ peer }) => !isDead(view, peer))
      .map(({ peer }) => zoneOf(view, peer)),
  );
  return fit.find((peer) => !zones.has(zoneOf(view, peer))) ?? fit[0] ?? null;
}

function isFit(view: StewardView, peer: PeerId): boolean {
  const member = view.members.find(({ id }) => id === peer);
  if (member === undefined || member.dead || member.draining) return false;
  if (view.unreachableMs.has(peer)) return false;
  const follower = view.followers.find(({ replica }) => replica.peer === peer);
  return follower !== undefined && follower.recentlyActive && follower.state === "replicate" &&
    view.commitIndex - follower.matchIndex < CAUGHT_UP_ENTRIES;
}

function isDead({ members }: StewardView, peer: PeerId): boolean {
  return members.some(({ id, dead }) => id === peer && dead);
}

function isDraining({ members }: StewardView, peer: PeerId): boolean {
  return members.some(({ id, draining }) => id === peer && draining);
}

function zoneOf({ members }: StewardView, peer: PeerId): string | null {
  return members.find(({ id }) => id === peer)?.zone ?? null;
}
