/**
 * Who has a lease with one home: takes inventories and renewals, and ends what must be over. Leases are given only
 * while the home lease lasts. Whoever is new is entered into the replicated set before, and nothing is granted before
 * all holders of older terms have reported, or none of their leases can last (`home_term.ts`).
 */
import type { Entry, EntryEffect, EntryEvent } from "./directory_entry.ts";
import { HomeHolders } from "./home_holders.ts";
import { HomeLeases } from "./home_leases.ts";
import type { HomeLetters } from "./home_letters.ts";
import type { HomeProposals } from "./home_proposals.ts";
import {
  beginTerm,
  type HomeTerm,
  isLeased,
  leaseEnded,
  mintGrant,
  olderHomesOver,
  olderLeasesOver,
  peerReported,
} from "./home_term.ts";
import type { LeaseTimes, Moment } from "./lease_times.ts";
import type { CacheMachine } from "./machine.ts";
import type { LeasedMessage, RenewMessage, ReportMessage } from "./messages.ts";
import type { Grant } from "./version.ts";

/** A peer that leaves a recall unanswered for so many of its leases is renewed no longer. */
const UNANSWERED_LEASES = 2;

export interface HomeSessionsEdges {
  readonly self: string;
  readonly partition: number;
  readonly term: number;
  readonly times: LeaseTimes;
  readonly machine: CacheMachine;
  readonly letters: HomeLetters;
  readonly proposals: HomeProposals;
  readonly directory: {
    step(
      key: string,
      event: EntryEvent,
      take?: (key: string, effect: EntryEffect) => void,
    ): void;
    entry(key: string): Entry | undefined;
    rebuilt(): void;
    resume(): void;
    ended(peer: string): void;
    remind(peer: string): void;
    awaitedSinceMs(peer: string): number | null;
  };
  effect(key: string, effect: EntryEffect): void;
  now(): Moment;
  /** Group time. */
  timeMs(): number;
  /** Whether the home lease lasts. */
  mayGrant(): boolean;
  /** The lease of this peer is over. */
  ended(peer: string): void;
  /** Runs what was waited for. */
  together(work: () => void): void;
}

export class HomeSessions {
  readonly #edges: HomeSessionsEdges;
  readonly #electedMs: number;
  readonly #leases: HomeLeases;
  readonly #holders: HomeHolders;
  #home: HomeTerm;
  #ended = false;

  /** @param electedMs monotonic time, not before the election of this term */
  constructor(edges: HomeSessionsEdges, electedMs: number) {
    const { term, machine, proposals, times, self } = edges;
    this.#edges = edges;
    this.#electedMs = electedMs;
    this.#leases = new HomeLeases(times, self);
    this.#holders = new HomeHolders(machine, term, proposals);
    this.#home = beginTerm(term, [...machine.leaseHolders]);
  }

  get isRebuilt(): boolean {
    return this.#home.isRebuilt;
  }

  get isAlone(): boolean {
    return this.#home.isAlone;
  }

  /** Whether there is nothing to look for as time passes. */
  get isQuiet(): boolean {
    return this.#home.isRebuilt && this.#leases.count === 0 && this.#isComplete;
  }

