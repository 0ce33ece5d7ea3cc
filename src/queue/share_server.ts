/**
 * Brings to waiters what they were dealt of an entry's messages: reads all bodies together, and answers each. What
 * nobody wants any more is handed back.
 */
import { SkeinError } from "../errors.ts";
import type { DeliveredMessage } from "./answers.ts";
import type { LaneName } from "./commands.ts";
import { deliveredBodies, notLedHere } from "./delivered_bodies.ts";
import type { QueueCounters } from "./queue_counters.ts";
import { proposeCommand, type QueueEdges } from "./queue_edges.ts";
import type { Waiter } from "./waiter.ts";

/** What one waiter was dealt. */
export interface Share {
  readonly waiter: Waiter;
  readonly messages: readonly DeliveredMessage[];
}

export class ShareServer {
  readonly #edges: QueueEdges;
  readonly #counters: QueueCounters;
  readonly #group: number;
  readonly #name: LaneName;
  readonly #waitOn: (waiter: Waiter) => void;

  /** @param waitOn called for whoever is left without a message, since all that it was dealt are gone */
  constructor(
    edges: QueueEdges,
    counters: QueueCounters,
    group: number,
    name: LaneName,
    waitOn: (waiter: Waiter) => void,
  ) {
    this.#edges = edges;
    this.#counters = counters;
    this.#group = group;
    this.#name = name;
    this.#waitOn = waitOn;
  }

  /** Each has its answer then, or why there is none, also one for whom the entry was not proposed. */
  async serve(shares: readonly Share[]): Promise<void> {
    if (shares.length === 0) return;
    try {
      await this.#answer(shares);
    } catch (error) {
      for (const { waiter } of shares) if (!waiter.done) waiter.reject(error);
    }
  }

  /** Reads the bodies for all of them together. */
  async #answer(shares: readonly Share[]): Promise<void> {
    const bodies = await this.#read(shares);
    const wallOffsetMs = this.#wallOffsetMs();
    const nowMs = this.#edges.clock.monotonicMs();
    let at = 0;
    for (const { waiter, messages } of shares) {
      const kept: DeliveredMessage[] = [];
      const keptBodies: Uint8Array[] = [];
      for (const message of messages) {
        const body = bodies[at++]!;
        if (body === null) continue;
        kept.push(message);
        keptBodies.push(body);
      }
      if (!waiter.wants(nowMs)) {
        if (!waiter.keepsLate(nowMs)) this.handBack(kept);
        waiter.cancel();
      } else if (kept.length === 0) this.#waitOn(waiter);
      else waiter.resolve({ messages: kept, bodies: keptBodies, wallOffsetMs });
    }
  }

  async #read(shares: readonly Share[]): Promise<readonly (Uint8Array | null)[]> {
    const numbers = shares.flatMap(({ messages }) => messages.map(([number]) => number));
    try {
      const bodies = await deliveredBodies(this.#edges, this.#group, numbers);
      // It may have been removed meanwhile, and group time with it.
      if (this.#edges.replicaOf(this.#group) === null) throw notLedHere(this.#group);
      return bodies;
    } catch (error) {
      // What cannot be read must use up its attempts, or it would be delivered for ever.
      const isUnreadable = !(error instanceof SkeinError) || error.code === "STORAGE_FAILED";
      if (!isUnreadable) { for (const { messages } of shares) this.handBack(messages); }
      throw error;
    }
  }

  /** In the background. What fails comes back by itself when its visibility timeout is over. */
  handBack(messages: readonly DeliveredMessage[]): void {
    if (messages.length === 0) return;
    const deliveries = messages.map(([number, , delivery]) => {
      return { id: null, receipt: { number, delivery } };
    });
    const command = { kind: "handBack", ...this.#name, deliveries } as const;
    const { logger, timeouts } = this.#edges;
    this.#counters.handedBack += messages.length;
    proposeCommand(this.#edges, this.#group, command, null, timeouts.handBackMs).catch((error) => {
      const { topic } = this.#name;
      logger.log("debug", `could not hand back ${messages.length} messages of ${topic}`, {
        topic,
        error: String(error),
      });
    });
  }

  #wallOffsetMs(): number {
    const { clock, groups } = this.#edges;
    return Math.round(clock.wallMs() - groups.timeMs(this.#group));
  }
}
