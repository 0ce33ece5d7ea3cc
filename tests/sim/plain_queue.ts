/**
 * A queue in one place, as plainly as it can be, for tests of the simulation's clients and checkers: sound, or wrong
 * in one way. It knows no faults, no lanes and no request ids.
 */
import type {
  ConsumeRequest,
  DeadLetter,
  Delivery,
  DeliveryName,
  PublishedItem,
  PublishItem,
  PublishRequest,
  Queue,
  SettleRequest,
  SettleResult,
  TopicView,
} from "../../src/queue/queue.ts";
import type { SimulatedTopic } from "./queue_history.ts";
import type { Scheduler } from "./virtual_time.ts";

/** What it does wrong, each time that chance has it. */
export type Wrong =
  | "none"
  | "loses a message that it answered"
  | "delivers what was acknowledged"
  | "takes any receipt"
  | "gives a receipt twice"
  | "delivers the newest first"
  | "forgets priorities"
  | "cuts visibility short"
  | "cuts delays short"
  | "stores an id twice"
  | "loses a dead letter"
  | "counts what was a while ago";

interface Message extends PublishItem {
  readonly number: number;
  readonly name: string;
  readonly readyMs: number;
  readonly endMs: number;
  state: "ready" | "inFlight" | "dead" | "acknowledged" | "gone";
  fromMs: number;
  receipt: string;
  attempts: number;
}

const POLL_MS = 20;
const OLD_MS = 2_000;

export class PlainQueue implements Queue {
  readonly #scheduler: Scheduler;
  readonly #topics: ReadonlyMap<string, SimulatedTopic>;
  readonly #wrong: Wrong;
  readonly #messages = new Map<string, Message[]>();
  readonly #views = new Map<string, { readonly atMs: number; readonly view: TopicView }>();
  #counter = 0;

