/**
 * A consumer that never stops for a failure. It acknowledges most of what it gets, by receipt or by id alone, hands some
 * back, extends some, forgets some; and dies after a while, with messages in flight, often while it waits for more.
 */
import type { Delivery, QueueClient } from "../../src/client/mod.ts";
import type { QueueLedger } from "./queue_ledger.ts";
import { outcomeOf, rest } from "./queue_outcome.ts";

const MAX = 20;
const WAIT_MS = 500;
const ROUNDS_MAX = 40;
const FAILED_PAUSE_MS = 50;
const NACK_DELAY_MAX_MS = 500;

export interface ConsumerOptions {
  readonly queue: QueueClient;
  readonly ledger: QueueLedger;
  readonly topic: () => string;
  readonly isStopping: () => boolean;
}

/** One life of a consumer. */
export async function consumeUntilDeath(options: ConsumerOptions): Promise<void> {
  const { queue, ledger, topic: pick, isStopping } = options;
  const rounds = Math.ceil(Math.random() * ROUNDS_MAX);
  for (let round = 1; round <= rounds && !isStopping(); round++) {
    const isLast = round === rounds;
    const topic = pick();
    const signal = isLast ? AbortSignal.timeout(Math.random() * WAIT_MS) : null;
    const max = Math.ceil(Math.random() * MAX);
    const askedAt = ledger.moment();
    const asked = { max, waitMs: WAIT_MS, ...(signal === null ? {} : { signal }) };
    const outcome = await outcomeOf(queue.consume(topic, asked), signal);
    const deliveries = outcome.kind === "done" ? outcome.value : [];
    noteDeliveries(ledger, topic, deliveries, askedAt);
    if (outcome.kind !== "done") await rest(FAILED_PAUSE_MS);
    if (!isLast) await settle(options, topic, deliveries);
  }
}

/** @param askedAt the ledger's moment before they were asked for */
export function noteDeliveries(
  ledger: QueueLedger,
  topic: string,
  deliveries: readonly Delivery[],
  askedAt: number,
): void {
  for (const delivery of deliveries) {
    const { id, receipt, attempts } = delivery;
    ledger.delivered(topic, { mark: markOf(delivery), id, receipt, attempts }, askedAt);
  }
}

/** Which message this is, as its producer wrote into its data. */
export function markOf({ data }: { readonly data: unknown }): number {
  return (data as { readonly mark: number }).mark;
}

export async function acknowledge(
  { queue, ledger }: Pick<ConsumerOptions, "queue" | "ledger">,
  topic: string,
  deliveries: readonly Delivery[],
  byId: boolean,
): Promise<void> {
  if (deliveries.length === 0) return;
  const names = byId ? deliveries.map(({ id }) => ({ id })) : deliveries;
  const outcome = await outcomeOf(queue.ack(topic, names));
  for (const [place, delivery] of deliveries.entries()) {
    const mark = markOf(delivery);
    if (outcome.kind === "unknown") ledger.acknowledgeUnknown(mark);
    if (outcome.kind !== "done") continue;
    const result = outcome.value[place]!;
    if (result.ok) ledger.acknowledged(mark, byId ? null : delivery.attempts);
    else ledger.settleRefused(mark, byId ? "ack by id" : "ack", result.code);
  }
}

async function settle(
  options: ConsumerOptions,
  topic: string,
  deliveries: readonly Delivery[],
): Promise<void> {
  const groups = Map.groupBy(deliveries, () => {
    const lot = Math.random();
    if (lot < 0.8) return "acknowledged";
    if (lot < 0.86) return "acknowledged by id";
    if (lot < 0.92) return "handed back";
    return lot < 0.97 ? "extended" : "forgotten";
  });
  await acknowledge(options, topic, groups.get("acknowledged") ?? [], false);
  await acknowledge(options, topic, groups.get("acknowledged by id") ?? [], true);
  await handBack(options, topic, groups.get("handed back") ?? []);
  const extended = groups.get("extended") ?? [];
  if (extended.length === 0) return;
  await outcomeOf(options.queue.extend(topic, extended));
  await acknowledge(options, topic, extended, false);
}

/** Hands back, and then tries the receipts, which mean nothing any more. */
async function handBack(
  { queue, ledger }: ConsumerOptions,
  topic: string,
  deliveries: readonly Delivery[],
): Promise<void> {
  if (deliveries.length === 0) return;
  const delayMs = Math.floor(Math.random() * NACK_DELAY_MAX_MS);
  const outcome = await outcomeOf(queue.nack(topic, deliveries, { delayMs, reason: "no luck" }));
  if (outcome.kind !== "done") return;
  const back = deliveries.filter((_, place) => outcome.value[place]!.ok);
  for (const delivery of back) ledger.noted(markOf(delivery), "handed back");
  if (back.length === 0) return;
  const acks = await outcomeOf(queue.ack(topic, back));
  for (const [place, delivery] of back.entries()) {
    const mark = markOf(delivery);
    if (acks.kind === "unknown") ledger.acknowledgeUnknown(mark);
    if (acks.kind !== "done") continue;
    const result = acks.value[place]!;
    if (result.ok) ledger.violated(mark, "it was acknowledged by a receipt that was handed back");
    else ledger.settleRefused(mark, "ack of what was handed back", result.code);
  }
}
