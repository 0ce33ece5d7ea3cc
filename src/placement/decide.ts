/**
 * What one partition's group needs next, so that it comes to lie where the ring wants it: a pure decision
 * over a view of it. One replica at a time: a learner is added, catches up, and takes its predecessor's
 * place in one joint change. The driver (`driver.ts`) carries it out, looks again, and remembers nothing:
 * what is under way shows in the group's configuration. Safety does not rest here: each change names the
 * configuration that it was decided on.
 *
 * A dead member's replica keeps its vote where there is nobody to take its place: when it is back it goes on
 * where it was, and until then two of three are no worse than two of two.
 *
 * A change of voters is made only where the voters that come of it have a healthy majority, and where no
 * fewer than R - 1 of them are healthy, or at least as many as before.
 */
import type { PeerId, Replica } from "../raft/entry.ts";
import type { ConfigurationOperation } from "../raft/ready.ts";
import type { FollowerReport, LedGroup } from "./report.ts";

export interface GroupView extends LedGroup {
  readonly leader: PeerId;
  /** Where the ring wants it, first choice first; empty where no peer owns anything. */
  readonly wanted: readonly PeerId[];
  readonly preferredLeader: PeerId | null;
  /** R: as many replicas as it should have, were there peers enough. */
  readonly replicasWanted: number;
}

/** What the driver knows of peers, whatever group it is about. */
export interface PeersView {
  /** It is a living member, or a former one, and answers. */
  answers(peer: PeerId): boolean;
  /** It has answered for a while, is caught up and not about to stop: leadership would stay with it. */
  takesLeadership(peer: PeerId): boolean;
  /** It is dead by an entry, and would be used again if it came back. */
  mayReturn(peer: PeerId): boolean;
}

export type PlacementAction =
  /** Adds a learner, to take the place of `from`; null: there is none to replace. */
  | { readonly kind: "begin"; readonly to: PeerId; readonly from: PeerId | null }
  /** The learner becomes a voter, and `from` is no replica any more, in one joint change. */
  | { readonly kind: "complete"; readonly to: PeerId; readonly from: PeerId | null }
  /** Takes out a replica that needs no successor. */
  | { readonly kind: "drop"; readonly peer: PeerId }
  /** Hands leadership over. */
  | { readonly kind: "lead"; readonly to: PeerId };

/** @returns the next thing to do; null when all is as wanted, or must be waited for */
export function decide(view: GroupView, peers: PeersView): PlacementAction | null {
  // A joint configuration is left by the core itself, without help.
  if (view.configuration.votersOutgoing.length > 0 || view.wanted.length === 0) return null;
  const learners = peersOf(view.configuration.learners);
  const unwanted = learners.find((peer) => !view.wanted.includes(peer));
  if (unwanted !== undefined) return { kind: "drop", peer: unwanted };
  if (learners.length > 0) return complete(view, peers, learners);
  const missing = view.wanted.filter((peer) => !isVoter(view, peer));
  if (missing.length > 0) return begin(view, peers, missing);
  return dropSurplus(view, peers) ?? preferLeader(view, peers);
}

/** @returns the change of the configuration that an action stands for; null where it is none */
export function operationsOf(action: PlacementAction): readonly ConfigurationOperation[] | null {
  switch (action.kind) {
    case "begin":
      return [{ kind: "addLearner", peer: action.to }];
    case "complete": {
      const promote = { kind: "promote", peer: action.to } as const;
      return action.from === null ? [promote] : [promote, { kind: "remove", peer: action.from }];
    }
    case "drop":
      return [{ kind: "remove", peer: action.peer }];
    case "lead":
      return null;
  }
}

/** Of several that are missing, only one is added at a time, the first that answers. */
function begin(
  view: GroupView,
  peers: PeersView,
  missing: readonly PeerId[],
): PlacementAction | null {
  const to = missing.find((peer) => peers.answers(peer));
  return to === undefined ? null : { kind: "begin", to, from: surplusVoter(view, peers) };
}

