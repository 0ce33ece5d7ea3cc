/**
 * Judges a history of queue operations: at-least-once and what comes with it. Every rule holds in true time, with
 * clocks as far apart as any seed has them; what a caller never learned may have happened, or not. The order in
 * which messages come is judged in `queue_order_checker.ts`, what is left of them in `queue_ending_checker.ts`, and what
 * reads say in `queue_stats_checker.ts`.
 */
import { endingViolations } from "./queue_ending_checker.ts";
import type { QueueOperation, SimulatedTopic, TopicEnding } from "./queue_history.ts";
import { judgeOrder } from "./queue_order_checker.ts";
import { statsViolations } from "./queue_stats_checker.ts";
import {
  type Handed,
  isAcknowledged,
  type MessageStory,
  nameOf,
  type Settle,
  spanEndMs,
  type Stories,
  storiesOf,
} from "./queue_stories.ts";

export interface QueueJudgement {
  readonly violations: readonly string[];
  /** Messages that somebody got. */
  readonly delivered: number;
  readonly acknowledged: number;
  /** Pairs of messages whose order was certain, and was judged. */
  readonly ordered: number;
}

/**
 * @param history the whole history, of all topics
 * @param endings what was left of each topic; null: the history may go on, and is judged as far as it goes
 */
export function judgeQueue(
  history: readonly QueueOperation[],
  topics: readonly SimulatedTopic[],
  endings: readonly TopicEnding[] | null,
): QueueJudgement {
  const stories = storiesOf(history);
  const order = judgeOrder(stories, topics);
  const violations = [
    ...stories.strays.map((handed) => `delivered and never published: ${nameOf(handed)}`),
    ...receiptViolations(stories),
    ...identityViolations(stories, topics),
    ...topics.flatMap((topic) =>
      stories.messages.filter((story) => story.topic === topic.name)
        .flatMap((story) => messageViolations(story, stories, topic))
    ),
    ...order.violations,
    ...statsViolations(stories),
    ...(endings === null ? [] : endingViolations(stories, endings)),
  ];
  const delivered = stories.messages.filter(({ deliveries }) => deliveries.length > 0).length;
  const acknowledged = stories.messages.filter((story) => isAcknowledged(story)).length;
  return { violations, delivered, acknowledged, ordered: order.pairs };
}

/** A receipt belongs to one delivery, in the whole cluster and for ever. */
function receiptViolations({ messages, strays }: Stories): string[] {
  const violations: string[] = [];
  const first = new Map<string, Handed>();
  for (const handed of [...messages.flatMap(({ deliveries }) => deliveries), ...strays]) {
    const { receipt } = handed.delivery;
    const other = first.get(receipt);
    if (other === undefined) first.set(receipt, handed);
    else violations.push(`a receipt was given twice: ${nameOf(other)}; ${nameOf(handed)}`);
  }
  return violations;
}

/** An id names one message within the window, and a duplicate is one of something. */
function identityViolations({ messages }: Stories, topics: readonly SimulatedTopic[]): string[] {
  const violations: string[] = [];
  const windowMs = new Map(topics.map(({ name, dedupWindowMs }) => [name, dedupWindowMs]));
  const byId = new Map<string, MessageStory[]>();
  for (const story of messages) {
    const { result, givenId } = story.publication.item;
    const id = givenId ?? (result.kind === "stored" ? result.id : null);
    if (id === null) continue;
    if ("id" in result && result.id !== id) {
      violations.push(`${story.mark} was published as ${givenId} and answered as ${result.id}`);
    }
    const key = `${story.topic} ${id}`;
    byId.set(key, [...byId.get(key) ?? [], story]);
  }
  for (const [id, stories] of byId) {
    const isStored = ({ publication }: MessageStory) => publication.item.result.kind === "stored";
    const stored = stories.filter(isStored);
    for (const [place, later] of stored.entries()) {
      const earlier = stored[place - 1];
      if (earlier === undefined) continue;
      const window = windowMs.get(earlier.topic) ?? 0;
      if (later.publication.returnMs >= spanEndMs(earlier.publication.callMs, window)) continue;
      violations.push(`${id} was stored twice: as ${earlier.mark} and as ${later.mark}`);
    }
    violations.push(...duplicateViolations(id, stories));
  }
  return violations;
}

function duplicateViolations(id: string, stories: readonly MessageStory[]): string[] {
  return stories.flatMap(({ mark, publication: { item, returnMs }, deliveries }) => {
    const { result } = item;
    if (result.kind !== "duplicate" || result.ownPerhaps) return [];
    if (deliveries.length > 0) return [`${mark} was a duplicate of ${id}, and was delivered`];
    const mayBe = stories.some(({ publication: other }) =>
      other.item !== item && other.callMs <= returnMs && other.item.result.kind !== "refused"
    );
    return mayBe ? [] : [`${mark} was called a duplicate of ${id}, which nobody had published`];
  });
}

function messageViolations(
  story: MessageStory,
  stories: Stories,
  topic: SimulatedTopic,
): string[] {
  return [
    ...contentViolations(story),
    ...earlyViolations(story, stories),
    ...afterAcknowledgement(story),
    ...holdViolations(story, stories),
    ...attemptViolations(story, stories, topic),
  ];
}

