/**
 * When to dial which address. Every wanted address is dialled until it leads to a peer that is connected over TCP,
 * whoever dialled; when that peer is lost it is dialled again at once, then with growing,
 * jittered pauses. An address that leads to this peer itself is remembered and left alone. Time and
 * chance are handed in; the dialling itself is the owner's.
 */
import type { Clock, Timer } from "../clock.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Random } from "../random.ts";

/** The first retry comes fast: the processes of a cluster are often started together. */
const BACKOFF_MIN_MS = 25;
const BACKOFF_MAX_MS = 2_000;
/** For addresses that nobody waits for, because their peers can be talked to otherwise. */
const PATIENT_BACKOFF_MAX_MS = 20_000;

interface Target {
  readonly address: string;
  /** Which peer was met there last; null while unknown. */
  peer: PeerId | null;
  dialling: boolean;
  /** Attempts since the last that led to a connection in use. */
  attempts: number;
  timer: Timer | null;
}

export interface DialerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Starts an attempt; ends with a call of `ended`. */
  readonly dial: (address: string) => void;
  /** Over TCP. */
  readonly isConnected: (peer: PeerId) => boolean;
  /** Whether the peer that tells this address of itself is connected over the swarm. */
  readonly isSpared: (address: string) => boolean;
}

export class Dialer {
  readonly #options: DialerOptions;
  /** Who wants which addresses; what nobody wants any more is no longer dialled. */
  readonly #wanted = new Map<string, readonly string[]>();
  readonly #targets = new Map<string, Target>();
  readonly #ownAddresses = new Set<string>();
  #closed = false;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** Addresses that turned out to lead to this peer itself. */
  get ownAddresses(): ReadonlySet<string> {
    return this.#ownAddresses;
  }

  /** @returns the peer that was met at this address, or null */
  peerAt(address: string): PeerId | null {
    return this.#targets.get(address)?.peer ?? null;
  }

  /** @param source who wants them; its former wishes are replaced */
  want(source: string, addresses: readonly string[]): void {
    if (this.#closed) return;
    this.#wanted.set(source, addresses);
    const all = new Set([...this.#wanted.values()].flat());
    for (const [address, target] of this.#targets) {
      if (all.has(address)) continue;
      target.timer?.cancel();
      this.#targets.delete(address);
    }
    for (const address of all) {
      if (this.#targets.has(address) || this.#ownAddresses.has(address)) continue;
      const target = { address, peer: null, dialling: false, attempts: 0, timer: null };
      this.#targets.set(address, target);
      this.#dial(target);
    }
  }

  /** The address leads to this peer, by its authenticated word. */
  leadsTo(address: string, peer: PeerId): void {
    const target = this.#targets.get(address);
    if (target !== undefined) target.peer = peer;
  }

  /** Somebody waits for these again: they are dialled soon. */
  hurry(addresses: readonly string[]): void {
    for (const address of addresses) {
      const target = this.#targets.get(address);
      if (target === undefined) continue;
      target.attempts = 0;
      target.timer?.cancel();
      target.timer = null;
      this.#schedule(target);
    }
  }

  /** @returns the sources that want an address at which this peer was met */
  sourcesOf(peer: PeerId): readonly string[] {
    return [...this.#wanted].flatMap(([source, addresses]) =>
      addresses.some((address) => this.peerAt(address) === peer) ? [source] : []
    );
  }

  leadsToSelf(address: string): void {
    this.#ownAddresses.add(address);
    this.#targets.get(address)?.timer?.cancel();
    this.#targets.delete(address);
  }

  /** An attempt, or the connection that came of it, is over. */
  ended(address: string): void {
    const target = this.#targets.get(address);
    if (target === undefined) return;
    target.dialling = false;
    this.#schedule(target);
  }

  /** A connection to this peer is in use. */
  connected(peer: PeerId): void {
    for (const target of this.#targets.values()) {
      if (target.peer !== peer) continue;
      target.attempts = 0;
      target.timer?.cancel();
      target.timer = null;
    }
  }

  /** No connection to this peer is in use any more. */
  disconnected(peer: PeerId): void {
    for (const target of this.#targets.values()) {
      if (target.peer === peer) this.#schedule(target);
    }
  }

  close(): void {
    this.#closed = true;
    for (const target of this.#targets.values()) target.timer?.cancel();
    this.#targets.clear();
  }

  #dial(target: Target): void {
    target.timer = null;
    target.dialling = true;
    target.attempts++;
    this.#options.dial(target.address);
  }

  #schedule(target: Target): void {
    if (target.dialling || target.timer !== null) return;
    if (target.peer !== null && this.#options.isConnected(target.peer)) return;
    const maxMs = this.#options.isSpared(target.address) ? PATIENT_BACKOFF_MAX_MS : BACKOFF_MAX_MS;
    const spanMs = Math.min(maxMs, BACKOFF_MIN_MS * 2 ** Math.min(target.attempts, 10));
    const delayMs = spanMs * (0.5 + this.#options.random.fraction() / 2);
    target.timer = this.#options.clock.timer(delayMs, () => this.#dial(target));
  }
}