function complete(
  view: GroupView,
  peers: PeersView,
  learners: readonly PeerId[],
): PlacementAction | null {
  const to = learners.find((peer) => isFit(view, peers, peer));
  if (to === undefined) return null;
  const surplus = surplusVoter(view, peers);
  // Were a leader to crash as it leaves, its log alone might hold the end of that change, and nobody be elected.
  const from = surplus === view.leader ? null : surplus;
  const voters = peersOf(view.configuration.voters);
  if (!isSafe(view, peers, [...voters.filter((peer) => peer !== from), to])) return null;
  const successor = surplus === view.leader ? successorOf(view, peers) : null;
  if (successor !== null) return { kind: "lead", to: successor };
  return { kind: "complete", to, from };
}

/** All wanted replicas vote; what is beyond them goes, one at a time. */
function dropSurplus(view: GroupView, peers: PeersView): PlacementAction | null {
  const isWhole = view.configuration.voters.length > view.replicasWanted;
  const peer = surplusVoter(view, peers, (voter) => isWhole || !peers.mayReturn(voter));
  if (peer === null) return null;
  const others = peersOf(view.configuration.voters).filter((voter) => voter !== peer);
  if (!isSafe(view, peers, others)) return null;
  if (peer !== view.leader) return { kind: "drop", peer };
  const successor = successorOf(view, peers);
  return successor === null ? null : { kind: "lead", to: successor };
}

function preferLeader(view: GroupView, peers: PeersView): PlacementAction | null {
  const to = view.preferredLeader;
  if (to === null || to === view.leader || !mayLead(view, peers, to)) return null;
  return { kind: "lead", to };
}

/** A voter that is not wanted and may go: those that do not answer first, the leader last. */
export function surplusVoter(
  view: GroupView,
  peers: PeersView,
  mayGo: (voter: PeerId) => boolean = () => true,
): PeerId | null {
  const surplus = peersOf(view.configuration.voters)
    .filter((peer) => !view.wanted.includes(peer) && mayGo(peer));
  return surplus.find((peer) => !isHealthy(view, peers, peer)) ??
    surplus.find((peer) => peer !== view.leader) ?? surplus[0] ?? null;
}

/** Who should lead in place of a leader whose replica goes; null where no wanted voter can. */
function successorOf(view: GroupView, peers: PeersView): PeerId | null {
  const candidates = view.wanted.filter((peer) => {
    return peer !== view.leader && mayLead(view, peers, peer);
  });
  return candidates.find((peer) => peer === view.preferredLeader) ?? candidates[0] ?? null;
}

function mayLead(view: GroupView, peers: PeersView, peer: PeerId): boolean {
  return isVoter(view, peer) && isFit(view, peers, peer) && peers.takesLeadership(peer);
}

/** Whether the group may have these voters and no others. */
function isSafe(view: GroupView, peers: PeersView, voters: readonly PeerId[]): boolean {
  const countHealthy = (list: readonly PeerId[]) =>
    list.filter((peer) => isHealthy(view, peers, peer)).length;
  const before = countHealthy(peersOf(view.configuration.voters));
  const after = countHealthy(voters);
  const needed = Math.min(before, view.wanted.length - 1);
  return after >= needed && after > voters.length / 2;
}

function isHealthy(view: GroupView, peers: PeersView, peer: PeerId): boolean {
  if (peer === view.leader) return true;
  return peers.answers(peer) && followerOf(view, peer)?.active === true;
}

function isFit(view: GroupView, peers: PeersView, peer: PeerId): boolean {
  return isHealthy(view, peers, peer) && followerOf(view, peer)?.caughtUp === true;
}

function followerOf({ followers }: GroupView, peer: PeerId): FollowerReport | undefined {
  return followers.find((follower) => follower.peer === peer);
}

function isVoter({ configuration }: GroupView, peer: PeerId): boolean {
  return configuration.voters.some((voter) => voter.peer === peer);
}

function peersOf(replicas: readonly Replica[]): PeerId[] {
  return replicas.map(({ peer }) => peer);
}
