/**
 * Who leads which group, also of groups that have no replica at this peer. What is known carries the term
 * in which it was so, and of two claims the one of the later term is believed. Where nothing is known,
 * peers that may hold a replica are asked, all at once: one that is paused holds up nobody.
 */
import type { Clock } from "../clock.ts";
import type { ErrorCode } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { GroupId } from "../storage/storage.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { Group } from "./group.ts";
import { NOTHING_CAME_OF_IT } from "./group_errors.ts";
import { LOCATE_METHOD } from "./leader_requests.ts";

/** So long those who were asked are waited for. Answers that come later are believed all the same. */
const SEARCH_MS = 300;
const ANSWER_MS = 2_000;
/** From the end of one search for a leader to the beginning of the next, at the least. */
const SEARCH_PAUSE_MS = 50;
/** Whoever waits for an answer of a leader elsewhere has it looked for anew, so often. */
const LOOK_AGAIN_MS = 1_000;

export interface LeaderDirectoryEdges {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly transport: Pick<Transport, "request" | "peers">;
  readonly deadlines: Deadlines;
  /** Who should hold replicas of the group. Others are asked where none of them knows a leader. */
  candidates(group: GroupId): readonly PeerId[];
  group(id: GroupId): Group | undefined;
  /** Another peer leads the group than was known. */
  found(group: GroupId, leader: PeerId): void;
}

/** That this peer led the group in that term. */
interface Leadership {
  readonly leader: PeerId;
  readonly term: number;
}

interface Search {
  readonly found: Promise<PeerId | null>;
  readonly finish: (leader: PeerId | null) => void;
}

/** How many wait for an answer, and when the leader is looked for next. */
interface Lookout {
  waiting: number;
  next: Deadline;
}

export class LeaderDirectory {
  readonly #edges: LeaderDirectoryEdges;
  readonly #learned = new Map<GroupId, Leadership>();
  readonly #searches = new Map<GroupId, Search>();
  readonly #searchedMs = new Map<GroupId, number>();
  readonly #lookouts = new Map<GroupId, Lookout>();
  #closed = false;

  constructor(edges: LeaderDirectoryEdges) {
    this.#edges = edges;
  }

  /** The leader as far as this peer knows: by its own replica, or by what others said. */
  leaderOf(group: GroupId): PeerId | null {
    return this.#known(group)?.leader ?? null;
  }

