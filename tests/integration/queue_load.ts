/**
 * Producers and consumers over all topics and peers, and one ledger of what they were told. In the end whatever is
 * left is taken and acknowledged, dead letters too, so that the ledger knows of each message what became of it.
 */
import { SkeinClient, type TopicView } from "../../src/client/mod.ts";
import { acknowledge, consumeUntilDeath, markOf, noteDeliveries } from "./queue_consumer.ts";
import { QueueLedger } from "./queue_ledger.ts";
import { produce } from "./queue_producer.ts";
import { eventually } from "./skein_process.ts";

const DRAIN_MAX = 500;
const DRAIN_WORKERS = 8;
const DRAIN_TIMEOUT_MS = 180_000;
const DEAD_PAGE = 500;

export interface LoadTopic {
  readonly name: string;
  readonly lanes: number;
  readonly visibilityMs: number;
  readonly maxAttempts: number;
}

export interface QueueLoadOptions {
  /** Where peers answer; asked whenever a client comes to be. */
  readonly urls: () => readonly string[];
  readonly topics: readonly LoadTopic[];
  /** One in three of them publishes batches. */
  readonly producers: number;
  readonly consumers: number;
  /** Producers stop by themselves after so many messages; null: they go on. */
  readonly messagesMax: number | null;
  /** A producer rests so long between two requests. */
  readonly restMs: number;
  /** Producers wait while more messages than that are stored and not acknowledged. */
  readonly backlogMax: number;
}

/** Of five topics in turn one has lanes, and in one messages die early. */
export function loadTopics(count: number, visibilityMs: number): readonly LoadTopic[] {
  return Array.from({ length: count }, (_, place) => ({
    name: `topic-${place}`,
    lanes: place % 5 === 3 ? 3 : 1,
    visibilityMs,
    maxAttempts: place % 5 === 4 ? 2 : 16,
  }));
}

export class QueueLoad {
  readonly ledger = new QueueLedger();
  readonly #options: QueueLoadOptions;
  readonly #producers: Promise<void>[];
  readonly #consumers: Promise<void>[];
  #latenciesMs: number[] = [];
  #clients = 0;
  #claimed = 0;
  #isProducing = true;
  #isConsuming = true;
  /** What ended a client that should have gone on. */
  #failure: unknown = null;

  private constructor(options: QueueLoadOptions) {
    this.#options = options;
    this.#producers = Array.from(
      { length: options.producers },
      (_, number) => this.#guarded(this.#produce(number % 3 !== 2)),
    );
    this.#consumers = Array.from(
      { length: options.consumers },
      () => this.#guarded(this.#consume()),
    );
  }

  /** Creates the topics, and lets the clients begin. */
  static async start(options: QueueLoadOptions): Promise<QueueLoad> {
    const { queue } = new SkeinClient({ urls: options.urls() });
    for (const { name, ...settings } of options.topics) await queue.configure(name, settings);
    return new QueueLoad(options);
  }

  /** Messages whose publishers know that they are stored. */
  get stored(): number {
    return this.ledger.totals.stored;
  }

  /** @throws what any client ran into, and the first violations */
  check(): void {
    this.ledger.check();
    if (this.#failure !== null) throw this.#failure;
  }

  /** How long each publish of a single message took, since the last time that this was asked. */
  takeLatenciesMs(): readonly number[] {
    const taken = this.#latenciesMs;
    this.#latenciesMs = [];
    return taken;
  }

  /** Waits until producers have published all that they may. */
  async published(): Promise<void> {
    await Promise.all(this.#producers);
    this.check();
  }

  /**
   * Lets every client finish, takes all that is left, and judges.
   * @returns the topics in the end
   * @throws with the violations, if there are any
   */
  async finish(): Promise<readonly TopicView[]> {
    this.#isProducing = false;
    await this.published();
    this.#isConsuming = false;
    await Promise.all(this.#consumers);
    this.check();
    const views: TopicView[] = [];
    const topics = this.#options.topics.map(({ name }) => name);
    await Promise.all(Array.from({ length: DRAIN_WORKERS }, async () => {
      for (let topic = topics.pop(); topic !== undefined; topic = topics.pop()) {
        views.push(await this.#drain(topic));
      }
    }));
    this.ledger.finish(views);
    return views;
  }

  async #guarded(running: Promise<void>): Promise<void> {
    try {
      await running;
    } catch (error) {
      this.#failure ??= error;
      this.#isProducing = false;
      this.#isConsuming = false;
    }
  }

  /** A client that asks another peer first than the one before. */
  #newClient(): SkeinClient {
    const urls = this.#options.urls();
    const first = this.#clients++ % urls.length;
    return new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
  }

  #randomTopic(): string {
    const { topics } = this.#options;
    return topics[Math.floor(Math.random() * topics.length)]!.name;
  }

  #produce(isSingle: boolean): Promise<void> {
    const { messagesMax, restMs, backlogMax } = this.#options;
    return produce({
      queue: this.#newClient().queue,
      ledger: this.ledger,
      isSingle,
      topic: () => this.#randomTopic(),
      claim: (wanted) => {
        if (!this.#isProducing) return 0;
        const count = Math.min(wanted, (messagesMax ?? Infinity) - this.#claimed);
        this.#claimed += count;
        return count;
      },
      took: (ms) => this.#latenciesMs.push(ms),
      restMs,
      isAhead: () => {
        const { stored, acknowledged } = this.ledger.totals;
        return this.#isProducing && stored - acknowledged > backlogMax;
      },
    });
  }

  /** One consumer after another. */
  async #consume(): Promise<void> {
    while (this.#isConsuming) {
      await consumeUntilDeath({
        queue: this.#newClient().queue,
        ledger: this.ledger,
        topic: () => this.#randomTopic(),
        isStopping: () => !this.#isConsuming,
      });
    }
  }

  /** Takes all that is left, dead letters included. @returns the topic when it is empty */
  async #drain(topic: string): Promise<TopicView> {
    const { queue } = this.#newClient();
    return await eventually(`${topic} is empty`, DRAIN_TIMEOUT_MS, async () => {
      for (;;) {
        const askedAt = this.ledger.moment();
        const deliveries = await queue.consume(topic, { max: DRAIN_MAX });
        if (deliveries.length === 0) break;
        noteDeliveries(this.ledger, topic, deliveries, askedAt);
        await acknowledge({ queue, ledger: this.ledger }, topic, deliveries, false);
      }
      for (let after: string | undefined, isMore = true; isMore;) {
        const page = await queue.dead(topic, { max: DEAD_PAGE, ...(after && { after }) });
        for (const letter of page) this.ledger.dead(topic, markOf(letter), letter.id);
        after = page.at(-1)?.id;
        isMore = page.length === DEAD_PAGE;
      }
      await queue.requeue(topic);
      const view = await queue.stats(topic);
      const { ready, inFlight, delayed, dead } = view;
      if (ready + inFlight + delayed + dead > 0) throw new Error(JSON.stringify(view));
      return view;
    });
  }
}
