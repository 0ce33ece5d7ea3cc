/**
 * Which peers answer the driver's looks, and which of them would keep leadership if they were given it: those
 * that have answered every look for a while and are not about to stop. Leadership that follows a peer which
 * comes and goes costs its partitions a pause each time.
 */
import type { PeerId } from "../raft/entry.ts";
import type { PeersView } from "./decide.ts";
import type { Report } from "./report.ts";

/** A peer that did not take leadership is not offered any for so long. */
const RESTLESS_MS = 10_000;

export class PeerWatch {
  /** One that has answered for so long is likely to go on. */
  readonly #steadyMs: number;
  #answering: ReadonlySet<PeerId> = new Set();
  /** Since when those that say they take leadership have answered every look. */
  readonly #steadySinceMs = new Map<PeerId, number>();
  readonly #restlessUntilMs = new Map<PeerId, number>();

  constructor(steadyMs: number) {
    this.#steadyMs = steadyMs;
  }

  /** @param reports of those that answered the last look */
  saw(reports: ReadonlyMap<PeerId, Report>, nowMs: number): void {
    this.#answering = new Set(reports.keys());
    for (const peer of this.#steadySinceMs.keys()) {
      if (!reports.has(peer)) this.#steadySinceMs.delete(peer);
    }
    for (const [peer, { steady }] of reports) {
      if (!steady) this.#steadySinceMs.delete(peer);
      else if (!this.#steadySinceMs.has(peer)) this.#steadySinceMs.set(peer, nowMs);
    }
  }

  answers(peer: PeerId): boolean {
    return this.#answering.has(peer);
  }

  /** It was given leadership, and did not take it. */
  refusedLeadership(peer: PeerId, nowMs: number): void {
    this.#restlessUntilMs.set(peer, nowMs + RESTLESS_MS);
  }

  /** @param mayReturn see `PeersView` */
  at(nowMs: number, mayReturn: PeersView["mayReturn"]): PeersView {
    return {
      mayReturn,
      answers: (peer) => this.answers(peer),
      takesLeadership: (peer) => {
        const sinceMs = this.#steadySinceMs.get(peer);
        return sinceMs !== undefined && nowMs - sinceMs >= this.#steadyMs &&
          nowMs >= (this.#restlessUntilMs.get(peer) ?? 0);
      },
    };
  }

  clear(): void {
    this.#answering = new Set();
    this.#steadySinceMs.clear();
    this.#restlessUntilMs.clear();
  }
}
