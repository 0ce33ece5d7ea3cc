/**
 * The metrics of HTTP itself, from the plain numbers of `request_counters.ts`.
 */
import type { Metric } from "prom-client";
import type { Site } from "./endpoint.ts";
import type { Labels, MetricSet } from "./metric_set.ts";
import { DURATION_BUCKETS_MS, type RouteCounters } from "./request_counters.ts";

/** Adds what callers asked for: how often, with what outcome, and how long it took. */
export function addRequests(metrics: MetricSet, { counters, inFlight }: Site): void {
  metrics.counter({
    name: "skein_http_requests_total",
    help: "requests answered",
    labelNames: ["method", "route", "status"],
    read(report) {
      for (const { method, path, byStatus } of counters.routes) {
        for (const [status, count] of byStatus) report(count, { method, route: path, status });
      }
    },
  });
  metrics.counter({
    name: "skein_http_errors_total",
    help: "error answers by code; BAD_REQUEST, INVALID and the like are bad input",
    labelNames: ["code"],
    read(report) {
      for (const [code, count] of counters.errorsByCode) report(count, { code });
    },
  });
  metrics.gauge({
    name: "skein_http_requests_in_flight",
    help: "requests without an answer yet, waiting acquires included",
    read: (report) => report(inFlight.count),
  });
  // Not a Histogram: that would observe at every request what plain numbers have counted already.
  // The registry asks no more of a metric than this.
  const durations = {
    name: "skein_http_request_seconds",
    help: "time to answer, waiting included",
    type: "histogram",
    aggregator: "sum",
    reset() {},
    get() {
      return Promise.resolve({ ...this, values: counters.routes.flatMap(durationValues) });
    },
  };
  metrics.registry.registerMetric(durations as unknown as Metric);
}

function durationValues({ method, path, buckets, durationMs }: RouteCounters) {
  const name = "skein_http_request_seconds";
  const labels = { method, route: path };
  let count = 0;
  const values: { metricName: string; labels: Labels; value: number }[] = [];
  for (const [bucket, inBucket] of buckets.entries()) {
    count += inBucket;
    const boundMs = DURATION_BUCKETS_MS[bucket];
    const le = boundMs === undefined ? "+Inf" : boundMs / 1000;
    values.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: count });
  }
  if (count === 0) return [];
  values.push({ metricName: `${name}_sum`, labels, value: durationMs / 1000 });
  values.push({ metricName: `${name}_count`, labels, value: count });
  return values;
}
