/**
 * What a person's script does with the cache of three running peers, through nothing but HTTP and the log. Every read
 * comes at once after the write that it must see: nothing is slept for but a value's time.
 */
import assert from "node:assert/strict";
import type { RunningSkein } from "../cli/running_skein.ts";
import { eventually } from "../eventually.ts";
import { limitMs } from "../speed_limit.ts";

/** From the write that is answered on. */
const INVALIDATED_WITHIN_MS = limitMs(1_500);
const TTL_SECONDS = 0.5;

interface CacheAnswer {
  readonly success: boolean;
  readonly error?: string;
  readonly status?: string;
  readonly state?: string;
  readonly version?: string | null;
  readonly value?: unknown;
  readonly fill_token?: string | null;
  readonly holders?: readonly { readonly peer: string; readonly state: string }[];
}

async function ask(port: number, route: string, body: unknown): Promise<CacheAnswer> {
  const response = await fetch(`http://127.0.0.1:${port}/cache/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return await response.json();
}

async function stateOf(port: number, key: string): Promise<CacheAnswer> {
  const response = await fetch(`http://127.0.0.1:${port}/cache/state?key=${key}`);
  return await response.json();
}

function lettersOf({ holders = [] }: CacheAnswer): Record<string, string> {
  return Object.fromEntries(holders.map(({ peer, state }) => [peer, state]));
}

/** @param ports of the three peers, in their order */
export async function cacheSteps(
  test: Deno.TestContext,
  cluster: RunningSkein,
  [first, second, third]: readonly [number, number, number],
): Promise<void> {
  await test.step("cache: nobody has a value that nobody wrote", async () => {
    for (const port of [first, second + 10, third + 20]) {
      const { success, status, value } = await ask(port, "read", { key: "nothing" });
      assert.deepEqual([success, status, value], [true, "miss", null]);
    }
  });

  await test.step("cache: a write on the first peer is read on the second, and both share it", async () => {
    const written = await ask(first, "write", { key: "colour", value: "red" });
    assert.deepEqual([written.success, written.state], [true, "M"]);
    const read = await ask(second, "read", { key: "colour" });
    assert.deepEqual([read.status, read.state, read.value], ["filled", "S", "red"]);
    assert.equal(read.version, written.version);
    for (const port of [first, second]) {
      const again = await ask(port, "read", { key: "colour" });
      assert.deepEqual([again.status, again.state, again.value], ["hit", "S", "red"]);
    }
    assert.deepEqual(lettersOf(await stateOf(third, "colour")), { "peer-1": "S", "peer-2": "S" });
  });

  await test.step("cache: a write on the third invalidates the second, whose next read has it", async () => {
    const written = await ask(third, "write", { key: "colour", value: "blue" });
    const writtenMs = performance.now();
    assert.deepEqual([written.success, written.state], [true, "M"]);
    const read = await ask(second, "read", { key: "colour" });
    assert.deepEqual([read.value, read.version], ["blue", written.version]);
    await cluster.wrote(/^peer-2 \| .*Received INVAL for colour\. State -> I$/m);
    const tookMs = performance.now() - writtenMs;
    console.log(`the second peer's log says INVAL ${Math.round(tookMs)} ms after the write`);
    assert.ok(tookMs < INVALIDATED_WITHIN_MS);
    await cluster.wrote(/^peer-1 \| .*Received INVAL for colour\. State -> I$/m);
    assert.equal((await ask(first, "read", { key: "colour" })).value, "blue");
  });

  await test.step("cache: every write is read at once, on whichever peer", async () => {
    const ports = [first, second, third];
    for (let round = 0; round < 30; round++) {
      await ask(ports[round % 3]!, "write", { key: "turn", value: round });
      for (const port of ports) {
        assert.equal((await ask(port, "read", { key: "turn" })).value, round);
      }
    }
  });

  await test.step("cache: of writers that compare and set, one wins each time", async () => {
    const created = await ask(first, "put", { key: "seat", value: [], if_version: null });
    const late = await ask(second, "put", { key: "seat", value: "mine", if_version: null });
    assert.deepEqual([late.error, late.version], ["CONFLICT", created.version]);
    const { version } = created;
    const writers = [first, second, third].map((port) =>
      ask(port, "put", { key: "seat", value: port, if_version: version, durable: true })
    );
    const answers = await Promise.all(writers);
    const winners = answers.filter(({ success }) => success);
    assert.equal(winners.length, 1, JSON.stringify(answers));
    const { value } = await ask(second, "get", { key: "seat" });
    assert.equal(value, [first, second, third][answers.indexOf(winners[0]!)]);
  });

  await test.step("cache: an expensive value is computed by one caller, and the others get it", async () => {
    const missed = await ask(first, "get", { key: "report", fill: true });
    assert.deepEqual([missed.status, typeof missed.fill_token], ["miss", "string"]);
    const waiting = [first, second, third].map((port) =>
      ask(port, "get", { key: "report", fill: true, wait: 20 })
    );
    const other = await ask(third, "get", { key: "report", fill: true });
    assert.deepEqual([other.status, other.fill_token], ["miss", null]);
    const put = { key: "report", value: { pages: 7 }, fill_token: missed.fill_token };
    assert.equal((await ask(second, "put", put)).success, true);
    for (const answer of await Promise.all(waiting)) assert.deepEqual(answer.value, { pages: 7 });
    assert.equal((await ask(second, "put", put)).error, "CONFLICT");
  });

  await test.step("cache: a value is over when its time is", async () => {
    const beganMs = performance.now();
    await ask(first, "put", { key: "brief", value: 1, ttl: TTL_SECONDS });
    const { value, status } = await ask(second, "get", { key: "brief" });
    const isInTime = performance.now() - beganMs < TTL_SECONDS * 1000;
    if (isInTime) assert.deepEqual([status, value], ["filled", 1]);
    for (const port of [first, second, third]) {
      await eventually("it is over", 5_000, async () => {
        assert.equal((await ask(port, "get", { key: "brief" })).status, "miss");
      });
    }
  });

  await test.step("cache: invalidate takes the lines and leaves the value, delete takes both", async () => {
    const { status } = await ask(second, "invalidate", { key: "colour" });
    assert.equal(status, "invalidated");
    assert.deepEqual(lettersOf(await stateOf(first, "colour")), {});
    assert.equal((await ask(third, "read", { key: "colour" })).value, "blue");
    assert.equal((await ask(first, "delete", { key: "colour" })).status, "deleted");
    for (const port of [first, second, third]) {
      assert.equal((await ask(port, "read", { key: "colour" })).status, "miss");
    }
  });
}
