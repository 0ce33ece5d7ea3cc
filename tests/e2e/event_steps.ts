/**
 * What a person's script does with the event log of three running peers, through nothing but HTTP: before and after all
 * of them were started again.
 */
import assert from "node:assert/strict";
import type { RunningSkein } from "../cli/running_skein.ts";

interface Stats {
  readonly uptime: number;
  readonly topics: number;
  readonly total_events_received: number;
  readonly total_unique_events_processed: number;
  readonly total_duplicate_events_dropped: number;
}

interface Published {
  readonly success: boolean;
  readonly offset: number;
  readonly duplicate: boolean;
  readonly index?: number;
  readonly field?: string;
}

const TOPIC = "logins";

async function publish(port: number, body: unknown): Promise<readonly [number, Published]> {
  const response = await fetch(`http://127.0.0.1:${port}/publish`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return [response.status, await response.json()];
}

async function get<T>(port: number, path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  assert.equal(response.status, 200, path);
  return await response.json();
}

function event(id: string, timestamp: string) {
  return { topic: TOPIC, event_id: id, timestamp, source: "gate-1", payload: { user: id } };
}

async function sumsAt(port: number): Promise<readonly number[]> {
  const stats = await get<Stats>(port, "/stats");
  assert.ok(stats.uptime > 0);
  return [
    stats.topics,
    stats.total_events_received,
    stats.total_unique_events_processed,
    stats.total_duplicate_events_dropped,
  ];
}

/** Three events, one of them twice: one topic, 3 received, 2 unique, 1 dropped. */
const SUMS = [1, 3, 2, 1];

/** @param ports of the three peers, in their order */
export async function eventSteps(
  test: Deno.TestContext,
  cluster: RunningSkein,
  [first, second, third]: readonly [number, number, number],
): Promise<void> {
  await test.step("events: three of which one is a duplicate are stored twice, once each", async () => {
    const ann = event("ann", "2026-01-01T08:00:00Z");
    const sent = [
      [first, ann],
      [second + 10, event("ben", "2026-01-01T08:00:01.250+01:00")],
      [third + 20, ann],
    ] as const;
    const told = [];
    for (const [port, body] of sent) {
      const [status, { success, offset, duplicate }] = await publish(port, body);
      assert.deepEqual([status, success], [200, true]);
      told.push([offset, duplicate]);
    }
    assert.deepEqual(told, [[0, false], [1, false], [0, true]]);
    await cluster.wrote(/duplicate dropped: topic logins, event_id ann/);
  });

  await test.step("events: a batch with one bad event is refused, and nothing of it stored", async () => {
    const right = event("cay", "2026-01-01T08:00:02Z");
    const batch = { events: [right, { ...right, event_id: "dan", timestamp: "eight" }] };
    const [status, { success, index, field }] = await publish(second, batch);
    assert.deepEqual([status, success, index, field], [422, false, 1, "timestamp"]);
  });

  await test.step("events: every peer tells 3 received, 2 unique, 1 dropped", async () => {
    for (const port of [first, second, third, second + 10, third + 20]) {
      assert.deepEqual(await sumsAt(port), SUMS);
    }
  });

  await test.step("events: they are read in order, at any peer", async () => {
    await storedAt(third);
  });
}

/** @param ports of the three peers, which were all started again meanwhile */
export async function eventStepsAfterRestart(
  test: Deno.TestContext,
  ports: readonly [number, number, number],
): Promise<void> {
  await test.step("events: after a restart of all peers sums and events are as they were", async () => {
    for (const port of ports) {
      assert.deepEqual(await sumsAt(port), SUMS);
      await storedAt(port);
    }
    const [, { offset, duplicate }] = await publish(ports[1], event("ben", "2026-01-01"));
    assert.deepEqual([offset, duplicate], [1, true]);
  });
}

async function storedAt(port: number): Promise<void> {
  const { events } = await get<{ events: unknown[] }>(port, `/events?topic=${TOPIC}`);
  assert.deepEqual(events, [
    { ...event("ann", "2026-01-01T08:00:00Z"), offset: 0 },
    { ...event("ben", "2026-01-01T08:00:01.250+01:00"), offset: 1 },
  ]);
}
