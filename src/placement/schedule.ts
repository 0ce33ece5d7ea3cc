/**
 * Which partitions may be changed at the same time. A new replica costs a snapshot, which its leader reads
 * and its peer writes, so only so many are built at once, in the cluster and at each peer; those of the
 * groups that have least to lose come first. Pure; what is under way shows in the groups' configurations,
 * so that a new driver keeps the bounds as well.
 */
import type { PeerId } from "../raft/entry.ts";
import { decide, type GroupView, type PeersView, type PlacementAction } from "./decide.ts";

/** Replicas that are built at once. */
export const MOVES_MAX = 8;
/** Of them, those that one peer sends or receives. */
export const PEER_MOVES_MAX = 2;
/** Changes whose outcome is awaited at once. */
export const ACTIONS_MAX = 16;

export interface Step {
  readonly view: GroupView;
  readonly action: PlacementAction;
}

/**
 * @param views groups that are not as wanted, each once
 * @param isBusy whether a change of the group is awaited already
 * @param busy how many are
 * @returns what to begin now
 */
export function schedule(
  views: readonly GroupView[],
  peers: PeersView,
  isBusy: (group: number) => boolean,
  busy: number,
): readonly Step[] {
  const moves = new Moves(views);
  const steps: Step[] = [];
  for (const view of byUrgency(views, peers)) {
    if (busy + steps.length >= ACTIONS_MAX) break;
    if (isBusy(view.group)) continue;
    const action = decide(view, peers);
    if (action === null) continue;
    if (action.kind === "begin" && !moves.begin(view.leader, action.to)) continue;
    steps.push({ view, action });
  }
  return steps;
}

/** Replicas that are being built, by the peers that they cost something. */
class Moves {
  #count = 0;
  readonly #byPeer = new Map<PeerId, number>();

  constructor(views: readonly GroupView[]) {
    for (const { leader, followers, configuration } of views) {
      for (const { peer } of configuration.learners) {
        const follower = followers.find((candidate) => candidate.peer === peer);
        // One that is not heard costs nobody anything, and one that has caught up no more.
        if (follower?.active === true && !follower.caughtUp) this.#add(leader, peer);
      }
    }
  }

  /** @returns false where a bound is reached */
  begin(source: PeerId, target: PeerId): boolean {
    if (this.#count >= MOVES_MAX) return false;
    if (this.#of(source) >= PEER_MOVES_MAX || this.#of(target) >= PEER_MOVES_MAX) return false;
    this.#add(source, target);
    return true;
  }

  #add(source: PeerId, target: PeerId): void {
    this.#count++;
    for (const peer of [source, target]) this.#byPeer.set(peer, this.#of(peer) + 1);
  }

  #of(peer: PeerId): number {
    return this.#byPeer.get(peer) ?? 0;
  }
}

/** Groups with the fewest replicas that answer come first. */
function byUrgency(views: readonly GroupView[], peers: PeersView): readonly GroupView[] {
  const answering = new Map(views.map((view) => {
    const voters = view.configuration.voters.filter(({ peer }) => peers.answers(peer));
    return [view, voters.length] as const;
  }));
  return views.toSorted((a, b) => answering.get(a)! - answering.get(b)! || a.group - b.group);
}
