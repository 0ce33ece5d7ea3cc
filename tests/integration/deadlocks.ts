/**
 * Deadlocks made to order. Each is one line in the log of every peer that applies it, with its number in the names of
 * the resources: so what a log lost, or wrote twice, can be told.
 */
import assert from "node:assert/strict";
import type { SkeinProcess } from "./skein_process.ts";

const WAIT_SECONDS = 30;

/** Two owners, each waiting for what the other holds: one of them is refused. Everything is released in the end. */
export async function makeDeadlock(peer: SkeinProcess, number: number): Promise<void> {
  const pair = [0, 1] as const;
  const resource = (side: number) => `cycle-${number}-${side}`;
  const acquire = (side: number, owner: number, timeout: number) =>
    peer.post("/lock/acquire", { resource: resource(side), owner: `owner-${owner}`, timeout });
  const release = (side: number, owner: number) =>
    peer.post("/lock/release", { resource: resource(side), owner: `owner-${owner}` });
  for (const side of pair) {
    assert.equal((await acquire(side, side, 0)).status, 200);
  }
  const waiting = pair.map(async (owner) => {
    const { status, body } = await acquire(1 - owner, owner, WAIT_SECONDS);
    if (status !== 200) assert.equal(body.error, "DEADLOCK", JSON.stringify(body));
    // Whoever was refused makes way for the other one.
    await release(owner, owner);
    if (status === 200) await release(1 - owner, owner);
    return status;
  });
  assert.deepEqual((await Promise.all(waiting)).toSorted(), [200, 409]);
}

/** @returns how often each deadlock is in these lines, by its number; each line must be whole */
export function countDeadlocks(lines: readonly string[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of lines) {
    const { message } = JSON.parse(line);
    const [, number] = /DEADLOCK DETECTED: .*?cycle-(\d+)-\d/.exec(message) ?? [];
    if (number !== undefined) counts.set(Number(number), (counts.get(Number(number)) ?? 0) + 1);
  }
  return counts;
}
