/**
 * The end of a queue's history: with no faults and no clients left, everything that is in a topic is delivered and
 * acknowledged, its dead letters are listed, and its counts are read. What this does is part of the history.
 */
import type { Queue } from "../../src/queue/queue.ts";
import type { Until } from "./convergence.ts";
import { markOf, seen } from "./queue_client.ts";
import type { QueueInput, QueueOperation, SimulatedTopic, TopicEnding } from "./queue_history.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { Scheduler } from "./virtual_time.ts";

/** Where the queue is that is drained. */
export interface DrainedWorld {
  readonly scheduler: Scheduler;
  /** Works with the queue at some peer; where none has one, or it fails as peers may, nothing comes of it. */
  anyQueue(work: (queue: Queue) => Promise<void>): void;
}

/** The longest delays and visibility timeouts of the clients, at the slowest clocks, and some. */
const DRAIN_MS = 120_000;
const ROUND_WAIT_MS = 1_000;
const MAX = 100;

/** @throws {SafetyViolation} when it takes too long */
export async function drainTopics(
  world: DrainedWorld,
  topics: readonly SimulatedTopic[],
  history: QueueOperation[],
  until: Until,
): Promise<readonly TopicEnding[]> {
  const endings: TopicEnding[] = [];
  for (const topic of topics) {
    const drain = new Drain(world, topic, history);
    await until(() => drain.isOver(), DRAIN_MS, `${topic.name} is consumed to its end`);
    endings.push(drain.ending!);
  }
  return endings;
}

class Drain {
  readonly #world: DrainedWorld;
  readonly #topic: SimulatedTopic;
  readonly #history: QueueOperation[];
  #underWay = false;
  ending: TopicEnding | null = null;

  constructor(world: DrainedWorld, topic: SimulatedTopic, history: QueueOperation[]) {
    this.#world = world;
    this.#topic = topic;
    this.#history = history;
  }

  /** Begins the next round whenever none is under way. */
  isOver(): boolean {
    if (this.#underWay || this.ending !== null) return this.ending !== null;
    this.#world.anyQueue(async (queue) => {
      this.#underWay = true;
      try {
        await this.#round(queue);
      } finally {
        this.#underWay = false;
      }
    });
    return false;
  }

  async #round(queue: Queue): Promise<void> {
    const { name } = this.#topic;
    const deliveries = await this.#consume(queue);
    if (deliveries > 0) return;
    const view = await queue.stats(name, { stale: false });
    if (view.ready + view.inFlight + view.delayed > 0) return;
    const page = { max: 1_000, after: null };
    const dead = await queue.dead(name, page, { stale: false });
    this.ending = {
      topic: name,
      lanes: this.#topic.lanes,
      deadMarks: dead.map(({ data }) => markOf(data)),
      ready: view.ready,
      inFlight: view.inFlight,
      delayed: view.delayed,
      dead: view.dead,
      published: view.totals.published,
      acknowledged: view.totals.acknowledged,
      expired: view.totals.expired,
      purged: view.totals.purged,
    };
  }

  async #consume(queue: Queue): Promise<number> {
    const { name, visibilityMs } = this.#topic;
    const asked = { topic: name, consumer: null, max: MAX, waitMs: ROUND_WAIT_MS };
    const callMs = this.#nowMs();
    const rest = { visibilityMs: null, request: null, signal: null };
    // Where the round fails, nobody knows what it delivered.
    let input: QueueInput & { readonly kind: "consume" } = {
      kind: "consume",
      topic: name,
      visibilityMs,
      deliveries: [],
      unsure: true,
    };
    try {
      const deliveries = (await queue.consume({ ...asked, ...rest })).map(seen);
      input = { ...input, deliveries, unsure: false };
    } finally {
      this.#push(callMs, input, this.#nowMs());
    }
    if (input.deliveries.length > 0) await this.#acknowledge(queue, input.deliveries);
    return input.deliveries.length;
  }

  async #acknowledge(
    queue: Queue,
    deliveries: readonly { readonly mark: string; readonly receipt: string }[],
  ): Promise<void> {
    const topic = this.#topic.name;
    const callMs = this.#nowMs();
    const named = deliveries.map(({ receipt }) => ({ id: null, receipt }));
    let results: readonly { readonly ok: boolean }[] | null = null;
    try {
      results = await queue.acknowledge({ topic, deliveries: named, request: null });
    } finally {
      for (const [place, { mark, receipt }] of deliveries.entries()) {
        const result = results === null ? "unknown" : results[place]?.ok ? "ok" : "stale";
        this.#push(callMs, {
          kind: "acknowledge",
          topic,
          mark,
          receipt,
          byId: false,
          delayMs: null,
          visibilityMs: null,
          result,
        }, results === null ? Infinity : this.#nowMs());
      }
    }
    const refused = deliveries.filter((_, place) => results[place]?.ok !== true);
    // A timeout may have come in between; at rest it must not.
    if (refused.length === deliveries.length) {
      throw new SafetyViolation(`no acknowledgement of ${deliveries.length} deliveries is taken`);
    }
  }

  #nowMs(): number {
    return this.#world.scheduler.nowMs;
  }

  #push(callMs: number, input: QueueInput, returnMs: number): void {
    this.#history.push({ callMs, input, returnMs });
  }
}
