/**
 * What the commands of the queue share: options that several of them have, and how topics and deliveries are told to
 * a person.
 */
import type { TopicView } from "../client/mod.ts";

export const TOPIC_ARGUMENT = "<TOPIC>";
export const TOPIC_HELP = "the topic's name";
export const STALE_FLAG = "--stale";
export const STALE_HELP = "answer from the asked peer's own state, which may lag";

export const TOPIC_HEADS = [
  "topic",
  "ready",
  "in flight",
  "delayed",
  "dead",
  "bytes",
  "oldest",
  "lanes",
  "",
];

/** One row a topic, below `TOPIC_HEADS`. */
export function topicRow(view: TopicView): (string | number)[] {
  const { topic, ready, inFlight, delayed, dead, bytes, oldestAgeMs, lanes, paused } = view;
  const oldest = oldestAgeMs === null ? "" : describeSeconds(oldestAgeMs);
  return [topic, ready, inFlight, delayed, dead, bytes, oldest, lanes, paused ? "paused" : ""];
}

/** All that is known of a topic, a line a fact. */
export function describeTopic(view: TopicView): string {
  const { totals } = view;
  const facts: [string, string | number][] = [
    ["topic", view.topic],
    ["state", view.paused ? "paused: nothing is delivered" : "delivers"],
    ["ready", view.ready],
    ["in flight", view.inFlight],
    ["delayed", view.delayed],
    ["dead", view.dead],
    ["bytes", view.bytes],
    ["oldest ready", view.oldestAgeMs === null ? "none" : describeSeconds(view.oldestAgeMs)],
    ["a second, lately", describeRates(view)],
    ["published", `${totals.published}, and ${totals.duplicates} duplicates`],
    ["delivered", `${totals.delivered}, ${totals.redelivered} came back`],
    ["acknowledged", totals.acknowledged],
    ["dead letters", `${totals.deadLettered}, ${totals.requeued} put back`],
    ["expired", totals.expired],
    ["purged", totals.purged],
    ["ids forgotten early", totals.dedupEvicted],
    ["lanes", view.lanes],
    ["visibility timeout", describeSeconds(view.visibilityMs)],
    ["attempts", view.maxAttempts === 0 ? "without end" : `at most ${view.maxAttempts}`],
    ["back-off", view.backoffMs.map(describeSeconds).join(", ") || "none"],
    ["deduplication window", describeSeconds(view.dedupWindowMs)],
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length));
  return facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`).join("\n");
}

function describeRates({ rates: { published, delivered, acknowledged } }: TopicView): string {
  const [inward, outward, done] = [published, delivered, acknowledged].map((rate) => {
    return Number(rate.toPrecision(3));
  });
  return `${inward} published, ${outward} delivered, ${done} acknowledged`;
}

/** As it is written on the command line too: `1.5 s`. */
export function describeSeconds(spanMs: number): string {
  return `${spanMs / 1000} s`;
}

/** `1 message`, `2 messages`. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A message's data as text: JSON, or with `raw` of a JSON string its text as it is. */
export function dataText(data: unknown, raw: boolean): string {
  return raw && typeof data === "string" ? data : JSON.stringify(data);
}
