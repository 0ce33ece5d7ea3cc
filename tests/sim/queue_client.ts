/**
 * One user of the queue in the simulation. It publishes and consumes through peers at random, and behaves as users
 * do: batches, ids of its own and the same id twice, long polls, refusals, extensions; it retries with the same
 * request id, forgets what it got, goes away while it waits. Everything it saw goes into the history.
 */
import type { PublishedItem, PublishItem } from "../../src/queue/queue.ts";
import { parseReceipt } from "../../src/queue/message_names.ts";
import type { Called } from "./caller.ts";
import type {
  PublishedMark,
  PublishedResult,
  QueueInput,
  SeenDelivery,
  SettleInput,
  SimulatedTopic,
} from "./queue_history.ts";
import { SafetyViolation } from "./raft_checker.ts";
import { type ClientEdges, SimulatedClient } from "./simulated_client.ts";

export interface QueueClientEdges extends ClientEdges<QueueInput> {
  /** The topics that are there by now. */
  topics(): readonly SimulatedTopic[];
}

interface Held extends SeenDelivery {
  readonly topic: string;
}

/** A duplicate is one within its lane: the same key goes with it. */
type RecentId = Pick<PublishedMark, "givenId" | "key">;
type SettleKind = SettleInput["kind"];
type PlannedItem = Omit<PublishedMark, "result">;

/** Ids of its own that may come a second time. */
const RECENT_IDS = 4;
const KEYS = ["north", "south", "east", "west"];

export class QueueClient extends SimulatedClient<QueueInput, QueueClientEdges> {
  readonly #recent = new Map<string, RecentId[]>();
  /** Topics that are there: something was published to them. */
  readonly #used = new Set<string>();
  #held: Held[] = [];
  #marks = 0;

  protected override operate(): Promise<void> {
    const { random } = this.edges;
    const topics = this.edges.topics();
    if (topics.length === 0) return Promise.resolve();
    const topic = random.pick(topics);
    const dice = random.fraction();
    if (this.#held.length === 0 || dice < 0.35) {
      if (this.#used.has(topic.name)) {
        if (random.chance(0.03)) return this.#requeue(topic);
        if (random.chance(0.05)) return this.#stats(topic);
      }
      return random.chance(0.55) ? this.#publish(topic) : this.#consume(topic);
    }
    if (dice < 0.75) return this.#settle("acknowledge");
    if (dice < 0.86) return this.#settle("refuse");
    if (dice < 0.95) return this.#settle("extend");
    this.#held = [];
    return Promise.resolve();
  }

