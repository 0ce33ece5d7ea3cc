/**
 * Discovery through a DHT: peers of one topic find each other there and get streams to each other (`hyperswarm.ts`).
 * Here is what has to be decided: when to announce and to look again, which peer to ask a stream of, and when to begin
 * anew. Hyperswarm by itself looks again after ten minutes and gives a peer up after a few tries; a cluster forms in
 * seconds, and its members are wanted for good.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";

/** A swarm that is joined. */
export interface Swarm {
  /** Announces this peer anew, and looks for others. Never rejects. @returns false where no node of the DHT answers */
  refresh(): Promise<boolean>;
  /** Tries once to get a stream to this peer. */
  connect(peer: PeerId): void;
  /** No stream to this peer is needed. */
  spare(peer: PeerId): void;
  /** Takes back what was announced, where the DHT answers in time, and ends all streams. Never rejects. */
  destroy(): Promise<void>;
}

/** Over which way a peer is connected; null: it is not. */
type Way = "tcp" | "swarm" | null;

export interface SwarmDiscoveryOptions {
  /** Joins the swarm. Rejects where it cannot be, such as for want of a socket. */
  readonly open: () => Promise<Swarm>;
  /** The nodes that are asked first, for the log. */
  readonly firstNodes: string;
  /** How long what is announced is left alone once every peer is connected. */
  readonly steadyMs: number;
  /** The peers that are connected, over whichever way. */
  readonly connected: () => readonly PeerId[];
  readonly wayTo: (peer: PeerId) => Way;
  /** The other members of the cluster, as far as they are known. */
  readonly members: () => readonly PeerId[];
  /** Whether nobody is missing. */
  readonly isComplete: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const ROUND_MS = 250;
/** Pauses double from the least to the most, while somebody is missing or the DHT does not answer. */
const PAUSE_MS = { min: 250, max: 15_000 };
/** The same of the tries to reach one peer; TCP has the first of them to itself. */
const CONNECT_PAUSE_MS = { min: 1_000, max: 15_000 };
/** A peer that is no member, and gone for so long, is not asked for any more. */
const FORGET_MS = 600_000;

interface Missing {
  nextAtMs: number;
  pauseMs: number;
}

export class SwarmDiscovery {
  readonly #options: SwarmDiscoveryOptions;
  readonly #missing = new Map<PeerId, Missing>();
  /** Peers → when they were connected last. */
  readonly #met = new Map<PeerId, number>();
  #swarm: Swarm | null = null;
  /** What is under way: opening, refreshing or destroying, one at a time. */
  #work: Promise<void> | null = null;
  #workedAtMs = -Infinity;
  #pauseMs = PAUSE_MS.min;
  #hasFailed = false;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: SwarmDiscoveryOptions) {
    this.#options = options;
  }

  /** Begins to look, now and whenever somebody is missing. */
  start(): void {
    if (!this.#stopped) this.#round();
  }

  /** Nobody need be found any more; the streams that there are stay. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Leaves the swarm, whatever it is about. Its streams end. */
  async close(): Promise<void> {
    this.stop();
    // What is being joined has to be there first; a look around would be waited for as long as the DHT is silent.
    if (this.#swarm === null) await this.#work;
    await this.#swarm?.destroy();
    this.#swarm = null;
  }

  #round(): void {
    this.#timer = this.#options.clock.timer(ROUND_MS, () => this.#round());
    const nowMs = this.#options.clock.monotonicMs();
    this.#lookAfterPeers(nowMs);
    if (this.#work !== null || nowMs - this.#workedAtMs < this.#pause()) return;
    const work = this.#swarm === null ? this.#open() : this.#refresh(this.#swarm);
    this.#work = work.finally(() => {
      this.#work = null;
      this.#workedAtMs = this.#options.clock.monotonicMs();
    });
  }

  #pause(): number {
    const isSteady = this.#swarm !== null && !this.#hasFailed && this.#options.isComplete();
    if (!isSteady) return this.#pauseMs;
    this.#pauseMs = PAUSE_MS.min;
    return this.#options.steadyMs;
  }

  async #open(): Promise<void> {
    this.#lengthenPause();
    try {
      this.#swarm = await this.#options.open();
      this.#pauseMs = PAUSE_MS.min;
    } catch (error) {
      this.#failed(`cannot join the swarm: ${String(error)}`);
    }
  }

  async #refresh(swarm: Swarm): Promise<void> {
    this.#lengthenPause();
    if (await swarm.refresh()) {
      if (this.#hasFailed) this.#options.logger.log("info", "the DHT answers again");
      this.#hasFailed = false;
      return;
    }
    this.#failed(`no node of the DHT answers; asked first: ${this.#options.firstNodes}`);
    const { connected, wayTo } = this.#options;
    if (this.#stopped || connected().some((peer) => wayTo(peer) === "swarm")) return;
    // What it learned of this machine's addresses may be wrong by now, and it does not ask for them again.
    this.#swarm = null;
    await swarm.destroy();
  }

  #lengthenPause(): void {
    const { min, max } = PAUSE_MS;
    this.#pauseMs = Math.max(min, Math.min(max, this.#options.steadyMs, this.#pauseMs * 2));
  }

  #failed(line: string): void {
    if (!this.#hasFailed && !this.#stopped) this.#options.logger.log("warn", line);
    this.#hasFailed = true;
  }

  /** Asks for a stream to those who should be connected and are not. */
  #lookAfterPeers(nowMs: number): void {
    const { connected, members, wayTo } = this.#options;
    const known = new Set(members());
    for (const peer of connected()) this.#met.set(peer, nowMs);
    for (const [peer, metAtMs] of this.#met) {
      if (known.has(peer)) continue;
      if (nowMs - metAtMs < FORGET_MS) known.add(peer);
      else this.#met.delete(peer);
    }
    for (const peer of this.#missing.keys()) {
      if (known.has(peer) && wayTo(peer) === null) continue;
      this.#missing.delete(peer);
      this.#swarm?.spare(peer);
    }
    for (const peer of known) {
      if (wayTo(peer) === null) this.#miss(peer, nowMs);
    }
  }

  #miss(peer: PeerId, nowMs: number): void {
    const { min, max } = CONNECT_PAUSE_MS;
    const missing = this.#missing.get(peer) ?? { nextAtMs: nowMs + min, pauseMs: min };
    this.#missing.set(peer, missing);
    if (nowMs < missing.nextAtMs || this.#swarm === null) return;
    missing.pauseMs = Math.min(max, missing.pauseMs * 2);
    missing.nextAtMs = nowMs + missing.pauseMs;
    this.#swarm.connect(peer);
  }
}
