/**
 * Which partitions have been without a leader for longer than an election takes. They are named in the log
 * once, and once more when they are back; nothing is done to them: their data is where their replicas are.
 */
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Picture } from "./picture.ts";
import type { UnavailablePartition } from "./placement_view.ts";

export class LostPartitions {
  readonly #patienceMs: number;
  readonly #logger: Logger;
  readonly #nameOf: (peer: PeerId) => string;
  readonly #sinceMs = new Map<number, number>();
  readonly #named = new Set<number>();

  constructor(patienceMs: number, logger: Logger, nameOf: (peer: PeerId) => string) {
    this.#patienceMs = patienceMs;
    this.#logger = logger;
    this.#nameOf = nameOf;
  }

  isLost(partition: number, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(partition);
    return sinceMs !== undefined && nowMs - sinceMs >= this.#patienceMs;
  }

  saw({ leaderless, view }: Picture, nowMs: number): void {
    for (const partition of this.#sinceMs.keys()) {
      if (leaderless.has(partition)) continue;
      this.#sinceMs.delete(partition);
      if (this.#named.delete(partition)) {
        this.#logger.log("info", `partition ${partition} has a leader again`);
      }
    }
    for (const partition of leaderless.keys()) {
      if (!this.#sinceMs.has(partition)) this.#sinceMs.set(partition, nowMs);
    }
    for (const lost of view.unavailable) {
      if (this.#named.has(lost.partition)) continue;
      this.#named.add(lost.partition);
      this.#logger.log("warn", this.#describe(lost));
    }
  }

  #describe({ partition, replicas, answering }: UnavailablePartition): string {
    const list = (peers: readonly PeerId[]) => peers.map(this.#nameOf).join(", ");
    const what = `partition ${partition} has no leader and cannot be used`;
    if (replicas.length === 0) return `${what}: no peer that answers has a replica of it`;
    return `${what}: of its replicas on ${list(replicas)} only those on ${list(answering)} answer`;
  }

  clear(): void {
    this.#sinceMs.clear();
    this.#named.clear();
  }
}
