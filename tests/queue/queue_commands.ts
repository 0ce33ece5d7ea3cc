/** Random queue commands over few names, so that they meet; for the conformance and property tests. */
import type {
  DeliveryRef,
  LaneAddress,
  PublishBounds,
  QueueCommand,
} from "../../src/queue/commands.ts";
import type { Receipt } from "../../src/queue/message_names.ts";
import { type Item, packItems } from "../../src/queue/published_items.ts";
import { DEFAULT_TOPIC_OPTIONS, type TopicChanges } from "../../src/queue/topic_options.ts";
import type { Random } from "../../src/random.ts";

/** What random commands may refer to. */
export interface Known {
  readonly group: number;
  readonly receipts: readonly Receipt[];
  readonly bounds: PublishBounds;
}

const IDS = ["a", "b", "c", "d", "e", "größe", "f", "g"];
export const NO_CHANGES: TopicChanges = {
  lanes: null,
  visibilityMs: null,
  maxAttempts: null,
  dedupWindowMs: null,
  backoffMs: null,
  paused: null,
};

export function randomItem(random: Random, group: number): Item {
  const size = random.integer(0, 20);
  return {
    id: random.chance(0.5) ? null : randomId(random, group),
    body: Uint8Array.from({ length: size }, () => random.integer(0, 255)),
    priority: random.chance(0.6) ? 0 : random.integer(0, 9),
    delayMs: random.chance(0.8) ? 0 : random.integer(1, 3_000),
    ttlMs: random.chance(0.8) ? null : random.integer(1, 4_000),
  };
}

function randomId(random: Random, group: number): string {
  if (random.chance(0.9)) return random.pick(IDS);
  return `skein-${group}-${random.integer(0, 1)}-${random.integer(1, 800)}`;
}

function randomDelivery(random: Random, { group, receipts }: Known): DeliveryRef {
  const receipt = receipts.length > 0 && random.chance(0.9)
    ? random.pick(receipts)
    : { number: random.integer(0, 300), delivery: random.integer(0, 300) };
  switch (random.integer(0, 9)) {
    case 0:
    case 1:
      return { id: randomId(random, group), receipt: null };
    case 2:
      return { id: randomId(random, group), receipt };
    case 3:
      return { id: `skein-${group}-0-${receipt.number}`, receipt };
    case 4:
      return { id: `skein-${group}-0-${receipt.number}`, receipt: null };
    default:
      return { id: null, receipt };
  }
}

function randomAddress(random: Random): LaneAddress {
  if (random.chance(0.6)) return { topic: "one", lane: 0, lanes: 1, settings: null };
  const lanes = random.chance(0.95) ? 2 : 1;
  const lane = random.integer(0, lanes - 1);
  const revision = random.integer(0, 5);
  const options = {
    ...DEFAULT_TOPIC_OPTIONS,
    lanes,
    visibilityMs: 700,
    maxAttempts: revision === 0 ? 16 : revision,
    paused: revision === 2,
  };
  const settings = lane === 0 || random.chance(0.3) ? null : { options, revision };
  return { topic: "two", lane, lanes, settings };
}

function randomChanges(random: Random, topic: string): TopicChanges {
  return {
    ...NO_CHANGES,
    lanes: topic === "two" ? random.pick([2, 2, null, 3]) : random.pick([null, null, 1, 2]),
    visibilityMs: random.pick([null, 100, 1_000, 30_000]),
    maxAttempts: random.pick([null, 0, 1, 3]),
    dedupWindowMs: random.pick([null, 0, 500, 5_000]),
    backoffMs: random.pick([null, [], [100], [50, 400, 0]]),
    paused: random.pick([null, false, false, true]),
  };
}

export function randomQueueCommand(random: Random, known: Known): QueueCommand {
  const address = randomAddress(random);
  const { topic, lane } = random.chance(0.98) ? address : { topic: "nowhere", lane: 0 };
  const deliveries = Array.from(
    { length: random.integer(1, 3) },
    () => randomDelivery(random, known),
  );
  switch (random.integer(0, 29)) {
    case 0:
      return { kind: "configure", topic, changes: randomChanges(random, topic) };
    case 1: {
      const options = { ...DEFAULT_TOPIC_OPTIONS, lanes: 2, visibilityMs: 900 };
      return { kind: "adopt", topic: "two", lane: 1, settings: { options, revision: 3 } };
    }
    case 2: {
      const ids = random.chance(0.5) ? null : [randomId(random, known.group), random.pick(IDS)];
      return { kind: "requeue", topic, lane, ids, max: random.integer(1, 6) };
    }
    case 3: {
      if (random.chance(0.6)) return { kind: "handBack", topic, lane, deliveries };
      const what = random.pick(["ready", "dead", "all"] as const);
      return { kind: "purge", topic, lane, what, max: random.integer(1, 12) };
    }
    case 4:
    case 5:
    case 6:
    case 7: {
      const delayMs = random.pick([null, null, 0, 200, 2_000]);
      const reason = random.pick([null, "it does not work"]);
      return { kind: "refuse", topic, lane, deliveries, delayMs, reason };
    }
    case 8:
    case 9:
      return { kind: "extend", topic, lane, deliveries, visibilityMs: random.pick([null, 2_000]) };
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
      return { kind: "acknowledge", topic, lane, deliveries };
    case 15:
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21: {
      const bytesMax = random.pick([0, 30, 1_000]);
      const visibilityMs = random.pick([null, 100, 600, 5_000]);
      const max = random.integer(1, 5);
      return { kind: "deliver", ...address, consumer: null, max, bytesMax, visibilityMs };
    }
    default: {
      const items = Array.from(
        { length: random.integer(1, 5) },
        () => randomItem(random, known.group),
      );
      return { kind: "publish", ...address, bounds: known.bounds, items: packItems(items) };
    }
  }
}