/** What is delivered is what was published, and was published by then. */
function contentViolations({ publication, deliveries }: MessageStory): string[] {
  const { item, callMs } = publication;
  const violations: string[] = [];
  for (const handed of deliveries) {
    const { delivery, returnMs } = handed;
    const wanted = "id" in item.result ? item.result.id : item.givenId ?? delivery.id;
    const isSame = delivery.id === wanted && delivery.priority === item.priority &&
      delivery.key === item.key;
    if (!isSame) violations.push(`not as it was published: ${nameOf(handed)}`);
    if (returnMs < callMs) violations.push(`delivered before it was published: ${nameOf(handed)}`);
    if (item.result.kind !== "refused") continue;
    violations.push(`its publish was refused, and yet it was delivered: ${nameOf(handed)}`);
  }
  return violations;
}

/** Neither a delay nor that of a refusal is cut short, unless the refusal made it a dead letter that was put back. */
function earlyViolations(
  { topic, publication, deliveries, settles }: MessageStory,
  { requeues }: Stories,
): string[] {
  const { item, callMs } = publication;
  const readyMs = spanEndMs(callMs, item.delayMs);
  const early = item.delayMs === 0 ? [] : deliveries.filter(({ returnMs }) => returnMs < readyMs);
  const violations = early.map((handed) => `before its delay was over: ${nameOf(handed)}`);
  for (const refusal of settles) {
    if (refusal.kind !== "refuse" || refusal.result !== "ok" || (refusal.delayMs ?? 0) === 0) {
      continue;
    }
    const againMs = spanEndMs(refusal.callMs, refusal.delayMs!);
    for (const handed of deliveries) {
      if (handed.callMs <= refusal.returnMs || handed.returnMs >= againMs) continue;
      if (wasPutBack(requeues, topic, handed)) continue;
      violations.push(`before the delay of its refusal was over: ${nameOf(handed)}`);
    }
  }
  return violations;
}

/** Acknowledged is gone; and only the delivery that is current can be acknowledged by its receipt. */
function afterAcknowledgement({ deliveries, settles }: MessageStory): string[] {
  const violations: string[] = [];
  for (const { kind, result, receipt, byId, callMs, returnMs } of settles) {
    if (result !== "ok") continue;
    for (const handed of deliveries) {
      if (kind === "acknowledge" && handed.callMs > returnMs) {
        violations.push(`delivered after it was acknowledged: ${nameOf(handed)}`);
      }
      const own = deliveries.find(({ delivery }) => delivery.receipt === receipt);
      const isLater = own !== undefined && handed.callMs > own.returnMs;
      if (!byId && isLater && handed.returnMs < callMs) {
        violations.push(`${kind} by ${receipt}, which was stale after: ${nameOf(handed)}`);
      }
    }
  }
  return violations;
}

/**
 * As long as a delivery's visibility timeout certainly runs, and nobody refused it, no other comes. But what a second
 * attempt got under the same request id is handed back where the first one's peer learns late that its client went.
 */
function holdViolations(story: MessageStory, { requeues }: Stories): string[] {
  const { topic, deliveries, settles } = story;
  const violations: string[] = [];
  for (const held of deliveries) {
    if (held.unsure) continue;
    for (const next of deliveries) {
      if (next.delivery.attempts <= held.delivery.attempts) continue;
      if (next.returnMs < held.callMs || next.returnMs >= holdEndMs(held, settles)) continue;
      const wasRefused = settles.some((settle) =>
        settle.kind === "refuse" && isPossible(settle) && settle.callMs < next.returnMs
      );
      const isAnew = [held, next].some((handed) => wasPutBack(requeues, topic, handed));
      if (wasRefused || isAnew) continue;
      violations.push(`delivered while another had it: ${nameOf(held)}; ${nameOf(next)}`);
    }
  }
  return violations;
}

/** Whether it may be a dead letter's that was put back. */
function wasPutBack(requeues: Stories["requeues"], topic: string, handed: Handed): boolean {
  return requeues.some((each) => each.topic === topic && each.callMs < handed.returnMs);
}

/** The earliest true time at which this delivery's visibility timeout may be over. */
function holdEndMs({ delivery, callMs, visibilityMs }: Handed, settles: readonly Settle[]): number {
  const extensions = settles.filter((settle) =>
    settle.kind === "extend" && isPossible(settle) &&
    (settle.byId || settle.receipt === delivery.receipt)
  );
  const ends = extensions.map((extension) => spanEndMs(extension.callMs, extension.visibilityMs!));
  const isPlain = extensions.every(({ result, byId, callMs: laterMs }, place) =>
    result === "ok" && !byId && (place === 0 || extensions[place - 1]!.returnMs < laterMs)
  );
  if (isPlain && ends.length > 0) return ends.at(-1)!;
  return Math.min(spanEndMs(callMs, visibilityMs), ...ends);
}

function isPossible({ result }: Settle): boolean {
  return result === "ok" || result === "unknown";
}

/** Attempts count up, and end at the topic's maximum. Only putting back begins anew. */
function attemptViolations(
  { topic: name, deliveries }: MessageStory,
  { requeues }: Stories,
  { maxAttempts }: SimulatedTopic,
): string[] {
  const violations: string[] = [];
  for (const handed of deliveries) {
    const { attempts } = handed.delivery;
    if (attempts < 1 || (maxAttempts > 0 && attempts > maxAttempts)) {
      violations.push(`more attempts than ${maxAttempts}: ${nameOf(handed)}`);
    }
    for (const before of deliveries) {
      if (before.unsure || before.returnMs >= handed.callMs) continue;
      if (before.delivery.attempts < attempts) continue;
      if (requeues.some(({ topic, callMs }) => topic === name && callMs < handed.returnMs)) {
        continue;
      }
      violations.push(`attempts do not count up: ${nameOf(before)}; ${nameOf(handed)}`);
    }
  }
  return violations;
}
