/**
 * Counts requests by route and status and their durations in plain numbers. It is on every request's
 * way, so it allocates nothing and knows no metric library; `metrics.ts` reads it when it is scraped.
 */
import type { ErrorCode } from "../errors.ts";

/** Upper bounds of the duration buckets; a last bucket without bound follows. */
export const DURATION_BUCKETS_MS: readonly number[] = [
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
];

export class RouteCounters {
  readonly method: string;
  readonly path: string;
  readonly byStatus = new Map<number, number>();
  readonly buckets: number[] = new Array(DURATION_BUCKETS_MS.length + 1).fill(0);
  durationMs = 0;

  constructor(method: string, path: string) {
    this.method = method;
    this.path = path;
  }

  observe(status: number, durationMs: number): void {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    this.durationMs += durationMs;
    let bucket = 0;
    while (bucket < DURATION_BUCKETS_MS.length && durationMs > DURATION_BUCKETS_MS[bucket]!) {
      bucket++;
    }
    this.buckets[bucket]! += 1;
  }
}

export class RequestCounters {
  readonly routes: RouteCounters[] = [];
  readonly errorsByCode = new Map<ErrorCode, number>();

  route(method: string, path: string): RouteCounters {
    const counters = new RouteCounters(method.toUpperCase(), path);
    this.routes.push(counters);
    return counters;
  }

  countError(code: ErrorCode): void {
    this.errorsByCode.set(code, (this.errorsByCode.get(code) ?? 0) + 1);
  }
}
