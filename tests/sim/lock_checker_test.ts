import assert from "node:assert/strict";
import { checkExclusion, checkTokens, judgeLocks } from "./lock_checker.ts";
import type { AcquireInput, LockInput, LockOperation } from "./lock_history.ts";

function at(callMs: number, returnMs: number, input: LockInput): LockOperation {
  return { callMs, returnMs, input };
}

function acquire(
  owner: string,
  result: AcquireInput["result"] | number,
  more: Partial<AcquireInput> = {},
): AcquireInput {
  return {
    kind: "acquire",
    resource: "r",
    owner,
    mode: "exclusive",
    waitMs: 0,
    ttlMs: 12_000,
    result: typeof result === "number" ? { kind: "granted", token: result } : result,
    ...more,
  };
}

function release(
  owner: string,
  token: number | null,
  kind: "done" | "notHeld" | "unknown",
): LockInput {
  return { kind: "release", resource: "r", owner, token, result: { kind } };
}

function isSound(operations: readonly LockOperation[]): boolean {
  return judgeLocks(operations).violations.length === 0;
}

const HELD = { kind: "held" } as const;
const UNKNOWN = { kind: "unknown" } as const;
const SHARED = { mode: "shared" } as const;

Deno.test("an ordinary history is sound: grant, refusal, release, next grant", () => {
  assert.ok(isSound([
    at(0, 1, acquire("a", 1)),
    at(2, 3, acquire("b", HELD)),
    at(4, 5, release("a", 1, "done")),
    at(6, 7, acquire("b", 2)),
    at(8, 9, release("a", 1, "notHeld")),
  ]));
});

Deno.test("two holders of an exclusive lock are found by both checkers", () => {
  const history = [at(0, 1, acquire("a", 1)), at(2, 3, acquire("b", 2))];
  assert.equal(checkExclusion(history).length, 1);
  assert.equal(isSound(history), false);
});

Deno.test("shared holders are held together, an exclusive one beside them is not", () => {
  const shared = [at(0, 1, acquire("a", 1, SHARED)), at(2, 3, acquire("b", 2, SHARED))];
  assert.ok(isSound(shared));
  assert.equal(isSound([...shared, at(4, 5, acquire("c", 3))]), false);
});

Deno.test("a lease ends no earlier than the fastest clock lets it", () => {
  // 12,000 ms at 1.2 times true time are 10,000 ms.
  const first = at(0, 1, acquire("a", 1));
  assert.equal(isSound([first, at(9_000, 9_001, acquire("b", 2))]), false);
  assert.ok(isSound([first, at(10_000, 10_001, acquire("b", 2))]));
  assert.equal(isSound([first, at(9_000, 9_001, release("a", 1, "notHeld"))]), false);
  assert.ok(isSound([first, at(10_000, 10_001, release("a", 1, "notHeld"))]));
});

Deno.test("a refusal needs a holder or a waiter", () => {
  assert.equal(isSound([at(0, 1, acquire("a", HELD))]), false);
  assert.ok(isSound([at(0, 10, acquire("b", 1, { waitMs: 5 })), at(1, 2, acquire("a", HELD))]));
});

Deno.test("tokens are unique and strictly increase over all resources", () => {
  const first = at(0, 1, acquire("a", 5, { resource: "r1" }));
  assert.equal(checkTokens([first, at(2, 3, acquire("b", 4, { resource: "r2" }))]).length, 1);
  assert.equal(checkTokens([first, at(2, 3, acquire("b", 5, { resource: "r2" }))]).length, 1);
  assert.equal(checkTokens([first, at(2, 3, acquire("b", 6, { resource: "r2" }))]).length, 0);
  // Concurrent grants may come in either order; the same owner keeps its token.
  assert.equal(checkTokens([first, at(0, 3, acquire("b", 4, { resource: "r2" }))]).length, 0);
  const kept = [first, at(2, 3, acquire("b", 6)), at(4, 5, acquire("a", 5, { resource: "r1" }))];
  assert.equal(checkTokens(kept).length, 0);
});

Deno.test("an acquire of unknown fate may hold the lock, and may not", () => {
  const unknown = at(0, Infinity, acquire("a", UNKNOWN));
  assert.ok(isSound([unknown, at(1, 2, acquire("b", HELD))]));
  assert.ok(isSound([unknown, at(1, 2, acquire("b", 1))]));
  // Once seen to be held it cannot be granted to another before its lease ends or it is released.
  assert.equal(
    isSound([unknown, at(1, 2, acquire("b", HELD)), at(3, 4, acquire("b", 1))]),
    false,
  );
  assert.ok(isSound([
    unknown,
    at(1, 2, acquire("b", HELD)),
    at(2, Infinity, release("a", null, "unknown")),
    at(3, 4, acquire("b", 1)),
  ]));
});

Deno.test("a renewed lease holds on", () => {
  const history = (renewAtMs: number, grantAtMs: number) => [
    at(0, 1, acquire("a", 1)),
    at(renewAtMs, renewAtMs + 1, {
      kind: "renew",
      resource: "r",
      owner: "a",
      token: 1,
      ttlMs: 12_000,
      result: { kind: "renewed", token: 1 },
    }),
    at(grantAtMs, grantAtMs + 1, acquire("b", 2)),
  ];
  assert.equal(isSound(history(8_000, 12_000)), false);
  assert.ok(isSound(history(8_000, 18_000)));
});

Deno.test("an upgrade brings a new token, asking again keeps it", () => {
  const shared = at(0, 1, acquire("a", 1, SHARED));
  assert.ok(isSound([shared, at(2, 3, acquire("a", 2))]));
  assert.equal(isSound([shared, at(2, 3, acquire("a", 1))]), false);
  assert.ok(isSound([shared, at(2, 3, acquire("a", 1, SHARED))]));
  assert.equal(isSound([shared, at(2, 3, acquire("a", 2, SHARED))]), false);
});

Deno.test("a status that is stale, or shows a stranger, is a violation", () => {
  const status = (holders: { owner: string; token: number }[]): LockInput => ({
    kind: "status",
    resource: "r",
    holders: holders.map((holder) => ({ ...holder, mode: "exclusive" })),
  });
  const first = at(0, 1, acquire("a", 1));
  assert.ok(isSound([first, at(2, 3, status([{ owner: "a", token: 1 }]))]));
  assert.equal(isSound([first, at(2, 3, status([]))]), false);
  assert.equal(isSound([first, at(2, 3, status([{ owner: "b", token: 2 }]))]), false);
  assert.ok(isSound([at(0, 3, acquire("a", 1)), at(1, 2, status([]))]));
});

Deno.test("a long contended history is decided well within the bound", () => {
  const operations: LockOperation[] = [];
  let token = 0;
  for (let round = 0; round < 200; round++) {
    const startMs = round * 100;
    const owner = `o${round % 5}`;
    operations.push(at(startMs, startMs + 50, acquire(owner, ++token, { waitMs: 60 })));
    operations.push(at(startMs + 20, startMs + 70, acquire(`x${round}`, HELD)));
    operations.push(at(startMs + 30, startMs + 90, acquire(`y${round}`, HELD, { waitMs: 40 })));
    operations.push(at(startMs + 75, startMs + 99, release(owner, token, "done")));
  }
  const judgement = judgeLocks(operations);
  assert.deepEqual(judgement.violations, []);
  assert.equal(judgement.gaveUp, 0);
  assert.ok(judgement.configurations < 50_000, `${judgement.configurations}`);
});
