/**
 * One heartbeat between two peers in place of one for each sleeping group. It carries the sender's boot
 * id and a digest of the (group, term) pairs that it leads towards the receiver and that sleep. The
 * receiver's own next heartbeat brings back whether it sees the same: the echo. Only an agreeing echo
 * keeps a sleeping leader, and only an agreeing heartbeat a sleeping follower; on a mismatch the lists are
 * exchanged, and whatever differs is woken, so that Raft's own heartbeats settle it. Of many groups some fall
 * asleep or wake all the time: an echo speaks for those that slept when its heartbeat was sent, and still do.
 */
import type { Moment } from "../clock.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Group } from "./group.ts";

export const HEARTBEAT_TOPICS = {
  /** `[bootId, digest, echo, serial]`; an echo is null or `[bootId, digest, agrees, serial]` of the beat it answers. */
  beat: "beat",
  list: "beat.list",
  differ: "beat.differ",
} as const;

export interface PeerHeartbeatEdges {
  readonly self: PeerId;
  readonly bootId: string;
  nowMs(): number;
  now(): Moment;
  groups(): Iterable<Group>;
  group(id: number): Group | undefined;
  send(to: PeerId, topic: string, body: unknown): void;
  /** Ends a group's sleep. `elapsedMs`: since its leader was last heard. */
  wake(group: Group, elapsedMs: number): void;
}

/** Heartbeats to one peer that may yet be echoed, while what sleeps changes with each. */
const BEATS_MAX = 4;
/** Heartbeats of which it is known when they were sent. */
const SENT_MAX = 64;

/** What a heartbeat said. */
interface Beat {
  readonly digest: number;
  readonly led: readonly GroupTerm[];
}

/** What is known of one other peer. */
interface Neighbour {
  /** When a heartbeat of it last agreed with what sleeps here, or it was first met. */
  heardMs: number;
  /** When its echo last agreed with what sleeps under this peer's leadership. */
  echoedMs: number;
  /** What the next heartbeat to it brings back of its last one. */
  echoDue: readonly [bootId: string, digest: number, agrees: boolean, serial: unknown] | null;
  /** The last ones to it, the newest first; equal ones behind each other are one. */
  beats: readonly Beat[];
}

export class PeerHeartbeats {
  readonly #edges: PeerHeartbeatEdges;
  readonly #neighbours = new Map<PeerId, Neighbour>();
  /** By serial: when the last rounds of heartbeats were sent, all at once. */
  readonly #sent = new Map<number, Moment>();
  #serial = 0;
  /** Within this time of the last agreement a sleeping group is left asleep. */
  readonly #patienceMs: number;

  /** @param electionTimeoutMinMs the minimum election timeout */
  constructor(electionTimeoutMinMs: number, edges: PeerHeartbeatEdges) {
    this.#patienceMs = electionTimeoutMinMs;
    this.#edges = edges;
  }

  /**
   * A peer that is met for the first time has its time to agree. It stays known when it is gone, and
   * coming back is no agreement: groups that sleep on its word must notice.
   */
  connected(peer: PeerId): void {
    const nowMs = this.#edges.nowMs();
    const known = this.#neighbours.get(peer);
    // What it said before the connection broke is not echoed behind the break: it is old by now.
    if (known !== undefined) return void (known.echoDue = null);
    this.#neighbours.set(peer, { heardMs: nowMs, echoedMs: nowMs, echoDue: null, beats: [] });
  }

