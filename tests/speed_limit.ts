/**
 * How long something may take in a test. Limits are meant for a machine that does nothing else. Where several
 * processes with tests run at once, as in a run of all, each has its share of the machine only, and so much more time.
 */
const TOGETHER = Number(Deno.env.get("SKEIN_TESTS_TOGETHER") ?? 1);

/** @param aloneMs what it may take on a machine of its own */
export function limitMs(aloneMs: number): number {
  return aloneMs * TOGETHER;
}
