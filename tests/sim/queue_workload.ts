/**
 * The queue's part of a simulation: topics of several kinds, the clients that use them, and what is left in the end.
 */
import type { Queue } from "../../src/queue/queue.ts";
import type { Random } from "../../src/random.ts";
import { Caller, type CallerEdges } from "./caller.ts";
import type { Until } from "./convergence.ts";
import { judgeQueue, type QueueJudgement } from "./queue_checker.ts";
import { QueueClient } from "./queue_client.ts";
import { drainTopics } from "./queue_drain.ts";
import type { QueueOperation, SimulatedTopic, TopicEnding } from "./queue_history.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";

const DEFAULTS = { lanes: 1, visibilityMs: 30_000, maxAttempts: 16, dedupWindowMs: 300_000 };
const BACKOFF_MS = [100, 500];

/** As its first users find it: nobody has configured it. */
const PLAIN: SimulatedTopic = { ...DEFAULTS, name: "plain", visibilityMs: 30_000 };
/** These are configured before anybody uses them. */
const CONFIGURED: readonly SimulatedTopic[] = [
  { ...DEFAULTS, name: "mortal", visibilityMs: 2_000, maxAttempts: 2 },
  { ...DEFAULTS, name: "lanes", visibilityMs: 4_000, lanes: 3 },
];

export class QueueWorkload {
  readonly history: QueueOperation[] = [];
  readonly #cluster: VirtualCluster;
  readonly #operator: Caller;
  readonly #clients: readonly QueueClient[];
  readonly #topics: SimulatedTopic[] = [PLAIN];
  #endings: readonly TopicEnding[] | null = null;

  /** @param count of clients; 0: nobody uses the queue */
  constructor(
    cluster: VirtualCluster,
    random: Random,
    { count, thinkMs }: { readonly count: number; readonly thinkMs: number },
    edges: CallerEdges,
  ) {
    this.#cluster = cluster;
    this.#operator = new Caller("operator", edges);
    this.#clients = Array.from(
      { length: count },
      (_, place) =>
        new QueueClient(`q${place + 1}`, {
          ...edges,
          random,
          history: this.history,
          topics: () => this.#topics,
          thinkMs,
        }),
    );
  }

  /** Resolves after `stop`, when all operations under way have ended. */
  async run(): Promise<void> {
    if (this.#clients.length === 0) return;
    await Promise.all([this.#configure(), ...this.#clients.map((client) => client.run())]);
  }

  stop(): void {
    this.#operator.stop();
    for (const client of this.#clients) client.stop();
  }

  /** Consumes everything that is left. */
  async drain(until: Until): Promise<void> {
    if (this.#clients.length === 0) return;
    const used = new Set(this.history.map(({ input }) => input.topic));
    const topics = this.#topics.filter(({ name }) => used.has(name));
    const world = {
      scheduler: this.#cluster.scheduler,
      anyQueue: (work: (queue: Queue) => Promise<void>) =>
        this.#cluster.anyRunning()?.attempt((core) => work(core.queue)),
    };
    this.#endings = await drainTopics(world, topics, this.history, until);
  }

  judge(): QueueJudgement {
    return judgeQueue(this.history, this.#topics, this.#endings);
  }

  async #configure(): Promise<void> {
    for (const topic of CONFIGURED) {
      const { name, lanes, visibilityMs, maxAttempts } = topic;
      const options = {
        lanes,
        visibilityMs,
        maxAttempts,
        dedupWindowMs: null,
        backoffMs: BACKOFF_MS,
        paused: null,
      };
      while (!this.#operator.stopped) {
        const { kind } = await this.#operator.call(
          (peer) => peer.queue().configure(name, options, null),
          { mayRetry: true, waitMs: 0, signal: null },
        );
        if (kind !== "answer") continue;
        this.#topics.push(topic);
        break;
      }
    }
  }
}
