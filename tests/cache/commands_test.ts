import assert from "node:assert/strict";
import { decodeCacheCommand, encodeCacheCommand } from "../../src/cache/commands.ts";
import { parseVersion, versionText } from "../../src/cache/version.ts";
import { Random } from "../../src/random.ts";
import { randomCacheCommand } from "./cache_commands.ts";

Deno.test("cache commands come back as they were", () => {
  const random = new Random(7);
  for (let count = 0; count < 500; count++) {
    const command = randomCacheCommand(random, { term: 3, timeMs: 10 });
    assert.deepEqual(decodeCacheCommand(encodeCacheCommand(command)), command);
  }
});

Deno.test("cache commands out of their bounds are refused", () => {
  const value = new Uint8Array(1);
  const item = (...fields: readonly unknown[]) => [1, 2, [fields]];
  const bad: readonly unknown[] = [
    item("k", 3, 1, 1, value, null),
    item("k", 2, 1, 0, value, null),
    item("k", 2, 1, 1, "text", null),
    item("k", 2, 1, 1, new Uint8Array(1_048_577), null),
    item("k", 2, 1, 1, value, -1),
    item("k", 2, 1, 1, value),
    item("", 2, 1, 1, value, null),
    item("k".repeat(1_025), 2, 1, 1, value, null),
    [1, 2, []],
    [1, 0, [["k", 0, 1, 1, value, null]]],
    [2, 2, "k", 1, 1],
    [2, 2, "k", 2, 0.5],
    [3, 2, ""],
    [4, 2, ["one", 7]],
    [5, 2],
  ];
  for (const body of bad) assert.equal(decodeCacheCommand(body), null, JSON.stringify(body));
  assert.notEqual(decodeCacheCommand(item("k".repeat(1_024), 2, 1, 1, value, null)), null);
});

Deno.test("a version's text is read back, and nothing else is", () => {
  const version = { term: 12, counter: 3, write: 4 };
  assert.equal(versionText(version), "12.3.4");
  assert.deepEqual(parseVersion("12.3.4"), version);
  for (const text of ["", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3 ", "9999999999999999.1.1"]) {
    assert.equal(parseVersion(text), null, text);
  }
});
