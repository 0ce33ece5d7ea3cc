/**
 * Judges in which order a queue's messages came: in each lane the highest priority first, then as they were published.
 * Only pairs whose order is certain count: a delivery that nobody saw, because its consumer was gone, may have been
 * handed back without a trace, and others delivered meanwhile.
 */
import type { SimulatedTopic } from "./queue_history.ts";
import { type Handed, nameOf, type Publication, type Span, type Stories } from "./queue_stories.ts";

export interface OrderJudgement {
  readonly violations: readonly string[];
  /** How many pairs were judged. */
  readonly pairs: number;
}

/** A message in whose way nothing was but others before it. */
interface Plain {
  readonly publication: Publication;
  readonly handed: Handed;
}

/** A delivery to a consumer that is gone may be handed back this long after its call ended. */
const HANDED_BACK_MS = 30_000;
/** One that was late for a consumer who was told that there is nothing: its peer hands back at once. */
const LATE_MS = 5_000;

export function judgeOrder(stories: Stories, topics: readonly SimulatedTopic[]): OrderJudgement {
  const violations = answerViolations(stories);
  let pairs = 0;
  for (const topic of topics) {
    // With several lanes, what comes second is handed back: an ordinary day there.
    if (topic.lanes > 1) continue;
    const plain = plainOnes(stories, topic.name);
    for (const first of plain) {
      for (const second of plain) {
        if (first === second || !isBefore(first.publication, second.publication)) continue;
        if (first.handed.delivery.priority !== second.handed.delivery.priority) continue;
        pairs++;
        if (!comesBefore(second.handed, first.handed)) continue;
        violations.push(`out of order: ${nameOf(second.handed)}; ${nameOf(first.handed)}`);
      }
    }
    violations.push(...inversions(stories, topic.name, plain));
  }
  return { violations, pairs };
}

/** What one answer holds of one lane is in order of priority. */
function answerViolations({ consumes }: Stories): string[] {
  const violations: string[] = [];
  for (const { deliveries } of consumes) {
    const lowest = new Map<number, number>();
    for (const { lane, priority, mark } of deliveries) {
      if (priority > (lowest.get(lane) ?? Infinity)) {
        violations.push(`${mark} stands behind a lower priority in one answer`);
      }
      lowest.set(lane, priority);
    }
  }
  return violations;
}

function plainOnes(stories: Stories, topic: string): Plain[] {
  const disturbances = disturbancesOf(stories, topic);
  const plain: Plain[] = [];
  for (const { topic: of, publication, deliveries, settles } of stories.messages) {
    const [handed, ...others] = deliveries;
    if (of !== topic || handed === undefined || others.length > 0) continue;
    const { result, delayMs, ttlMs } = publication.item;
    if (result.kind !== "stored" || delayMs > 0 || ttlMs !== null) continue;
    if (handed.delivery.attempts !== 1 || handed.unsure) continue;
    if (settles.some(({ kind }) => kind === "refuse")) continue;
    const life = { callMs: publication.callMs, returnMs: handed.returnMs };
    if (disturbances.some((span) => overlap(span, life))) continue;
    plain.push({ publication, handed });
  }
  return plain;
}

/** When something may have been delivered to nobody, and handed back; or begun anew. */
function disturbancesOf({ consumes, requeues }: Stories, topic: string): Span[] {
  return [
    ...consumes.filter((consume) =>
      consume.topic === topic && (consume.unsure || consume.deliveries.length === 0)
    ).map(({ callMs, returnMs, unsure }) => (
      { callMs, returnMs: returnMs + (unsure ? HANDED_BACK_MS : LATE_MS) }
    )),
    ...requeues.filter((requeue) => requeue.topic === topic),
  ];
}

/** A higher priority that was certainly ready all the time goes first. */
function inversions({ consumes }: Stories, topic: string, plain: readonly Plain[]): string[] {
  const violations: string[] = [];
  for (const consume of consumes) {
    if (consume.topic !== topic || consume.unsure) continue;
    for (const { publication, handed } of plain) {
      if (publication.returnMs >= consume.callMs || handed.callMs <= consume.returnMs) continue;
      for (const { mark, priority } of consume.deliveries) {
        if (priority >= publication.item.priority) continue;
        violations.push(`${mark} of priority ${priority} was delivered before ${nameOf(handed)}`);
      }
    }
  }
  return violations;
}

function isBefore(left: Publication, right: Publication): boolean {
  if (left.operation === right.operation) return left.place < right.place;
  return left.returnMs < right.callMs;
}

function comesBefore(left: Handed, right: Handed): boolean {
  if (left.operation === right.operation) return left.place < right.place;
  return left.returnMs < right.callMs;
}

function overlap(left: Span, right: Span): boolean {
  return left.callMs <= right.returnMs && right.callMs <= left.returnMs;
}
