/**
 * Metrics of the event log. Counters are of this peer since it started: their sums over all peers are the cluster's. What
 * lasts is in GET /stats.
 */
import type { Site } from "./endpoint.ts";
import type { MetricSet } from "./metric_set.ts";
import type { EventStatistics } from "../events/event_counters.ts";

const GAUGES = {
  events: ["stored", "events in the partitions that this peer leads"],
  identities: ["identities", "ids that are remembered in the partitions that this peer leads"],
  tails: ["tails", "readers without an end that are open at this peer"],
} as const;

const COUNTERS = {
  received: ["received", "events that were published here"],
  stored: ["unique", "of these, those that were new"],
  duplicates: ["duplicates", "of these, those that were known and dropped"],
  read: ["read", "events that were answered here, in pages and streams"],
  trimmed: ["trimmed", "events that retention took away in partitions that this peer led"],
  forgotten: ["forgotten", "ids that were forgotten in partitions that this peer led"],
} as const;

export function addEvents(metrics: MetricSet, { peer, streams }: Site): void {
  const add = (
    kind: "gauge" | "counter",
    [name, help]: readonly [string, string],
    value: (statistics: EventStatistics) => number,
  ) => metrics[kind]({ name, help, read: (report) => report(value(peer.eventStatistics())) });
  for (const [key, [word, help]] of Object.entries(GAUGES)) {
    add("gauge", [`skein_events_${word}`, help], (all) => all[key as keyof EventStatistics]);
  }
  for (const [key, [word, help]] of Object.entries(COUNTERS)) {
    const name = `skein_events_${word}_total`;
    add("counter", [name, help], (all) => all[key as keyof EventStatistics]);
  }
  metrics.gauge({
    name: "skein_events_streams",
    help: "answers that are written as they are read: streams, and whole topics",
    read: (report) => report(streams.count),
  });
}
