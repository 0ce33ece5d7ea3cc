/**
 * What clients of the queue asked and were told, with the true times of both: the input of the checkers. One event
 * here is one operation of a user, whatever number of attempts it took. A message is known by its mark: its body,
 * which no other publish has, whatever id it was published under.
 */
import type { Operation } from "./linearizability.ts";

/** A topic as all clients of a simulation take it to be. */
export interface SimulatedTopic {
  readonly name: string;
  readonly lanes: number;
  readonly visibilityMs: number;
  /** 0: messages never die. */
  readonly maxAttempts: number;
  readonly dedupWindowMs: number;
}

export type QueueInput = PublishInput | ConsumeInput | SettleInput | RequeueInput | StatsInput;

export interface PublishInput {
  readonly kind: "publish";
  readonly topic: string;
  /** In the order of the batch. */
  readonly items: readonly PublishedMark[];
}

export interface PublishedMark {
  readonly mark: string;
  /** The caller's own id; null: the partition's. */
  readonly givenId: string | null;
  readonly key: string | null;
  readonly priority: number;
  readonly delayMs: number;
  readonly ttlMs: number | null;
  readonly result: PublishedResult;
}

export type PublishedResult =
  | { readonly kind: "stored"; readonly id: string }
  /** @property ownPerhaps: an earlier attempt of the same operation may be what stored it. */
  | { readonly kind: "duplicate"; readonly id: string; readonly ownPerhaps: boolean }
  /** It certainly was not stored. */
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

export interface ConsumeInput {
  readonly kind: "consume";
  readonly topic: string;
  readonly visibilityMs: number;
  /** In the order of the answer; empty also where no answer came. */
  readonly deliveries: readonly SeenDelivery[];
  /** Something may have been delivered that nobody saw: an attempt whose outcome is not known. */
  readonly unsure: boolean;
}

export interface SeenDelivery {
  readonly mark: string;
  readonly id: string;
  readonly receipt: string;
  readonly lane: number;
  readonly attempts: number;
  readonly priority: number;
  readonly key: string | null;
}

/** Of one delivery; several in one request are several of these. */
export interface SettleInput {
  readonly kind: "acknowledge" | "refuse" | "extend";
  readonly topic: string;
  readonly mark: string;
  /** Of the delivery that the client has. */
  readonly receipt: string;
  /** The message's id alone was sent: any delivery may be meant. */
  readonly byId: boolean;
  /** Of refuse; null: the topic's back-off. */
  readonly delayMs: number | null;
  /** Of extend. */
  readonly visibilityMs: number | null;
  readonly result: "ok" | "notFound" | "stale" | "unknown";
}

/** All dead letters of the topic are put back, or some. */
export interface RequeueInput {
  readonly kind: "requeue";
  readonly topic: string;
}

/** A topic's counts were read. */
export interface StatsInput {
  readonly kind: "stats";
  readonly topic: string;
  readonly published: number;
  readonly acknowledged: number;
}

export type QueueOperation = Operation<QueueInput>;

/** What was left of a topic when all faults and all clients had ended. */
export interface TopicEnding {
  readonly topic: string;
  readonly lanes: number;
  readonly deadMarks: readonly string[];
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
  readonly published: number;
  readonly acknowledged: number;
  readonly expired: number;
  readonly purged: number;
}

/** One line for a person: when, what, and what came of it. */
export function describeQueueOperation({ input, callMs, returnMs }: QueueOperation): string {
  const when = `${callMs.toFixed(1)} .. ${returnMs === Infinity ? "?" : returnMs.toFixed(1)} ms`;
  return `${when}  ${describeInput(input)}`;
}

function describeInput(input: QueueInput): string {
  switch (input.kind) {
    case "publish":
      return `publish ${input.topic} [${input.items.map(describeItem).join(", ")}]`;
    case "consume": {
      const seen = input.deliveries.map(({ mark, receipt, attempts, priority }) =>
        `${mark} (${receipt}, attempt ${attempts}, priority ${priority})`
      );
      const unsure = input.unsure ? ", perhaps more" : "";
      return `consume ${input.topic} for ${input.visibilityMs} ms: [${seen.join(", ")}]${unsure}`;
    }
    case "requeue":
      return `requeue ${input.topic}`;
    case "stats": {
      const { topic, published, acknowledged } = input;
      return `stats ${topic}: ${published} published, ${acknowledged} acknowledged`;
    }
    default: {
      const name = input.byId ? "by id" : input.receipt;
      return `${input.kind} ${input.topic} ${input.mark} (${name}): ${input.result}`;
    }
  }
}

function describeItem(item: PublishedMark): string {
  const { mark, givenId, priority, delayMs, ttlMs, result } = item;
  const id = givenId === null ? "" : ` id ${givenId}`;
  const delay = delayMs > 0 ? ` delay ${delayMs}` : "";
  const ttl = ttlMs === null ? "" : ` ttl ${ttlMs}`;
  return `${mark}${id} priority ${priority}${delay}${ttl}: ${result.kind}`;
}
