/**
 * Retention: looks through the partitions that this peer leads now and then, and proposes to take away what is over, bit
 * by bit. What one peer does not get done, the next leader does: nothing here is remembered.
 */
import type { Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { TrimmedAnswer } from "./answers.ts";
import type { Retention } from "./commands.ts";
import type { EventCounters } from "./event_counters.ts";
import { type EventEdges, proposeEvents } from "./event_edges.ts";

export class Retainer {
  readonly #edges: EventEdges;
  readonly #counters: EventCounters;
  readonly #led: ReadonlySet<number>;
  #timer: Timer | null = null;
  #closed = false;

  /** @param led the groups that this peer leads, now and later */
  constructor(edges: EventEdges, counters: EventCounters, led: ReadonlySet<number>) {
    this.#edges = edges;
    this.#counters = counters;
    this.#led = led;
    if (takesAnything(edges.bounds.retention)) this.#later();
  }

  #later(): void {
    const { clock, timeouts: { retentionMs } } = this.#edges;
    this.#timer = clock.timer(retentionMs, async () => {
      for (const group of [...this.#led]) await this.#trim(group);
      if (!this.#closed) this.#later();
    });
  }

  async #trim(group: number): Promise<void> {
    const { groups, bounds: { retention } } = this.#edges;
    try {
      while (!this.#closed && this.#led.has(group)) {
        const replica = this.#edges.replicaOf(group);
        if (replica?.events.isTrimDue(retention, groups.timeMs(group)) !== true) return;
        const command = { kind: "trim", retention, max: LIMITS.eventTrimMax } as const;
        const answer = await proposeEvents(this.#edges, group, command, null) as TrimmedAnswer;
        this.#counters.trimmed += answer.events;
        this.#counters.forgotten += answer.identities;
        if (!answer.more) return;
      }
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      const { logger } = this.#edges;
      logger.log("debug", `retention of group ${group} is put off: ${error.message}`, { group });
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}

function takesAnything({ ageMs, count, bytes, forgetAfterMs }: Retention): boolean {
  return ageMs !== null || count !== null || bytes !== null || forgetAfterMs !== null;
}
