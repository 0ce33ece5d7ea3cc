/**
 * The leader's view of its group: the progress of every replica, itself included, arranged by the sets
 * of the configuration, and the questions that need a majority. Those that a configuration removed stay
 * until they were told so, but count for nothing.
 */
import { assert } from "../assert.ts";
import { isSameReplica } from "./configuration.ts";
import type { Configuration, PeerId, Replica } from "./entry.ts";
import { Inflights } from "./inflights.ts";
import { Progress } from "./progress.ts";
import { agreedValue, voteOutcome } from "./quorum.ts";
import type { FollowerStatus, RaftOptions } from "./ready.ts";

const matchOf = (progress: Progress) => progress.matchIndex;
const roundOf = (progress: Progress) => progress.roundEchoed;

export class Tracker {
  /** The leader's own copy. Its match is what is durable here. */
  readonly self: Progress;

  readonly #options: RaftOptions;
  readonly #byPeer = new Map<PeerId, Progress>();
  #voters: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  #followers: readonly Progress[] = [];

  /** @param lastIndex the log's end @param tick now */
  constructor(options: RaftOptions, configuration: Configuration, lastIndex: number, tick: number) {
    this.#options = options;
    this.self = this.#create(options.self, lastIndex, tick);
    this.configure(configuration, lastIndex, tick);
  }

  /** Everyone to send to: all but the leader, those included that were just removed. */
  get followers(): readonly Progress[] {
    return this.#followers;
  }

  /** The progress of exactly this replica; a former self of its peer has none. */
  find(replica: Replica): Progress | null {
    const progress = this.#byPeer.get(replica.peer);
    return progress !== undefined && isSameReplica(progress.replica, replica) ? progress : null;
  }

  /** The follower that takes part for this peer, if one does. */
  findPeer(peer: PeerId): Progress | null {
    const progress = this.#byPeer.get(peer);
    return progress === undefined || progress.removedIndex !== null ? null : progress;
  }

  /** Takes a configuration that is in force from now on. */
  configure(configuration: Configuration, lastIndex: number, tick: number): void {
    const former = new Map(this.#byPeer);
    this.#byPeer.clear();
    const place = (replica: Replica): Progress => {
      const present = this.#byPeer.get(replica.peer) ?? former.get(replica.peer);
      const progress = isSameReplica(replica, this.self.replica)
        ? this.self
        : present !== undefined && isSameReplica(present.replica, replica)
        ? present
        : this.#create(replica, lastIndex, tick);
      this.#byPeer.set(replica.peer, progress);
      return progress;
    };
    this.#voters = configuration.voters.map(place);
    this.#outgoing = configuration.votersOutgoing.map(place);
    configuration.learners.forEach(place);
    for (const [peer, progress] of former) {
      const isKept = this.#byPeer.has(peer) || progress === this.self;
      if (isKept || progress.removedIndex !== null) continue;
      progress.removedIndex = configuration.index;
      progress.activeTick = tick;
      this.#byPeer.set(peer, progress);
    }
    this.#listFollowers();
  }

  /** Stops sending to a removed replica. */
  forget(progress: Progress): void {
    assert(progress.removedIndex !== null, `${progress.replica.peer} takes part`);
    this.#byPeer.delete(progress.replica.peer);
    this.#listFollowers();
  }

  /** The last entry that is durable on a majority (of each set). */
  agreedIndex(): number {
    return agreedValue(this.#voters, this.#outgoing, matchOf);
  }

  /** The newest heartbeat round that a majority (of each set) echoed. */
  agreedRound(): number {
    return agreedValue(this.#voters, this.#outgoing, roundOf);
  }

  isActive(progress: Progress, tick: number): boolean {
    return progress === this.self || tick - progress.activeTick < this.#options.electionTicksMax;
  }

  /** Whether a majority (of each set) was heard within the maximum election timeout. */
  hasActiveQuorum(tick: number): boolean {
    const outcome = voteOutcome(
      this.#voters,
      this.#outgoing,
      (progress) => this.isActive(progress, tick),
    );
    return outcome === "won";
  }

  /** Whether the leader alone is the majority. */
  get isSole(): boolean {
    return this.#outgoing.length === 0 && this.#voters.length === 1 &&
      this.#voters[0] === this.self;
  }

  isIncomingVoter(progress: Progress): boolean {
    return this.#voters.includes(progress);
  }

  /** The voter, not the leader, whose log matches the farthest; null where there is none. */
  nextLeader(): Progress | null {
    let best: Progress | null = null;
    for (const voter of this.#voters) {
      if (voter !== this.self && voter.matchIndex > (best?.matchIndex ?? 0)) best = voter;
    }
    return best;
  }

  status(tick: number): readonly FollowerStatus[] {
    return this.#followers.filter(({ removedIndex }) => removedIndex === null).map((progress) => ({
      replica: progress.replica,
      state: progress.state,
      matchIndex: progress.matchIndex,
      nextIndex: progress.nextIndex,
      recentlyActive: this.isActive(progress, tick),
    }));
  }

  /** @param lastIndex the log's end */
  checkInvariants(lastIndex: number): void {
    for (const progress of this.#followers) progress.checkInvariants(lastIndex);
    for (const progress of [...this.#voters, ...this.#outgoing]) {
      assert(progress.removedIndex === null, `${progress.replica.peer} votes and is removed`);
      assert(this.#byPeer.get(progress.replica.peer) === progress, "a voter is not tracked");
    }
  }

  #create(replica: Replica, lastIndex: number, tick: number): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.#options;
    const inflights = new Inflights(inflightMessagesMax, inflightBytesMax);
    return new Progress(replica, lastIndex + 1, tick, inflights);
  }

  #listFollowers(): void {
    this.#followers = [...this.#byPeer.values()].filter((progress) => progress !== this.self);
  }
}
