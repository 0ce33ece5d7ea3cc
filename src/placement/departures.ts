/**
 * Members whose removal is being looked into, or was found to cost no partition. Until such a member is gone, or
 * stays after all, no partition is changed that has to do with it, and no other member may go that could not be
 * missed as well: what was found would not hold any more.
 */
import type { Configuration, PeerId } from "../raft/entry.ts";
import type { Picture } from "./picture.ts";
import type { Step } from "./schedule.ts";

/** A removal that was allowed is made within this, or never. */
const REMOVAL_MS = 10_000;

export class Departures {
  readonly #untilMs = new Map<PeerId, number>();
  readonly #allowed = new Set<PeerId>();

  begin(peer: PeerId, nowMs: number): void {
    this.#untilMs.set(peer, nowMs + REMOVAL_MS);
  }

  /** It may be gone at any moment from now on. */
  allow(peer: PeerId): void {
    this.#allowed.add(peer);
  }

  /** It was not allowed to go. */
  stays(peer: PeerId): void {
    this.#untilMs.delete(peer);
    this.#allowed.delete(peer);
  }

  /** Whether it was allowed to go, and may still do so. */
  mayGo(peer: PeerId, nowMs: number): boolean {
    return this.#allowed.has(peer) && nowMs < (this.#untilMs.get(peer) ?? 0);
  }

  /** Whether a change has to wait. */
  hold(step: Step, nowMs: number, isMember: (peer: PeerId) => boolean): boolean {
    for (const [peer, untilMs] of this.#untilMs) {
      if (nowMs >= untilMs || !isMember(peer)) this.stays(peer);
      else if (concerns(step, peer)) return true;
    }
    return false;
  }

  clear(): void {
    this.#untilMs.clear();
    this.#allowed.clear();
  }
}

/**
 * Whether the picture may already be old where this peer is concerned.
 * @param underWay changes whose outcome is awaited
 */
export function isInMotion(
  peer: PeerId,
  { deviating }: Pick<Picture, "deviating">,
  underWay: Iterable<Step>,
): boolean {
  const isJoint = ({ votersOutgoing }: Configuration) => votersOutgoing.length > 0;
  return [...underWay].some((step) => concerns(step, peer)) ||
    deviating.some(({ configuration }) => isJoint(configuration) && has(configuration, peer));
}

function concerns({ view, action }: Step, peer: PeerId): boolean {
  return has(view.configuration, peer) || ("to" in action && action.to === peer);
}

function has({ voters, votersOutgoing, learners }: Configuration, peer: PeerId): boolean {
  return [...voters, ...votersOutgoing, ...learners].some((replica) => replica.peer === peer);
}
