/**
 * This peer's lease in one partition: the newest term that it has heard of, its session with that term's home, and the
 * lease with the home before, under which lines live until the new home has taken them over. Pure: moments are handed
 * in. Reading whether a grant may be used costs two comparisons, because that is asked on every hit.
 *
 * While this peer is the home itself its lines lie under the home lease, and rest while that is out; once it is the
 * home no longer, what is left of the home lease is what they live by.
 */
import { assert } from "../assert.ts";
import type { PeerId } from "../raft/entry.ts";
import type { LeaseTimes, Moment } from "./lease_times.ts";
import type { Grant } from "./version.ts";

/** The home of a partition at this peer. */
export interface OwnHome {
  readonly term: number;
  /** When the last heartbeat round began that a quorum answered in the term; null: none yet. */
  readonly leasedFrom: Moment | null;
}

/** It lasts while neither clock has come to its end. */
interface End {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const OVER: End = { monotonicMs: -Infinity, wallMs: -Infinity };

/** What a peer may not use any more: every line, or those that a home before the present one granted. */
export type Lapse = "all" | "inherited";

/** An inventory that was sent and is not answered. */
interface Report {
  readonly serial: number;
  readonly sent: Moment;
}

export class PeerLease {
  readonly #times: LeaseTimes;
  readonly #own: () => OwnHome | null;
  #term = 0;
  #home: PeerId | null = null;
  #session: number | null = null;
  /** What is not newer than this cannot speak of the session. */
  #sessionSerial = 0;
  #isRebuilt = false;
  #end = OVER;
  #former: End | null = null;
  #report: Report | null = null;

  /** @param own the home of this partition at this peer, as it now is */
  constructor(times: LeaseTimes, own: () => OwnHome | null) {
    this.#times = times;
    this.#own = own;
  }

  /** The newest that was heard of; 0: none. */
  get term(): number {
    return this.#term;
  }

  /** Who is the home in that term; null while nobody said so. */
  get home(): PeerId | null {
    return this.#home;
  }

  /** Null: there is no lease with the home of this term. */
  get session(): number | null {
    return this.#session;
  }

  /** The inventory that is not answered. */
  get report(): Report | null {
    return this.#report;
  }

  /** Whether there is a lease, or it is asked for. */
  get hasBegun(): boolean {
    return this.#session !== null || this.#report !== null;
  }

  /** Whether lines may be asked for. */
  get mayAsk(): boolean {
    return this.#session !== null && this.#report === null;
  }

  /** Whether what was granted thus may be used at this moment. */
  covers({ term }: Grant, monotonicMs: number, wallMs: number): boolean {
    if (term === this.#term) return this.#isLive(monotonicMs, wallMs);
    return this.#isFormerLive(monotonicMs, wallMs) ||
      (this.#isRebuilt && this.#isLive(monotonicMs, wallMs));
  }

  #isLive(monotonicMs: number, wallMs: number): boolean {
    if (lasts(this.#end, monotonicMs, wallMs)) return true;
    const own = this.#ownHome();
    if (own === null) return false;
    this.#end = endOf(own.leasedFrom, this.#times.homeMs);
    return lasts(this.#end, monotonicMs, wallMs);
  }

  #isFormerLive(monotonicMs: number, wallMs: number): boolean {
    return this.#former !== null && lasts(this.#former, monotonicMs, wallMs);
  }

  /** Null unless this peer is the home of the term, and has a session with itself. */
  #ownHome(): OwnHome | null {
    const own = this.#session === null ? null : this.#own();
    return own?.term === this.#term ? own : null;
  }

  /**
   * A home of a newer term was heard of.
   * @returns whether lines under a grant may be used on, by the lease that is now the former one; the others lapse
   */
  learn(term: number, home: PeerId | null, now: Moment): (grant: Grant) => boolean {
    assert(term > this.#term, `term ${term} is news after ${this.#term}`);
    const { monotonicMs, wallMs } = now;
    const isLive = this.#session !== null && this.#isLive(monotonicMs, wallMs);
    const [before, isRebuilt] = [this.#term, this.#isRebuilt];
    if (isLive) this.#former = this.#end;
    else if (!this.#isFormerLive(monotonicMs, wallMs)) this.#former = null;
    const hasFormer = this.#former !== null;
    this.#term = term;
    this.#home = home;
    this.#session = null;
    this.#isRebuilt = false;
    this.#end = OVER;
    this.#report = null;
    if (!isLive) return () => hasFormer;
    return (grant) => grant.term === before || isRebuilt;
  }

  /** This peer speaks as the home of the term. */
  heard(home: PeerId): void {
    this.#home = home;
  }

  /** This peer does not answer as the home does. */
  forget(): void {
    this.#home = null;
  }

  reported(serial: number, sent: Moment): void {
    this.#report = { serial, sent };
  }

  /** The report was answered. @returns false where that is not the one that is waited for */
  leased(serial: number, session: number, isRebuilt: boolean): boolean {
    const report = this.#report;
    if (report === null || report.serial !== serial) return false;
    this.#session = session;
    this.#sessionSerial = serial;
    this.#isRebuilt = isRebuilt;
    this.#report = null;
    const own = this.#ownHome();
    this.#end = own === null
      ? endOf(report.sent, this.#times.peerMs)
      : endOf(own.leasedFrom, this.#times.homeMs);
    return true;
  }

  /**
   * The session goes on.
   * @param sent when what is answered was sent
   * @returns whether the home knows its lines since, and this peer has to report again
   */
  renewed(session: number, isRebuilt: boolean, sent: Moment): boolean {
    if (session !== this.#session) return false;
    if (this.#ownHome() === null) {
      const end = endOf(sent, this.#times.peerMs);
      if (end.monotonicMs > this.#end.monotonicMs) this.#end = end;
    }
    return isRebuilt && !this.#isRebuilt && this.#report === null;
  }

  /** Whether an answer to what was sent then, which knows of no session, means the present one. */
  isNews(serial: number): boolean {
    return this.#session === null ? this.#report === null : serial > this.#sessionSerial;
  }

  /** The home says that there is no such lease: what was used under it lapses. */
  end(): void {
    this.#session = null;
    this.#report = null;
    this.#former = null;
    this.#end = OVER;
  }

  /** Looks at the clocks. @returns what may not be used any more; null: nothing has ended */
  ended({ monotonicMs, wallMs }: Moment): Lapse | null {
    const isOver = this.#session !== null && this.#ownHome() === null &&
      !this.#isLive(monotonicMs, wallMs);
    if (isOver) {
      this.end();
      return "all";
    }
    if (this.#former === null || this.#isFormerLive(monotonicMs, wallMs)) return null;
    this.#former = null;
    return this.#session === null ? "all" : "inherited";
  }
}

function endOf(since: Moment | null, lastsMs: number): End {
  if (since === null) return OVER;
  return { monotonicMs: since.monotonicMs + lastsMs, wallMs: since.wallMs + lastsMs };
}

function lasts(end: End, monotonicMs: number, wallMs: number): boolean {
  return monotonicMs < end.monotonicMs && wallMs < end.wallMs;
}
