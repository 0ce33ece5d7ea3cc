import assert from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { checkLinearizable, type Model, type Operation } from "./linearizability.ts";

type RegisterInput = { readonly write: number } | { readonly read: number };

const REGISTER: Model<RegisterInput, number> = {
  initial: 0,
  step(state, { input }) {
    if ("write" in input) return [input.write];
    return input.read === state ? [state] : [];
  },
  keyOf: String,
};

function operation(
  callMs: number,
  returnMs: number,
  input: RegisterInput,
): Operation<RegisterInput> {
  return { callMs, returnMs, input };
}

function verdictOf(operations: readonly Operation<RegisterInput>[]) {
  return checkLinearizable(operations, REGISTER, 100_000).verdict;
}

Deno.test("an empty history and a sequential one are linearizable", () => {
  assert.equal(verdictOf([]), "linearizable");
  assert.equal(
    verdictOf([operation(0, 1, { write: 5 }), operation(2, 3, { read: 5 })]),
    "linearizable",
  );
});

Deno.test("a read of an older value after the write returned is a violation", () => {
  assert.equal(
    verdictOf([operation(0, 1, { write: 5 }), operation(2, 3, { read: 0 })]),
    "violated",
  );
});

Deno.test("a concurrent read may see either value, but two in a row do not go back", () => {
  const write = operation(0, 10, { write: 5 });
  assert.equal(verdictOf([write, operation(1, 2, { read: 0 })]), "linearizable");
  assert.equal(verdictOf([write, operation(1, 2, { read: 5 })]), "linearizable");
  assert.equal(
    verdictOf([write, operation(1, 2, { read: 5 }), operation(3, 4, { read: 0 })]),
    "violated",
  );
});

Deno.test("a write of unknown outcome may happen late, or never, but not before its call", () => {
  const unknown = operation(5, Infinity, { write: 7 });
  assert.equal(verdictOf([unknown, operation(6, 7, { read: 0 })]), "linearizable");
  assert.equal(
    verdictOf([unknown, operation(6, 7, { read: 0 }), operation(100, 101, { read: 7 })]),
    "linearizable",
  );
  assert.equal(verdictOf([unknown, operation(1, 2, { read: 7 })]), "violated");
});

Deno.test("a nondeterministic model is searched in all its branches", () => {
  const coin: Model<RegisterInput, number> = {
    ...REGISTER,
    step: (state, operation) =>
      "write" in operation.input
        ? [operation.input.write, -operation.input.write]
        : REGISTER.step(state, operation),
  };
  for (const read of [5, -5]) {
    const history = [operation(0, 1, { write: 5 }), operation(2, 3, { read })];
    assert.equal(checkLinearizable(history, coin, 1_000).verdict, "linearizable");
  }
});

Deno.test("past its bound the checker gives up instead of guessing", () => {
  const operations = Array.from(
    { length: 24 },
    (_, number) => operation(0, 100, { write: number }),
  );
  operations.push(operation(200, 201, { read: -1 }));
  const result = checkLinearizable(operations, REGISTER, 2_000);
  assert.equal(result.verdict, "gaveUp");
  assert.ok(result.configurations < 4_000);
});

Deno.test("agrees with trying every order on small random histories", () => {
  const random = new Random(11);
  const verdicts = { linearizable: 0, violated: 0, gaveUp: 0 };
  for (let round = 0; round < 2_000; round++) {
    const operations = Array.from({ length: random.integer(1, 6) }, () => {
      const callMs = random.integer(0, 12);
      const returnMs = random.chance(0.15) ? Infinity : callMs + random.integer(0, 6);
      const value = random.integer(0, 2);
      return operation(callMs, returnMs, random.chance(0.5) ? { write: value } : { read: value });
    });
    const verdict = verdictOf(operations);
    verdicts[verdict]++;
    assert.equal(
      verdict,
      hasOrder(operations, []) ? "linearizable" : "violated",
      JSON.stringify(operations),
    );
  }
  assert.ok(verdicts.linearizable > 100 && verdicts.violated > 100, JSON.stringify(verdicts));
});

/** The slow twin: every subset of unknown operations, every order that respects real time. */
function hasOrder(
  left: readonly Operation<RegisterInput>[],
  order: readonly Operation<RegisterInput>[],
): boolean {
  if (left.every((candidate) => candidate.returnMs === Infinity) && isLegal(order)) return true;
  return left.some((candidate) => {
    const rest = left.filter((other) => other !== candidate);
    if (rest.some((other) => other.returnMs < candidate.callMs)) return false;
    return hasOrder(rest, [...order, candidate]);
  });
}

function isLegal(order: readonly Operation<RegisterInput>[]): boolean {
  let value = 0;
  for (const { input } of order) {
    if ("write" in input) value = input.write;
    else if (input.read !== value) return false;
  }
  return true;
}