  async #publish(topic: SimulatedTopic): Promise<void> {
    const { random } = this.edges;
    const count = random.chance(0.6) ? 1 : random.integer(2, 6);
    const planned = Array.from({ length: count }, () => this.#plan(topic));
    const items = planned.map(({ mark, givenId, ...item }): PublishItem => (
      { ...item, id: givenId, data: new TextEncoder().encode(JSON.stringify(mark)) }
    ));
    const request = this.caller.requestKey();
    // Ids make every retry safe; without them only the same request may come again.
    const mayRetry = request !== null || planned.every(({ givenId }) => givenId !== null);
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.queue().publish({ topic: topic.name, items, request }),
      { mayRetry, waitMs: 0, signal: null },
    );
    if (called.kind === "answer" && called.value.every(({ ok }) => ok)) this.#used.add(topic.name);
    const results = planned.map((_, place) => resultOf(called, place));
    const marks = planned.map((item, place) => ({ ...item, result: results[place]! }));
    this.record(callMs, { kind: "publish", topic: topic.name, items: marks }, called);
  }

  #plan(topic: SimulatedTopic): PlannedItem {
    const { random } = this.edges;
    const mark = `${this.name}-${++this.#marks}`;
    const key = random.chance(0.5) ? random.pick(KEYS) : null;
    return {
      mark,
      ...(random.chance(0.4) ? this.#idFor(topic, mark, key) : { givenId: null, key }),
      priority: random.chance(0.6) ? 0 : random.integer(1, 9),
      delayMs: random.chance(0.85) ? 0 : random.integer(1, 2_000),
      ttlMs: random.chance(0.9) ? null : random.integer(500, 5_000),
    };
  }

  /** New, or one that was published a moment ago. */
  #idFor({ name }: SimulatedTopic, mark: string, key: string | null): RecentId {
    const { random } = this.edges;
    const recent = this.#recent.get(name) ?? [];
    if (recent.length > 0 && random.chance(0.2)) return random.pick(recent);
    const id = { givenId: `id-${mark}`, key };
    this.#recent.set(name, [id, ...recent].slice(0, RECENT_IDS));
    return id;
  }

  async #consume(topic: SimulatedTopic): Promise<void> {
    const { random } = this.edges;
    const waitMs = random.chance(0.4) ? 0 : random.integer(100, 4_000);
    const visibilityMs = random.chance(0.3) ? null : random.integer(500, 5_000);
    const request = this.caller.requestKey();
    const vanishing = waitMs > 0 && random.chance(0.1) ? new AbortController() : null;
    const max = random.chance(0.5) ? 1 : random.integer(2, 8);
    const callMs = this.nowMs;
    const asked = {
      topic: topic.name,
      consumer: random.chance(0.5) ? this.name : null,
      max,
      waitMs,
      visibilityMs,
      request,
    };
    const call = this.caller.call(
      (peer, signal) => peer.queue().consume({ ...asked, signal }),
      // What another attempt got is handed back, or comes again: at-least-once.
      { mayRetry: true, waitMs, signal: vanishing?.signal ?? null },
    );
    const input = {
      kind: "consume",
      topic: topic.name,
      visibilityMs: visibilityMs ?? topic.visibilityMs,
      deliveries: [],
      unsure: true,
    } as const;
    if (vanishing !== null) {
      const vanished = await this.caller.vanish(call, vanishing, random.fraction() * waitMs);
      if (vanished) return this.push(callMs, input);
    }
    const called = await call;
    if (called.kind === "refused") return;
    if (called.kind === "unknown") return this.push(callMs, input);
    if (called.value.length > max) {
      throw new SafetyViolation(`${called.value.length} deliveries were given, not ${max}`);
    }
    const deliveries = called.value.map(seen);
    const { unsure } = called;
    this.push(callMs, { ...input, deliveries, unsure });
    this.#held.push(...deliveries.map((delivery) => ({ ...delivery, topic: topic.name })));
  }

  /** One delivery, or all that it has of that topic. */
  async #settle(kind: SettleKind): Promise<void> {
    const { random } = this.edges;
    const one = random.pick(this.#held);
    const settled = random.chance(0.6)
      ? [one]
      : this.#held.filter((held) => held.topic === one.topic);
    const byId = random.chance(0.1);
    const deliveries = settled.map(({ id, receipt }) =>
      byId ? { id, receipt: null } : { id: random.chance(0.5) ? id : null, receipt }
    );
    const request = this.caller.requestKey();
    const asked = { topic: one.topic, deliveries, request };
    const delayMs = random.chance(0.5) ? null : random.integer(0, 1_500);
    const visibilityMs = random.integer(500, 5_000);
    const callMs = this.nowMs;
    const called = await this.caller.call(({ queue }) => {
      if (kind === "acknowledge") return queue().acknowledge(asked);
      if (kind === "refuse") return queue().refuse({ ...asked, delayMs, reason: null });
      return queue().extend({ ...asked, visibilityMs });
    }, { mayRetry: true, waitMs: 0, signal: null });
    if (kind !== "extend") this.#held = this.#held.filter((held) => !settled.includes(held));
    // With several lanes some may have settled their part.
    if (called.kind === "refused" && !this.#hasLanes(one.topic)) return;
    for (const [place, { topic, mark, receipt }] of settled.entries()) {
      const input: SettleInput = {
        kind,
        topic,
        mark,
        receipt,
        byId,
        delayMs: kind === "refuse" ? delayMs : null,
        visibilityMs: kind === "extend" ? visibilityMs : null,
        result: settledAs(called, place, request === null),
      };
      this.push(callMs, input, called.kind === "answer" ? this.nowMs : Infinity);
    }
  }

  #hasLanes(topic: string): boolean {
    return this.edges.topics().some(({ name, lanes }) => name === topic && lanes > 1);
  }

  async #requeue({ name }: SimulatedTopic): Promise<void> {
    const request = this.caller.requestKey();
    const callMs = this.nowMs;
    const which = { ids: null, ratePerSecond: null };
    const called = await this.caller.call(
      (peer, signal) => peer.queue().requeue(name, which, request, signal),
      { mayRetry: true, waitMs: 0, signal: null },
    );
    if (called.kind !== "refused") this.record(callMs, { kind: "requeue", topic: name }, called);
  }

  async #stats({ name }: SimulatedTopic): Promise<void> {
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.queue().stats(name, { stale: false }),
      { mayRetry: true, waitMs: 0, signal: null },
    );
    if (called.kind !== "answer") return;
    const { published, acknowledged } = called.value.totals;
    this.record(callMs, { kind: "stats", topic: name, published, acknowledged }, called);
  }
}

/** @throws {SafetyViolation} where it is none of the simulation's messages */
export function seen(
  { id, data, receipt, attempts, priority, key }: {
    readonly id: string;
    readonly data: Uint8Array;
    readonly receipt: string;
    readonly attempts: number;
    readonly priority: number;
    readonly key: string | null;
  },
): SeenDelivery {
  const place = parseReceipt(receipt);
  if (place === null) throw new SafetyViolation(`not a receipt: ${receipt}`);
  return { mark: markOf(data), id, receipt, lane: place.lane, attempts, priority, key };
}

export function markOf(data: Uint8Array): string {
  return JSON.parse(new TextDecoder().decode(data));
}

function resultOf(called: Called<readonly PublishedItem[]>, place: number): PublishedResult {
  if (called.kind !== "answer") return { kind: called.kind };
  const item = called.value[place];
  if (item === undefined) throw new SafetyViolation(`no result for item ${place} of a batch`);
  if (!item.ok) {
    const isUnknown = called.unsure || item.code === "OUTCOME_UNKNOWN";
    return { kind: isUnknown ? "unknown" : "refused" };
  }
  const { id } = item;
  return item.duplicate
    ? { kind: "duplicate", id, ownPerhaps: called.unsure }
    : { kind: "stored", id };
}

/** @param anew whether each attempt was another request: then an earlier one may have settled it */
function settledAs(
  called: Called<
    readonly ({ readonly ok: true } | { readonly ok: false; readonly code: string })[]
  >,
  place: number,
  anew: boolean,
): SettleInput["result"] {
  if (called.kind !== "answer") return "unknown";
  const result = called.value[place];
  if (result === undefined) throw new SafetyViolation(`no result for delivery ${place}`);
  if (result.ok) return "ok";
  if (called.unsure && anew) return "unknown";
  return result.code === "NOT_FOUND" ? "notFound" : "stale";
}