  #known(group: GroupId): Leadership | null {
    const learned = this.#learned.get(group) ?? null;
    const raft = this.#edges.group(group)?.raft;
    if (raft === undefined || (learned !== null && learned.term > raft.term)) return learned;
    const { leader, term } = raft;
    return leader === null && learned?.term === term ? learned : leadership(leader, term);
  }

  /** @returns the leader, looked for where it is not known; null where nobody named one in time */
  find(group: GroupId, timeoutMs: number): Promise<PeerId | null> {
    const known = this.leaderOf(group);
    if (known !== null) return Promise.resolve(known);
    return new Promise((resolve) => {
      const deadline = this.#edges.deadlines.arm(timeoutMs, () => resolve(null));
      this.#search(group).then((leader) => {
        this.#edges.deadlines.disarm(deadline);
        resolve(leader);
      });
    });
  }

  /**
   * A refusal may say who leads in the place of the peer that was asked.
   * @returns whether it names another one in a later term than was known: whoever follows these at once comes to an end
   */
  refused(group: GroupId, asked: PeerId, { code, details }: RequestError): boolean {
    if (!NOTHING_CAME_OF_IT.has(code as ErrorCode)) return false;
    const term = this.#known(group)?.term ?? 0;
    this.forget(group, asked);
    if (code !== "NOT_LEADER") return false;
    const claim = claimOf([details["leader"], details["term"]]);
    if (claim === null || claim.leader === asked) return false;
    return this.#learn(group, claim) && claim.term > term;
  }

  /** This peer did not answer as a leader does. */
  forget(group: GroupId, leader: PeerId): void {
    if (this.#learned.get(group)?.leader === leader) this.#learned.delete(group);
  }

  /** The replica of this group here has come to be, ended, or taken part in an election. */
  changed(group: GroupId): void {
    const leader = this.leaderOf(group);
    if (leader !== null) this.#searches.get(group)?.finish(leader);
  }

  /** @returns whether it is believed */
  #learn(group: GroupId, claim: Leadership): boolean {
    // Of its own leadership this peer need not be told.
    if (claim.leader === this.#edges.self) return false;
    const known = this.#known(group);
    const ownTerm = this.#edges.group(group)?.raft.term ?? 0;
    if (claim.term < ownTerm || (known !== null && claim.term <= known.term)) return false;
    this.#learned.set(group, claim);
    if (claim.leader !== known?.leader) this.#edges.found(group, claim.leader);
    return true;
  }

  // ---- looking for a leader

  /** Whoever wants to know meanwhile shares the answer. */
  #search(group: GroupId): Promise<PeerId | null> {
    const running = this.#searches.get(group);
    if (running !== undefined) return running.found;
    if (this.#closed || group >= LIMITS.groupsMax) return Promise.resolve(null);
    const { promise: found, resolve } = Promise.withResolvers<PeerId | null>();
    const finish = (leader: PeerId | null) => {
      if (this.#searches.get(group) !== search) return;
      this.#searches.delete(group);
      this.#searchedMs.set(group, this.#edges.clock.monotonicMs());
      resolve(leader);
    };
    const search = { found, finish };
    this.#searches.set(group, search);
    this.#begin(group, search);
    return found;
  }

  #begin(group: GroupId, search: Search): void {
    const { clock, deadlines } = this.#edges;
    const lastMs = this.#searchedMs.get(group) ?? -Infinity;
    const pauseMs = lastMs + SEARCH_PAUSE_MS - clock.monotonicMs();
    if (pauseMs <= 0) return this.#askAll(group, search);
    deadlines.arm(pauseMs, () => this.#askAll(group, search));
  }

  /** First those who should know; where they do not, everybody. */
  #askAll(group: GroupId, search: Search): void {
    const { self, transport } = this.#edges;
    const connected = transport.peers().map(({ id }) => id);
    const wanted = new Set(this.#edges.candidates(group));
    const likely = connected.filter((peer) => wanted.has(peer));
    const others = connected.filter((peer) => !wanted.has(peer) && peer !== self);
    this.#askThese(group, likely, search, () => {
      this.#askThese(group, others, search, () => search.finish(this.leaderOf(group)));
    });
  }

  /** @param failed called once, where none of them named a leader in time */
  #askThese(group: GroupId, peers: readonly PeerId[], search: Search, failed: () => void): void {
    const isOver = () => this.#searches.get(group) !== search;
    if (isOver()) return;
    let open = peers.length;
    let isWaiting = true;
    const fail = () => {
      if (!isWaiting || isOver()) return;
      isWaiting = false;
      failed();
    };
    if (open === 0) return fail();
    const deadline = this.#edges.deadlines.arm(SEARCH_MS, fail);
    for (const peer of peers) {
      this.#locate(group, peer).then((claim) => {
        if (claim !== null) this.#learn(group, claim);
        const leader = this.leaderOf(group);
        if (claim !== null && leader !== null && !isOver()) search.finish(leader);
        if (--open === 0) fail();
        if (open === 0 || isOver()) this.#edges.deadlines.disarm(deadline);
      });
    }
  }

  /** @returns what that peer's own replica knows; null where it knows no leader, or does not answer */
  async #locate(group: GroupId, peer: PeerId): Promise<Leadership | null> {
    try {
      const { transport } = this.#edges;
      return claimOf(await transport.request(peer, LOCATE_METHOD, [group], ANSWER_MS));
    } catch (error) {
      if (error instanceof RequestError) return null;
      throw error;
    }
  }

  // ---- waiting for a leader elsewhere

  /**
   * Somebody waits for an answer of the leader, elsewhere. Where no replica here would tell that another one
   * leads, it is looked for from time to time.
   * @returns to be called once nobody waits any more
   */
  awaiting(group: GroupId): () => void {
    if (this.#closed || this.#edges.group(group) !== undefined) return () => {};
    const lookout = this.#lookouts.get(group) ?? this.#lookOut(group);
    lookout.waiting++;
    return () => {
      if (--lookout.waiting > 0) return;
      this.#lookouts.delete(group);
      this.#edges.deadlines.disarm(lookout.next);
    };
  }

  #lookOut(group: GroupId): Lookout {
    const arm = () =>
      this.#edges.deadlines.arm(LOOK_AGAIN_MS, () => {
        if (this.#closed) return;
        this.#search(group);
        lookout.next = arm();
      });
    const lookout = { waiting: 0, next: arm() };
    this.#lookouts.set(group, lookout);
    return lookout;
  }

  /** The end: nobody is looked for any more. */
  close(): void {
    this.#closed = true;
    for (const { finish } of [...this.#searches.values()]) finish(null);
  }
}

function leadership(leader: PeerId | null, term: number): Leadership | null {
  return leader === null ? null : { leader, term };
}

/** @param value `[leader, term]`, as a peer says it; the leader is null where it knows none */
function claimOf(value: unknown): Leadership | null {
  if (!Array.isArray(value)) return null;
  const [leader, term] = value;
  const isClaim = typeof leader === "string" && Number.isSafeInteger(term) && term >= 0;
  return isClaim ? { leader, term } : null;
}
