/**
 * What the queue's machine answers, and what an applied entry causes beside its answer. Answers travel to the
 * proposer as msgpack, and are remembered with request ids: they are plain and short, numbers rather than
 * texts (`message_names.ts` makes those). No answer says where bytes lie, because that is each replica's own: the
 * service at the leader asks its own machine (`QueueMachine.bodies`) for the numbers that an answer names.
 */
import type { Effect } from "../groups/machine.ts";
import type { RefusedAnswer } from "../groups/refusal.ts";
import type { TopicSettings } from "./topic_options.ts";

export interface PublishedAnswer {
  readonly kind: "published";
  /** The number of the first message that is new; each further one has the next number. */
  readonly first: number;
  /** Places in the batch, ascending, whose id was seen within the window: they have no number. */
  readonly duplicates: readonly number[];
}

/** `[number, id, delivery, attempts, priority, publishedMs, visibleUntilMs]`; `id` null: given by the partition */
export type DeliveredMessage = readonly [
  number,
  string | null,
  number,
  number,
  number,
  number,
  number,
];

export interface DeliveredAnswer {
  readonly kind: "delivered";
  /** In the order of delivery; none where nothing is ready, or the topic is paused. */
  readonly messages: readonly DeliveredMessage[];
}

/** What became of one delivery that was settled. */
export const SETTLED = { ok: 0, notFound: 1, staleReceipt: 2 } as const;
export type Settled = typeof SETTLED[keyof typeof SETTLED];

export interface SettledAnswer {
  readonly kind: "settled";
  /** One for each delivery, in order. */
  readonly results: readonly Settled[];
}

export interface ConfiguredAnswer {
  readonly kind: "configured";
  /** As they are now; other lanes adopt them. */
  readonly settings: TopicSettings;
}

/** Of a requeue or a purge. */
export interface CountedAnswer {
  readonly kind: "counted";
  readonly count: number;
  /** Whether the same command again would find more. */
  readonly more: boolean;
}

export type QueueAnswer =
  | PublishedAnswer
  | DeliveredAnswer
  | SettledAnswer
  | ConfiguredAnswer
  | CountedAnswer
  | RefusedAnswer;

/** Something can be delivered in this lane, and may not have been before. At most once an entry and lane. */
export interface ReadyEffect extends Effect {
  readonly kind: "ready";
  readonly topic: string;
  readonly lane: number;
}

/** A delivery was not acknowledged in time. */
export interface ReturnedMessage {
  readonly id: string;
  readonly attempts: number;
}

/** Messages went back to their place because their visibility timeout was over. Once an entry and lane. */
export interface RedeliveryEffect extends Effect {
  readonly kind: "redelivery";
  readonly topic: string;
  readonly lane: number;
  readonly count: number;
  /** At most `MESSAGES_SHOWN_MAX` of them, oldest first. */
  readonly messages: readonly ReturnedMessage[];
}

/** Messages became dead letters. Once an entry and lane. */
export interface DeadLetterEffect extends Effect {
  readonly kind: "deadLetter";
  readonly topic: string;
  readonly lane: number;
  readonly count: number;
  /** At most `MESSAGES_SHOWN_MAX` of them, in the order in which they died. */
  readonly messages: readonly (ReturnedMessage & { readonly reason: string })[];
}

export type QueueEffect = ReadyEffect | RedeliveryEffect | DeadLetterEffect;

/** How many messages an effect names. */
export const MESSAGES_SHOWN_MAX = 128;
