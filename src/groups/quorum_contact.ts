/**
 * How long ago a leader knew that it leads: when that round of heartbeats began, its own term's, which was the last that
 * a quorum answered. Who answered had not voted for a successor yet, so each successor's election is later than that
 * moment; the lease of a cache's home rests on it. A group that sleeps is spoken for by the heartbeats between its
 * peers, and a sole voter answers its own, at any time.
 */
import type { Moment } from "../clock.ts";
import type { Configuration, PeerId } from "../raft/entry.ts";
import { agreedValue } from "../raft/quorum.ts";

/** That this peer led the group in that term, and when it last knew so. */
export interface QuorumHeard {
  readonly term: number;
  /** Null: no round of the term was answered yet. */
  readonly since: Moment | null;
}

interface Round {
  readonly round: number;
  readonly began: Moment;
}

/** Rounds under way of which the beginning is kept. Past it further ones count from when they are agreed with others. */
const ROUNDS_MAX = 64;

export class QuorumContact {
  #term = 0;
  #since: Moment | null = null;
  #rounds: Round[] = [];
  /** When that heartbeat was sent to a peer which was the last to be agreed with. */
  readonly #beats = new Map<PeerId, Moment>();

  /** The last term in which this replica led, as far as was said; null: none. */
  get heard(): QuorumHeard | null {
    return this.#term === 0 ? null : { term: this.#term, since: this.#since };
  }

  /** This replica leads in this term. Idempotent. */
  leads(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#since = null;
    this.#rounds = [];
    this.#beats.clear();
  }

  /** A round of heartbeats begins. @param began before the first of them was sent */
  began(round: number, began: Moment): void {
    if (this.#rounds.length < ROUNDS_MAX) this.#rounds.push({ round, began });
  }

  /** A quorum answered this round, and so all before it. */
  agreed(round: number): void {
    let done = 0;
    while (done < this.#rounds.length && this.#rounds[done]!.round <= round) done++;
    if (done === 0) return;
    this.#note(this.#rounds[done - 1]!.began);
    this.#rounds.splice(0, done);
  }

  /** This replica is the only voter, now. */
  alone(now: Moment): void {
    this.#note(now);
  }

  /**
   * While the group slept in this term, a voter's peer agreed with a heartbeat that spoke for it.
   * @param sent when that heartbeat was sent
   */
  beatAgreed(
    peer: PeerId,
    sent: Moment,
    { voters, votersOutgoing }: Configuration,
    self: PeerId,
  ): void {
    const before = this.#beats.get(peer);
    if (before !== undefined && before.monotonicMs >= sent.monotonicMs) return;
    this.#beats.set(peer, sent);
    const agreedMs = agreedValue(voters, votersOutgoing, ({ peer: voter }) => {
      return voter === self ? Infinity : this.#beats.get(voter)?.monotonicMs ?? -Infinity;
    });
    // The one that a quorum reached is one of those that were kept.
    for (const beat of this.#beats.values()) if (beat.monotonicMs === agreedMs) this.#note(beat);
  }

  #note(moment: Moment): void {
    const isLater = this.#since === null || moment.monotonicMs > this.#since.monotonicMs;
    if (isLater) this.#since = moment;
  }
}
