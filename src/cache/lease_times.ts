/**
 * When leases end. Pure: moments are handed in. One's own lease ends by the larger of what the monotonic and the wall
 * clock say (the monotonic one stops while a machine sleeps); another's by the monotonic clock alone, and a tenth
 * later, which is more than clocks may drift apart (5 %). All spans are parts of ET, the minimum election timeout.
 *
 * What `tests/cache/model_world.ts` takes for given, follows: whoever takes another's lease for ended, is right.
 */
import type { Moment } from "../clock.ts";

export type { Moment };

export interface LeaseTimes {
  /** A home grants lines and leases for so long from the start of a heartbeat round that a quorum answered. */
  readonly homeMs: number;
  /** A peer uses its lines for so long from sending what was answered with a lease. */
  readonly peerMs: number;
  /** A home takes a peer's lease for ended so long after answering. */
  readonly peerOverMs: number;
  /** After its election no older home can grant any more. */
  readonly olderHomesOverMs: number;
  /** After its election no lease with an older home lasts any more. */
  readonly olderLeasesOverMs: number;
  /** How often a peer renews. */
  readonly renewMs: number;
}

const HOME_PART = 0.8;
const OTHERS_CLOCK = 1.1;
const RENEWALS = 4;

/** @param electionTimeoutMs the minimum one, alike on every peer */
export function leaseTimes(electionTimeoutMs: number): LeaseTimes {
  const peerOverMs = electionTimeoutMs * OTHERS_CLOCK;
  return {
    homeMs: electionTimeoutMs * HOME_PART,
    peerMs: electionTimeoutMs,
    peerOverMs,
    olderHomesOverMs: electionTimeoutMs * HOME_PART * OTHERS_CLOCK,
    olderLeasesOverMs: electionTimeoutMs + peerOverMs,
    renewMs: electionTimeoutMs / RENEWALS,
  };
}

/** How long ago something of one's own was, by the clock that went further. */
export function elapsedMs(since: Moment, now: Moment): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}

/** Whether one's own lease lasts. */
export function isOwnLive(since: Moment | null, lastsMs: number, now: Moment): boolean {
  return since !== null && elapsedMs(since, now) < lastsMs;
}

/** Whether another's lease, which this peer answered, must be over. */
export function isOtherOver(answeredMonotonicMs: number, now: Moment, times: LeaseTimes): boolean {
  return now.monotonicMs - answeredMonotonicMs >= times.peerOverMs;
}
