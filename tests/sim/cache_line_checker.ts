/**
 * After every step: of one key one peer may write, alone, or many may read. What a peer may use, its own clocks say: a
 * line whose lease is over is none. Notes, too, what peers say that they have lost.
 */
import type { Loss } from "./cache_history.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

export class CacheLineChecker {
  readonly losses: Loss[] = [];
  readonly #keys: readonly string[];
  /** By run of a peer: writes that it said were lost. */
  readonly #lost = new Map<string, number>();
  readonly #running = new Map<VirtualPeer, string>();
  /** Moments at which several peers could read, or one could write. */
  shared = 0;
  owned = 0;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** @throws {SafetyViolation} naming who may write beside somebody else */
  check(peers: readonly VirtualPeer[], nowMs: number): void {
    for (const peer of peers) this.#noteLosses(peer, nowMs);
    for (const key of this.#keys) {
      let [readers, writers] = [0, 0];
      for (const peer of peers) {
        const state = peer.lineState(key);
        if (state === "I") continue;
        if (state === "S") readers++;
        else writers++;
      }
      if (readers > 1) this.shared++;
      if (writers === 1) this.owned++;
      if (writers > 1 || (writers === 1 && readers > 0)) {
        const names = peers.map((peer) => `${peer.name} ${peer.lineState(key)}`);
        throw new SafetyViolation(`a writer of ${key} is not alone: ${names.join(", ")}`);
      }
    }
  }

  #noteLosses(peer: VirtualPeer, nowMs: number): void {
    const life = peer.actor?.name ?? null;
    const before = this.#running.get(peer);
    if (before !== undefined && before !== life) {
      this.losses.push({ life: before, atMs: nowMs });
      this.#running.delete(peer);
    }
    if (life === null) return;
    this.#running.set(peer, life);
    const lost = peer.lostWrites();
    if (lost > (this.#lost.get(life) ?? 0)) this.losses.push({ life, atMs: nowMs });
    this.#lost.set(life, lost);
  }
}
