/**
 * A queue's history, told message by message: who published it, who got it, and what they did with it. All in the
 * order in which the calls returned.
 */
import { CLOCK_DRIFT_MAX } from "./fault_rates.ts";
import type {
  ConsumeInput,
  PublishedMark,
  PublishInput,
  QueueInput,
  QueueOperation,
  RequeueInput,
  SeenDelivery,
  SettleInput,
  StatsInput,
} from "./queue_history.ts";

/** When a call was under way, in true time. */
export interface Span {
  readonly callMs: number;
  readonly returnMs: number;
}

export type Settle = Span & SettleInput;

export interface Publication extends Span {
  readonly item: PublishedMark;
  /** Of the operation, equal for all of a batch. */
  readonly operation: QueueOperation;
  /** In the batch. */
  readonly place: number;
}

export interface Handed extends Span {
  readonly delivery: SeenDelivery;
  readonly visibilityMs: number;
  readonly unsure: boolean;
  readonly operation: QueueOperation;
  /** In the answer. */
  readonly place: number;
}

export interface MessageStory {
  readonly topic: string;
  readonly mark: string;
  readonly publication: Publication;
  readonly deliveries: readonly Handed[];
  readonly settles: readonly Settle[];
}

export interface Stories {
  readonly messages: readonly MessageStory[];
  /** Of marks that nobody published in that topic. */
  readonly strays: readonly Handed[];
  readonly consumes: readonly (Span & ConsumeInput)[];
  readonly requeues: readonly (Span & RequeueInput)[];
  readonly stats: readonly (Span & StatsInput)[];
}

interface OpenStory extends MessageStory {
  readonly deliveries: Handed[];
  readonly settles: Settle[];
}

/** Group time is stamped in whole milliseconds: a span may look this much shorter. */
const ROUNDING_MS = 2;

/** @throws what a checker's caller did wrong: a mark published twice, or settled without a delivery */
export function storiesOf(history: readonly QueueOperation[]): Stories {
  const stories = new Map<string, OpenStory>();
  const strays: Handed[] = [];
  for (const operation of of(history, "publish")) {
    for (const story of begun(operation)) {
      const key = keyOf(story.topic, story.mark);
      if (stories.has(key)) throw new TypeError(`the mark ${story.mark} was published twice`);
      stories.set(key, story);
    }
  }
  const consumes = of(history, "consume");
  for (const operation of consumes) {
    for (const handed of handedBy(operation)) {
      const story = stories.get(keyOf(operation.input.topic, handed.delivery.mark));
      (story?.deliveries ?? strays).push(handed);
    }
  }
  for (const kind of ["acknowledge", "refuse", "extend"] as const) {
    for (const { input, callMs, returnMs } of of(history, kind)) {
      stories.get(keyOf(input.topic, input.mark))?.settles.push({ ...input, callMs, returnMs });
    }
  }
  for (const { settles } of stories.values()) {
    settles.sort((left, right) => left.returnMs - right.returnMs);
  }
  return {
    messages: [...stories.values()],
    strays,
    consumes: consumes.map(flat),
    requeues: of(history, "requeue").map(flat),
    stats: of(history, "stats").map(flat),
  };
}

/** @returns the earliest true time at which a span of group time may end that began after `fromMs` */
export function spanEndMs(fromMs: number, lengthMs: number): number {
  return fromMs + lengthMs / (1 + CLOCK_DRIFT_MAX) - ROUNDING_MS;
}

export function isAcknowledged({ settles }: MessageStory): boolean {
  return settles.some(({ kind, result }) => kind === "acknowledge" && result === "ok");
}

export function nameOf({ delivery, callMs, returnMs }: Handed): string {
  const { mark, receipt, attempts } = delivery;
  const when = `${callMs.toFixed(1)} .. ${returnMs.toFixed(1)} ms`;
  return `${mark} by ${receipt}, attempt ${attempts}, ${when}`;
}

type OperationOf<Kind> = QueueOperation & {
  readonly input: Extract<QueueInput, { readonly kind: Kind }>;
};

function of<Kind extends QueueInput["kind"] & string>(
  history: readonly QueueOperation[],
  kind: Kind,
): OperationOf<Kind>[] {
  const found = history.filter((operation): operation is OperationOf<Kind> =>
    operation.input.kind === kind
  );
  return found.sort((left, right) => left.returnMs - right.returnMs);
}

function flat<Input>({ input, callMs, returnMs }: Span & { readonly input: Input }): Span & Input {
  return { ...input, callMs, returnMs };
}

function begun(operation: Span & { readonly input: PublishInput }): OpenStory[] {
  const { input, callMs, returnMs } = operation;
  return input.items.map((item, place) => ({
    topic: input.topic,
    mark: item.mark,
    publication: { item, operation, place, callMs, returnMs },
    deliveries: [],
    settles: [],
  }));
}

function handedBy(operation: Span & { readonly input: ConsumeInput }): Handed[] {
  const { input, callMs, returnMs } = operation;
  const { visibilityMs, unsure } = input;
  return input.deliveries.map((delivery, place) => (
    { delivery, visibilityMs, unsure, operation, place, callMs, returnMs }
  ));
}

function keyOf(topic: string, mark: string): string {
  return `${topic} ${mark}`;
}
