/**
 * After every step: of one key one peer may write, alone, or many may read. What a peer may use, its own clocks say: a
 * line whose lease is over is none.
 */
import { SafetyViolation } from "./raft_checker.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

export class CacheLineChecker {
  readonly #keys: readonly string[];
  /** Moments at which several peers could read, or one could write. */
  shared = 0;
  owned = 0;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /** @throws {SafetyViolation} naming who may write beside somebody else */
  check(peers: readonly VirtualPeer[]): void {
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
}
