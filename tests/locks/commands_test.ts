import assert from "node:assert/strict";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { decodeLockCommand, encodeLockCommand } from "../../src/locks/commands.ts";
import { Random } from "../../src/random.ts";
import { LIMITS } from "../../src/limits.ts";
import { randomLockCommand } from "./lock_commands.ts";

Deno.test("a command comes back from bytes as it went in", () => {
  const random = new Random(1);
  for (let round = 0; round < 500; round++) {
    const command = randomLockCommand(random);
    const decoded = decode(encode(encodeLockCommand(command)));
    assert.ok(decoded.ok);
    assert.deepEqual(decodeLockCommand(decoded.value), command);
  }
});

Deno.test("the form of commands stays: these bytes are in logs", () => {
  const attachment = { peer: "p", bootId: "b", serial: 7 };
  const name = { resource: "r", owner: "o" };
  const forms = [
    encodeLockCommand({
      kind: "acquire",
      ...name,
      mode: "exclusive",
      waitMs: 5,
      ttlMs: 100,
      attachment,
    }),
    encodeLockCommand({ kind: "release", ...name, token: 3 }),
    encodeLockCommand({ kind: "renew", ...name, token: null, ttlMs: 200 }),
    encodeLockCommand({ kind: "cancel", ...name, attachment }),
    encodeLockCommand({ kind: "detach", peer: "p", bootId: "b" }),
  ];
  assert.deepEqual(forms, [
    [1, "r", "o", true, 5, 100, "p", "b", 7],
    [2, "r", "o", 3],
    [3, "r", "o", null, 200],
    [4, "r", "o", "p", "b", 7],
    [5, "p", "b"],
  ]);
});

Deno.test("what is out of its bounds is no command", () => {
  const { lockWaitMaxMs, lockTtlMinMs, lockTtlMaxMs, nameBytesMax } = LIMITS;
  const good: unknown[] = [1, "r", "o", true, lockWaitMaxMs, lockTtlMaxMs, "p", "b", 7];
  assert.notEqual(decodeLockCommand(good), null);
  const bad: [number, unknown][] = [
    [0, 99],
    [0, "acquire"],
    [1, ""],
    [1, "x".repeat(nameBytesMax + 1)],
    [1, "é".repeat(nameBytesMax / 2 + 1)],
    [2, null],
    [3, 1],
    [4, -1],
    [4, 0.5],
    [4, lockWaitMaxMs + 1],
    [5, lockTtlMinMs - 1],
    [5, lockTtlMaxMs + 1],
    [6, 1],
    [7, undefined],
    [8, -1],
    [8, 2 ** 53],
  ];
  for (const [place, value] of bad) {
    assert.equal(decodeLockCommand(good.with(place, value)), null, `${place}: ${value}`);
  }
  assert.notEqual(decodeLockCommand(good.with(1, "é".repeat(nameBytesMax / 2))), null);
  for (const body of [null, {}, "release", [], [2, "r", "o"], [2, "r", "o", -1]]) {
    assert.equal(decodeLockCommand(body), null);
  }
});