  constructor(scheduler: Scheduler, topics: readonly SimulatedTopic[], wrong: Wrong) {
    this.#scheduler = scheduler;
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]));
    this.#wrong = wrong;
  }

  publish({ topic, items }: PublishRequest): Promise<readonly PublishedItem[]> {
    return Promise.resolve(items.map((item) => this.#store(topic, item)));
  }

  #store(topic: string, item: PublishItem): PublishedItem {
    const messages = this.#of(topic);
    const number = ++this.#counter;
    const name = item.id ?? `given-${number}`;
    const isKnown = item.id !== null && messages.some(({ id }) => id === item.id);
    if (isKnown && !this.#isWrong("stores an id twice")) {
      return { ok: true, id: name, duplicate: true };
    }
    const nowMs = this.#scheduler.nowMs;
    const delayMs = this.#isWrong("cuts delays short") ? item.delayMs / 4 : item.delayMs;
    const lost = this.#isWrong("loses a message that it answered") && number % 20 === 0;
    messages.push({
      ...item,
      number,
      name,
      readyMs: nowMs + delayMs,
      endMs: nowMs + (item.ttlMs ?? Infinity),
      state: lost ? "gone" : "ready",
      fromMs: nowMs + delayMs,
      receipt: "",
      attempts: 0,
    });
    return { ok: true, id: name, duplicate: false };
  }

  async consume(request: ConsumeRequest): Promise<readonly Delivery[]> {
    const endMs = this.#scheduler.nowMs + request.waitMs;
    for (;;) {
      const deliveries = request.signal?.aborted ? [] : this.#deliver(request);
      if (deliveries.length > 0 || this.#scheduler.nowMs >= endMs) return deliveries;
      await new Promise<void>((resolve) => this.#scheduler.after(POLL_MS, null, "poll", resolve));
    }
  }

  #deliver({ topic, max, visibilityMs }: ConsumeRequest): Delivery[] {
    const nowMs = this.#scheduler.nowMs;
    const visibleMs = visibilityMs ?? this.#topics.get(topic)!.visibilityMs;
    const ready = this.#of(topic).filter((message) => this.#isReady(topic, message));
    const turn = this.#isWrong("delivers the newest first") ? -1 : 1;
    const rank = this.#isWrong("forgets priorities") ? 0 : 1;
    ready.sort((left, right) =>
      rank * (right.priority - left.priority) || turn * (left.number - right.number)
    );
    return ready.slice(0, max).map((message) => {
      message.state = "inFlight";
      message.fromMs = nowMs + (this.#isWrong("cuts visibility short") ? 100 : visibleMs);
      message.attempts++;
      const isOld = this.#isWrong("gives a receipt twice") && message.attempts > 1;
      if (!isOld) message.receipt = `1-0-${message.number}-${++this.#counter}`;
      const { name, data, priority, key, attempts, receipt } = message;
      return {
        id: name,
        data,
        priority,
        key,
        attempts,
        receipt,
        publishedAt: "",
        visibleUntil: "",
      };
    });
  }

  #isReady(topic: string, message: Message): boolean {
    const nowMs = this.#scheduler.nowMs;
    if (message.state === "acknowledged") {
      return this.#isWrong("delivers what was acknowledged") && message.attempts === 1;
    }
    if (message.state !== "ready" && message.state !== "inFlight") return false;
    if (message.fromMs > nowMs) return false;
    const { maxAttempts } = this.#topics.get(topic)!;
    if (message.endMs <= nowMs) message.state = "gone";
    else if (message.state === "inFlight" && message.attempts >= maxAttempts) {
      message.state = this.#isWrong("loses a dead letter") ? "gone" : "dead";
    } else return true;
    return false;
  }

  acknowledge({ topic, deliveries }: SettleRequest): Promise<readonly SettleResult[]> {
    return this.#settle(topic, deliveries, (message) => message.state = "acknowledged");
  }

  refuse(
    { topic, deliveries, delayMs }: SettleRequest & { readonly delayMs: number | null },
  ): Promise<readonly SettleResult[]> {
    return this.#settle(topic, deliveries, (message) => {
      message.fromMs = this.#scheduler.nowMs + (delayMs ?? 0);
      // Its receipt means nothing from here on.
      if (message.attempts < this.#topics.get(topic)!.maxAttempts) message.state = "ready";
      else message.state = "dead";
    });
  }

  extend(
    { topic, deliveries, visibilityMs }: SettleRequest & { readonly visibilityMs: number | null },
  ): Promise<readonly SettleResult[]> {
    return this.#settle(topic, deliveries, (message) => {
      message.fromMs = this.#scheduler.nowMs + visibilityMs!;
    });
  }

  #settle(
    topic: string,
    deliveries: readonly DeliveryName[],
    move: (message: Message) => void,
  ): Promise<readonly SettleResult[]> {
    return Promise.resolve(deliveries.map(({ id, receipt }): SettleResult => {
      const [, , number] = receipt?.split("-").map(Number) ?? [];
      const message = this.#of(topic).find((candidate) =>
        receipt === null ? candidate.name === id : candidate.number === number
      );
      if (message === undefined || ["acknowledged", "gone"].includes(message.state)) {
        return { ok: false, code: "NOT_FOUND" };
      }
      const isCurrent = message.state === "inFlight" && message.fromMs > this.#scheduler.nowMs &&
        (receipt === null || message.receipt === receipt);
      const isAny = this.#isWrong("takes any receipt") && message.state === "inFlight";
      if (!isCurrent && !isAny) return { ok: false, code: "STALE_RECEIPT" };
      move(message);
      return { ok: true };
    }));
  }

  configure(topic: string): Promise<TopicView> {
    return this.stats(topic);
  }

  async stats(topic: string): Promise<TopicView> {
    const former = this.#views.get(topic);
    const nowMs = this.#scheduler.nowMs;
    const isOld = this.#isWrong("counts what was a while ago");
    if (isOld && former !== undefined && nowMs - former.atMs < OLD_MS) return former.view;
    const view = await this.#view(topic);
    this.#views.set(topic, { atMs: nowMs, view });
    return view;
  }

  #view(topic: string): Promise<TopicView> {
    for (const message of this.#of(topic)) this.#isReady(topic, message);
    const count = (state: Message["state"]) =>
      this.#of(topic).filter((message) => message.state === state).length;
    const totals = {
      published: this.#of(topic).length,
      acknowledged: count("acknowledged"),
      expired: count("gone"),
      purged: 0,
      duplicates: 0,
      delivered: 0,
      redelivered: 0,
      deadLettered: 0,
      requeued: 0,
      dedupEvicted: 0,
    };
    return Promise.resolve({
      ...this.#topics.get(topic)!,
      backoffMs: [],
      paused: false,
      topic,
      ready: count("ready"),
      inFlight: count("inFlight"),
      delayed: 0,
      dead: count("dead"),
      bytes: 0,
      oldestAgeMs: null,
      totals,
      rates: { published: 0, delivered: 0, acknowledged: 0 },
    });
  }

  topics(): Promise<readonly TopicView[]> {
    return Promise.all([...this.#topics.keys()].map((name) => this.stats(name)));
  }

  dead(topic: string): Promise<readonly DeadLetter[]> {
    const dead = this.#of(topic).filter(({ state }) => state === "dead");
    return Promise.resolve(
      dead.map(({ name, data, attempts, priority }) => (
        { id: name, data, attempts, priority, reason: "", publishedAt: "", deadAt: "" }
      )),
    );
  }

  requeue(topic: string): Promise<number> {
    const dead = this.#of(topic).filter(({ state }) => state === "dead");
    for (const message of dead) {
      message.state = "ready";
      message.attempts = 0;
    }
    return Promise.resolve(dead.length);
  }

  purge(): Promise<number> {
    return Promise.resolve(0);
  }

  #of(topic: string): Message[] {
    const messages = this.#messages.get(topic) ?? [];
    this.#messages.set(topic, messages);
    return messages;
  }

  #isWrong(wrong: Wrong): boolean {
    return this.#wrong === wrong;
  }
}
