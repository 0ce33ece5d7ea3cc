/**
 * How long, and how often, a caller tries to reach a group's leader: until its own deadline, or until there
 * has been no leader for so long that it is told so. Between two attempts it backs off, or is woken by a
 * change of leader.
 */
import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { GroupId } from "../storage/storage.ts";
import type { LeaderWatch } from "./leader_watch.ts";

const BACK_OFF_MIN_MS = 10;
const BACK_OFF_MAX_MS = 250;

export interface AttemptsEdges {
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: LeaderWatch;
  /** Longest wait for a leader before a caller is told that there is none. */
  readonly leaderWaitMs: number;
}

export class Attempts {
  readonly #edges: AttemptsEdges;
  readonly #group: GroupId;
  readonly #endsMs: number;
  #count = 0;
  #leaderlessSinceMs: number | null = null;

  /** @param timeoutMs the caller's deadline, as a span from now */
  constructor(edges: AttemptsEdges, group: GroupId, timeoutMs: number) {
    this.#edges = edges;
    this.#group = group;
    this.#endsMs = edges.clock.monotonicMs() + timeoutMs;
  }

  /** Until the caller's deadline. */
  get leftMs(): number {
    return Math.max(0, this.#endsMs - this.#edges.clock.monotonicMs());
  }

  /**
   * Waits for the next attempt.
   * @param noLeader whether the last one met no leader
   * @returns false when the time is over
   */
  async again(noLeader: boolean): Promise<boolean> {
    const { clock, random, watch, leaderWaitMs } = this.#edges;
    const nowMs = clock.monotonicMs();
    this.#leaderlessSinceMs = noLeader ? this.#leaderlessSinceMs ?? nowMs : null;
    const leaderWaitEndsMs = (this.#leaderlessSinceMs ?? nowMs) + leaderWaitMs;
    const giveUpMs = Math.min(this.#endsMs, leaderWaitEndsMs);
    if (nowMs >= giveUpMs) return false;
    const backOffMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** Math.min(this.#count++, 6));
    const jitterMs = backOffMs * (0.5 + random.fraction() / 2);
    await watch.wait(this.#group, Math.min(jitterMs, giveUpMs - nowMs));
    // What is sent at the very end may be heard, and nobody would know.
    return this.leftMs > 0;
  }
}
