/**
 * How long something may take in a test. Limits are meant for a machine that does nothing else. Where several
 * processes with tests run at once, as in a run of all, each has its share of the machine only, and so much more time.
 */
import assert from "node:assert/strict";

const TOGETHER = Number(Deno.env.get("SKEIN_TESTS_TOGETHER") ?? 1);
const ATTEMPTS_MAX = 3;

/** @param aloneMs what it may take on a machine of its own */
export function limitMs(aloneMs: number): number {
  return aloneMs * TOGETHER;
}

/**
 * Measures until one attempt keeps to the limit: on a machine that is busy with other work not each one may.
 * @param attempt told its number, from 0 on; resolves to how long it took
 * @throws {assert.AssertionError} by rejection, where none did
 */
export async function oneWithin(
  what: string,
  allowedMs: number,
  attempt: (number: number) => Promise<number>,
): Promise<void> {
  const tookMs: number[] = [];
  while (tookMs.length < ATTEMPTS_MAX && !tookMs.some((ms) => ms < allowedMs)) {
    tookMs.push(Math.round(await attempt(tookMs.length)));
  }
  console.log(`${what} ${tookMs.join(", ")} ms`);
  assert.ok(Math.min(...tookMs) < allowedMs);
}
