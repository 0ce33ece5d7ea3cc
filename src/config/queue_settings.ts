/**
 * The settings of the queue: what one topic may hold. Where a topic has several lanes, each may hold its part of
 * that. A publish carries the bounds of the peer that it came to.
 */
import { integer, size } from "./formats.ts";
import { setting } from "./setting.ts";

const KIB = 1024;
const GIB = KIB ** 3;

export const QUEUE_SETTINGS = {
  queueMaxMessages: setting({
    section: "Services",
    flag: "queue-max-messages",
    placeholder: "N",
    environment: [{ name: "QUEUE_MAX_MESSAGES" }],
    format: integer(1, 100_000_000),
    default: "2000000",
    shared: true,
    help: "messages that a topic holds; past it publishing is refused",
  }),
  queueMaxBytes: setting({
    section: "Services",
    flag: "queue-max-bytes",
    placeholder: "SIZE",
    environment: [{ name: "QUEUE_MAX_BYTES" }],
    format: size(KIB, 1024 * GIB),
    default: "1GiB",
    shared: true,
    help: "bytes of messages that a topic holds; past it publishing is refused",
  }),
  queueDedupMax: setting({
    section: "Services",
    flag: "queue-dedup-max",
    placeholder: "N",
    environment: [{ name: "QUEUE_DEDUP_MAX" }],
    format: integer(0, 100_000_000),
    default: "1000000",
    shared: true,
    help: "ids that a topic's deduplication window holds; past it the oldest go first",
  }),
};