  /** Sends one heartbeat to each of these peers, and wakes what can no longer rest on theirs. */
  beat(peers: Iterable<PeerId>): void {
    this.#sent.set(++this.#serial, this.#edges.now());
    this.#sent.delete(this.#serial - SENT_MAX);
    for (const peer of peers) {
      const neighbour = this.#neighbour(peer);
      const led = this.#ledTowards(peer);
      const beat = { digest: digest(led), led };
      const body = [this.#edges.bootId, beat.digest, neighbour.echoDue, this.#serial];
      neighbour.echoDue = null;
      if (beat.digest !== neighbour.beats[0]?.digest) {
        neighbour.beats = [beat, ...neighbour.beats].slice(0, BEATS_MAX);
      }
      this.#edges.send(peer, HEARTBEAT_TOPICS.beat, body);
    }
    this.#wakeDeserted();
  }

  /** @returns false where the body does not have the topic's form */
  receive(from: PeerId, topic: string, body: unknown): boolean {
    if (!Array.isArray(body)) return false;
    switch (topic) {
      case HEARTBEAT_TOPICS.beat:
        return this.#onBeat(from, body);
      case HEARTBEAT_TOPICS.list:
        return this.#onList(from, body);
      case HEARTBEAT_TOPICS.differ:
        return this.#onDiffer(from, body);
      default:
        return false;
    }
  }

  /** How long ago a sleeping follower's leader was last known to lead, in milliseconds. */
  elapsedMs(leader: PeerId | null): number {
    const neighbour = leader === null ? undefined : this.#neighbours.get(leader);
    return neighbour === undefined ? this.#patienceMs : this.#edges.nowMs() - neighbour.heardMs;
  }

  #onBeat(from: PeerId, [bootId, theirDigest, echo, serial]: readonly unknown[]): boolean {
    if (typeof bootId !== "string" || typeof theirDigest !== "number") return false;
    const neighbour = this.#neighbour(from);
    const agrees = digest(this.#followedFrom(from)) === theirDigest;
    if (agrees) neighbour.heardMs = this.#edges.nowMs();
    neighbour.echoDue = [bootId, theirDigest, agrees, serial];
    return echo === null || (Array.isArray(echo) && this.#onEcho(from, echo));
  }

  #onEcho(from: PeerId, [bootId, echoed, agrees, serial]: readonly unknown[]): boolean {
    if (typeof echoed !== "number" || typeof agrees !== "boolean") return false;
    if (bootId !== this.#edges.bootId) return true; // an echo to this peer's former run
    if (!agrees) {
      this.#edges.send(from, HEARTBEAT_TOPICS.list, this.#ledTowards(from).flat());
      return true;
    }
    const beat = this.#neighbour(from).beats.find(({ digest }) => digest === echoed);
    // A former version names no serial, and what was sent long ago is not known.
    const sent = typeof serial === "number" ? this.#sent.get(serial) : undefined;
    if (beat !== undefined) this.#agreed(from, beat.led, sent ?? null);
    return true;
  }

  #agreed(from: PeerId, led: readonly GroupTerm[], sent: Moment | null): void {
    this.#neighbour(from).echoedMs = this.#edges.nowMs();
    for (const [id, term] of led) {
      const group = this.#edges.group(id);
      if (group === undefined || !group.leads || !group.raft.asleep) continue;
      // Round 0: it counts for check-quorum; reads wake the group and rest on rounds of its own.
      if (group.raft.term !== term) continue;
      group.raft.followerAlive(from, 0);
      if (sent === null) continue;
      group.contact.leads(term);
      group.contact.beatAgreed(from, sent, group.raft.configuration, this.#edges.self);
    }
  }

  /** What the sender leads and believes asleep here: wakes what differs on either side. */
  #onList(from: PeerId, body: readonly unknown[]): boolean {
    const theirs = new Map<number, number>();
    for (let place = 0; place + 1 < body.length; place += 2) {
      const [id, term] = [body[place], body[place + 1]];
      if (typeof id !== "number" || typeof term !== "number") return false;
      theirs.set(id, term);
    }
    for (const [id, term] of this.#followedFrom(from)) {
      if (theirs.get(id) === term) theirs.delete(id);
      else this.#wake(id, this.elapsedMs(from));
    }
    if (theirs.size > 0) {
      this.#edges.send(from, HEARTBEAT_TOPICS.differ, [...theirs.keys()]);
    }
    return true;
  }

  #onDiffer(from: PeerId, body: readonly unknown[]): boolean {
    const led = new Set(this.#ledTowards(from).map(([id]) => id));
    for (const id of body) if (typeof id === "number" && led.has(id)) this.#wake(id, 0);
    return true;
  }

  #wake(id: number, elapsedMs: number): void {
    const group = this.#edges.group(id);
    if (group !== undefined) this.#edges.wake(group, elapsedMs);
  }

  #neighbour(peer: PeerId): Neighbour {
    const known = this.#neighbours.get(peer);
    if (known !== undefined) return known;
    const fresh = { heardMs: -Infinity, echoedMs: -Infinity, echoDue: null, beats: [] };
    this.#neighbours.set(peer, fresh);
    return fresh;
  }

  /** Wakes what sleeps on the word of a peer that has not agreed for too long. */
  #wakeDeserted(): void {
    const nowMs = this.#edges.nowMs();
    for (const group of this.#edges.groups()) {
      if (!group.raft.asleep) continue;
      if (!group.leads) {
        const elapsedMs = this.elapsedMs(group.raft.leader);
        if (elapsedMs >= this.#patienceMs) this.#edges.wake(group, elapsedMs);
        continue;
      }
      for (const { peer } of group.raft.configuration.voters) {
        if (peer === this.#edges.self) continue;
        if (nowMs - this.#neighbour(peer).echoedMs < this.#patienceMs) continue;
        this.#edges.wake(group, 0);
        break;
      }
    }
  }

  #ledTowards(peer: PeerId): GroupTerm[] {
    const pairs: GroupTerm[] = [];
    for (const group of this.#edges.groups()) {
      if (!group.raft.asleep || !group.leads) continue;
      const { voters, learners } = group.raft.configuration;
      const isReplica = voters.some((r) => r.peer === peer) ||
        learners.some((r) => r.peer === peer);
      if (isReplica) pairs.push([group.id, group.raft.term]);
    }
    return pairs.sort(([a], [b]) => a - b);
  }

  #followedFrom(peer: PeerId): GroupTerm[] {
    const pairs: GroupTerm[] = [];
    for (const group of this.#edges.groups()) {
      if (!group.raft.asleep || group.leads || group.raft.leader !== peer) continue;
      pairs.push([group.id, group.raft.term]);
    }
    return pairs.sort(([a], [b]) => a - b);
  }
}

type GroupTerm = [group: number, term: number];

/** FNV-1a over the pairs (Fowler, Noll, Vo): equal lists, equal digests; the lists settle the rest. */
function digest(pairs: readonly GroupTerm[]): number {
  let hash = 0x811c9dc5;
  const mix = (value: number) => {
    hash = Math.imul(hash ^ (value >>> 0), 0x01000193);
    hash = Math.imul(hash ^ Math.floor(value / 0x1_0000_0000), 0x01000193);
  };
  for (const [group, term] of pairs) {
    mix(group);
    mix(term);
  }
  return hash >>> 0;
}
