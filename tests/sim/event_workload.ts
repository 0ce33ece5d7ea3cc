/**
 * The event log's part of a simulation: the clients that use it, and what is there in the end, when all faults and all
 * clients have ended.
 */
import type { Events } from "../../src/events/events.ts";
import type { Random } from "../../src/random.ts";
import type { CallerEdges } from "./caller.ts";
import type { Until } from "./convergence.ts";
import { type EventEnding, type EventJudgement, judgeEvents } from "./event_checker.ts";
import { EventClient, seenEvent } from "./event_client.ts";
import type { EventOperation, SeenEvent } from "./event_history.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";

const TOPICS = ["orders", "payments", "parcels"];
/** From healing until all is read. */
const READ_MS = 60_000;
const FRESH = { stale: false };

export class EventWorkload {
  readonly history: EventOperation[] = [];
  readonly #cluster: VirtualCluster;
  readonly #clients: readonly EventClient[];
  #ending: EventEnding | null = null;

  /** @param count of clients; 0: nobody uses the event log */
  constructor(
    cluster: VirtualCluster,
    random: Random,
    { count, thinkMs }: { readonly count: number; readonly thinkMs: number },
    edges: CallerEdges,
  ) {
    this.#cluster = cluster;
    const recent: string[] = [];
    this.#clients = Array.from(
      { length: count },
      (_, place) =>
        new EventClient(`e${place + 1}`, {
          ...edges,
          random,
          history: this.history,
          topics: TOPICS,
          recent,
          thinkMs,
        }),
    );
  }

  /** Resolves after `stop`, when all operations under way have ended. */
  async run(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.run()));
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** Reads everything that is there in the end. */
  async finish(until: Until): Promise<void> {
    if (this.#clients.length === 0) return;
    let isUnderWay = false;
    await until(
      () => {
        if (isUnderWay || this.#ending !== null) return this.#ending !== null;
        this.#cluster.anyRunning()?.attempt(async ({ events }) => {
          isUnderWay = true;
          try {
            this.#ending = await readAll(events);
          } finally {
            isUnderWay = false;
          }
        });
        return false;
      },
      READ_MS,
      "all events are read",
    );
  }

  judge(): EventJudgement {
    return judgeEvents(this.history, this.#ending);
  }
}

async function readAll(events: Events): Promise<EventEnding> {
  const topics = new Map<string, SeenEvent[]>();
  for (const topic of TOPICS) {
    const seen: SeenEvent[] = [];
    for await (const page of events.pages(topic, null, FRESH)) seen.push(...page.map(seenEvent));
    topics.set(topic, seen);
  }
  const { received, unique, duplicates } = await events.stats(FRESH);
  return { topics, stats: { received, unique, duplicates } };
}