  /** Whether everybody in the replicated set has a lease. */
  get #isComplete(): boolean {
    return this.#edges.machine.leaseHolders.size <= this.#home.sessions.length;
  }

  isLeased(peer: string, session: number, grant: Grant | null): boolean {
    return isLeased(this.#home, peer, session, grant);
  }

  mint(): Grant {
    const { home, grant } = mintGrant(this.#home);
    this.#home = home;
    return grant;
  }

  /** Lease holders that have not reported are told that there is a new home. */
  announce(): void {
    for (const peer of this.#home.missing) this.#answer(peer, 0, 0, false);
  }

  // ---- inventories

  report(peer: string, message: ReportMessage): void {
    const { term } = this.#edges;
    if (message.term > term) return;
    if (message.term < term) return this.#notLeased(peer, message.serial);
    if (this.#holders.has(peer)) return this.#lease(peer, message);
    this.#holders.enter(peer, () => {
      if (!this.#ended) this.#edges.together(() => this.#lease(peer, message));
    });
  }

  #lease(peer: string, { serial, lines }: ReportMessage): void {
    const { partition, term, letters, directory } = this.#edges;
    if (!this.#edges.mayGrant() || !this.#holders.has(peer)) return;
    const outcomes: LeasedMessage["outcomes"][number][] = [];
    for (const { key, line } of lines) {
      directory.step(key, { kind: "reported", peer, line }, (_key, effect) => {
        const { kind } = effect;
        if (kind === "confirm") {
          outcomes.push({ kind: "confirmed", ...letters.at(key), ...named(effect) });
        } else if (kind === "refuse") {
          outcomes.push({ kind: "refused", ...letters.at(key), ...named(effect) });
        } else this.#edges.effect(key, effect);
      });
    }
    const wasRebuilt = this.#home.isRebuilt;
    const { home, session } = peerReported(this.#home, peer);
    this.#home = home;
    this.#leases.answered(peer, this.#edges.now());
    const { isRebuilt } = home;
    const timeMs = this.#edges.timeMs();
    const leased = { partition, term, serial, session, isRebuilt, timeMs, outcomes };
    // Before what the rebuilding causes.
    letters.send(peer, { kind: "leased", ...leased });
    if (isRebuilt && !wasRebuilt) directory.rebuilt();
  }

  // ---- renewals

  /** One of the leases that a peer wants to be renewed. */
  renew(peer: string, serial: number, lease: RenewMessage["leases"][number]): void {
    const { term, directory } = this.#edges;
    if (lease.term > term) return;
    const isKnown = lease.term === term && this.isLeased(peer, lease.session, null);
    if (!isKnown) return this.#notLeased(peer, serial);
    if (!this.#edges.mayGrant() || !this.#answers(peer)) return;
    this.#leases.answered(peer, this.#edges.now());
    this.#answer(peer, serial, lease.session, true);
    directory.remind(peer);
  }

  /** Whether the peer answers its recalls. */
  #answers(peer: string): boolean {
    const sinceMs = this.#edges.directory.awaitedSinceMs(peer);
    const patienceMs = UNANSWERED_LEASES * this.#edges.times.peerMs;
    return sinceMs === null || this.#edges.now().monotonicMs - sinceMs < patienceMs;
  }

  /** Only a home that may give leases says that there is none. */
  #notLeased(peer: string, serial: number): void {
    if (this.#edges.mayGrant()) this.#answer(peer, serial, 0, false);
  }

  #answer(peer: string, serial: number, session: number, leased: boolean): void {
    const { isRebuilt } = this.#home;
    const timeMs = this.#edges.timeMs();
    this.#edges.letters.renewed(peer, { serial, session, isLeased: leased, isRebuilt, timeMs });
  }

  // ---- time

  /** Ends what must be over by now. */
  look(): void {
    const now = this.#edges.now();
    for (const peer of this.#leases.takeOver(now)) {
      this.#home = leaseEnded(this.#home, peer);
      this.#edges.directory.ended(peer);
      this.#edges.ended(peer);
    }
    const { olderHomesOverMs, olderLeasesOverMs } = this.#edges.times;
    const sinceMs = now.monotonicMs - this.#electedMs;
    if (!this.#home.isAlone && sinceMs >= olderHomesOverMs) {
      this.#home = olderHomesOver(this.#home);
      this.#edges.directory.resume();
    }
    if (!this.#home.isRebuilt && sinceMs >= olderLeasesOverMs) {
      this.#home = olderLeasesOver(this.#home);
      this.#edges.directory.rebuilt();
    }
  }

  /** What need not be looked for at every message. */
  tidy(): void {
    if (!this.#home.isRebuilt) return this.announce();
    const { machine } = this.#edges;
    const gone = this.#leases.gone(machine.leaseHolders, this.#edges.now());
    if (gone.length > 0) this.#holders.leave(gone, () => this.#leases.left(gone));
  }

  /** How long until something is over; null: nothing will be. */
  nextMs(): number | null {
    const now = this.#edges.now();
    const { olderHomesOverMs, olderLeasesOverMs } = this.#edges.times;
    const { isAlone, isRebuilt } = this.#home;
    const sinceMs = now.monotonicMs - this.#electedMs;
    const spans = [this.#leases.nextMs(now)];
    if (!isAlone) spans.push(olderHomesOverMs - sinceMs);
    if (!isRebuilt) spans.push(olderLeasesOverMs - sinceMs);
    const due = spans.filter((span) => span !== null);
    return due.length === 0 ? null : Math.max(0, Math.min(...due));
  }

  end(): void {
    this.#ended = true;
  }
}

function named<V>({ grant, version }: { readonly grant: Grant; readonly version: V }) {
  return { grant, version };
}
