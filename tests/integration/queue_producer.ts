/**
 * A producer that never stops for a failure. A publish without an outcome is asked for again where it has an id of
 * its own, and left open where it has none.
 */
import type { Published, PublishItem, QueueClient, SkeinError } from "../../src/client/mod.ts";
import type { QueueLedger } from "./queue_ledger.ts";
import { outcomeOf, rest, untilDone } from "./queue_outcome.ts";

const BATCH_MAX = 20;
const FILLER = "x".repeat(100);
const DELAY_MAX_MS = 1_000;
const AHEAD_PAUSE_MS = 20;

export interface ProducerOptions {
  readonly queue: QueueClient;
  readonly ledger: QueueLedger;
  /** Whether it publishes single messages, or batches. */
  readonly isSingle: boolean;
  readonly topic: () => string;
  /** @returns how many of `wanted` messages it may publish; 0: it is done */
  readonly claim: (wanted: number) => number;
  /** How long the publish of a single message took. */
  readonly took: (ms: number) => void;
  readonly restMs: number;
  /** Consumers are far behind: it waits for them. */
  readonly isAhead: () => boolean;
}

interface NewMessage {
  readonly mark: number;
  readonly item: PublishItem;
}

/** Publishes until it may no more. */
export async function produce(options: ProducerOptions): Promise<void> {
  const { isSingle, topic, claim, restMs, isAhead } = options;
  for (;;) {
    while (isAhead()) await rest(AHEAD_PAUSE_MS);
    const count = claim(isSingle ? 1 : Math.ceil(Math.random() * BATCH_MAX));
    if (count === 0) return;
    if (isSingle) await publishOne(options, topic());
    else await publishBatch(options, topic(), count);
    await rest(restMs);
  }
}

/** Half of them with an id; a few with a priority, a few with a delay. */
function newMessage(ledger: QueueLedger, topic: string): NewMessage {
  const id = Math.random() < 0.5 ? crypto.randomUUID() : null;
  const mark = ledger.publishing(topic, id);
  const item = {
    data: { mark, filler: FILLER },
    priority: Math.random() < 0.8 ? 0 : Math.floor(Math.random() * 10),
    delayMs: Math.random() < 0.05 ? Math.floor(Math.random() * DELAY_MAX_MS) : 0,
    ...(id === null ? {} : { id }),
    ...(Math.random() < 0.5 ? {} : { key: `key-${mark % 10}` }),
  };
  return { mark, item };
}

async function publishOne(
  { queue, ledger, took }: ProducerOptions,
  topic: string,
): Promise<void> {
  const { mark, item } = newMessage(ledger, topic);
  const { data, ...options } = item;
  let mayBeKnown = false;
  await untilDone(async () => {
    const beganMs = performance.now();
    const outcome = await outcomeOf(queue.publish(topic, data, options));
    took(performance.now() - beganMs);
    if (outcome.kind === "done") {
      ledger.published(mark, outcome.value.id, outcome.value.duplicate, mayBeKnown);
      return null;
    }
    if (outcome.kind === "not done") return outcome.error;
    mayBeKnown = true;
    if (item.id !== undefined) return outcome.error;
    ledger.publishUnknown(mark);
    return null;
  });
  if (item.id === undefined || Math.random() < 0.9) return;
  const again = await outcomeOf(queue.publish(topic, data, options));
  if (again.kind === "done") ledger.publishedAgain(mark, again.value.id, again.value.duplicate);
}

async function publishBatch(
  { queue, ledger }: ProducerOptions,
  topic: string,
  count: number,
): Promise<void> {
  let left = Array.from({ length: count }, () => newMessage(ledger, topic));
  let mayBeKnown = false;
  await untilDone(async () => {
    const outcome = await outcomeOf(queue.publishBatch(topic, left.map(({ item }) => item)));
    if (outcome.kind === "not done") return outcome.error;
    const results = outcome.kind === "done" ? outcome.value : partsOf(outcome.error);
    left = left.filter(({ mark, item }, place) => {
      const result = results?.[place] ?? null;
      if (result !== null) ledger.published(mark, result.id, result.duplicate, mayBeKnown);
      else if (item.id === undefined) ledger.publishUnknown(mark);
      return result === null && item.id !== undefined;
    });
    mayBeKnown = true;
    return left.length === 0 || outcome.kind === "done" ? null : outcome.error;
  });
}

/** Of a batch that failed in part: what became of each message; null where the error does not say. */
function partsOf({ details }: SkeinError): readonly (Published | null)[] | null {
  const results = details["results"] as readonly (Published & { success: boolean })[] | undefined;
  return results?.map((result) => result.success ? result : null) ?? null;
}
