/** A short run of the simulator's cache on fixed seeds, and what its checkers must notice. */
import assert from "node:assert/strict";
import { encodeMessage } from "../../src/cache/message_codec.ts";
import { parseVersion, type Version } from "../../src/cache/version.ts";
import { judgeCache } from "./cache_checker.ts";
import { CacheFillChecker, type FillToken } from "./cache_fill_checker.ts";
import type { CacheOperation, PutInput } from "./cache_history.ts";
import { CacheLedger } from "./cache_ledger.ts";
import { simulate } from "./simulation.ts";

const STEPS = 16_000;

Deno.test("clusters that are used as a cache hold all properties under faults, then serve", async () => {
  const sums = { reads: 0, writes: 0, shared: 0, owned: 0, fills: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const peers = seed % 3 === 0 ? 3 : 5;
    const result = await simulate({
      seed,
      peers,
      steps: STEPS,
      faultsMs: null,
      fault: null,
      isCache: true,
      print: null,
    });
    const replay = `deno task sim --seed ${seed} --workload cache --steps ${STEPS} --verbose`;
    assert.equal(result.failure, null, `${result.failure}\nreplay: ${replay}`);
    for (const name of ["reads", "writes", "shared", "owned", "fills"] as const) {
      sums[name] += result.cache![name];
    }
  }
  const enough = { reads: 1_000, writes: 300, shared: 1_000, owned: 1_000, fills: 30 };
  for (const [what, least] of Object.entries(enough)) {
    const sum = sums[what as keyof typeof sums];
    assert.ok(sum > least, `only ${sum} ${what}`);
  }
});

const KEY = "k";
/** What each mark was written as: the peers A and B under a grant each. */
const VERSIONS = { x: "1.1.1", y: "1.1.2", z: "1.1.3", b: "1.2.1" };
const TIMING = { electionTimeoutMs: 1_000, flushIntervalMs: 100 };

function put(at: number, life: string, mark: string, more: Partial<PutInput> = {}): CacheOperation {
  const what = { kind: "put", key: KEY, life, mark, way: "line", ifMark: undefined } as const;
  const rest = { isFill: false, ttlMs: null, overByMs: Infinity, result: "ok" } as const;
  return { callMs: at, returnMs: at + 1, input: { ...what, ...rest, ...more } };
}

function get(at: number, life: string, found: string | null, groupMs = 0): CacheOperation {
  return { callMs: at, returnMs: at + 1, input: { kind: "get", key: KEY, life, found, groupMs } };
}

interface Known {
  /** Marks that were committed at once. */
  readonly committed?: readonly (keyof typeof VERSIONS)[];
  /** Which of A's marks it said it lost. */
  readonly lost?: keyof typeof VERSIONS;
  /** When A ended. */
  readonly endMs?: number;
}

function violations(history: readonly CacheOperation[], known: Known): readonly string[] {
  const ledger = new CacheLedger([KEY]);
  const version = (mark: keyof typeof VERSIONS): Version => parseVersion(VERSIONS[mark])!;
  for (const mark of known.committed ?? []) ledger.committed(KEY, version(mark), 0);
  if (known.lost !== undefined) {
    ledger.lost({ life: "A", key: KEY, version: version(known.lost) });
  }
  if (known.endMs !== undefined) ledger.ended("A", known.endMs);
  const marks = Object.entries(VERSIONS).map(([mark, text]) => [`${KEY} ${text}`, mark] as const);
  return judgeCache(history, ledger, new Map(marks), TIMING).violations;
}

function isSound(history: readonly CacheOperation[], known: Known = {}): boolean {
  return violations(history, known).length === 0;
}

Deno.test("a stale read, and a write that vanishes without a loss, are violations", () => {
  assert.ok(isSound([put(1, "A", "x"), get(3, "B", "x")]));
  assert.ok(!isSound([put(1, "A", "x"), get(3, "B", null)]));
  assert.ok(!isSound([put(1, "A", "x"), put(3, "A", "y"), get(5, "A", "x")]));
});

Deno.test("with its owner a key goes back to what was written back, and no further", () => {
  const history = [put(1, "A", "x"), put(3, "A", "y"), put(5, "A", "z")];
  const after = (found: string | null) => [...history, get(7, "B", found)];
  const end = { endMs: 6 };
  assert.ok(isSound(after("z"), end));
  assert.ok(isSound(after(null), end));
  assert.ok(!isSound(after("y"), end), "nor to what was not written back");
  assert.ok(isSound(after("y"), { ...end, committed: ["y"] }));
  assert.ok(!isSound(after("x"), { ...end, committed: ["x", "y"] }), "further");
  assert.ok(!isSound(after(null), { ...end, committed: ["z"] }), "nothing was to be lost");
  assert.ok(!isSound(after(null), { endMs: 9 }), "its owner ended later");
  const seen = [history[0]!, get(2.5, "B", "x"), put(4, "A", "y"), get(7, "B", null)];
  assert.ok(!isSound(seen, end), "what another peer saw was written back");
  const durable = [put(1, "A", "x"), put(3, "A", "y", { way: "durable" }), put(5, "A", "z")];
  assert.ok(isSound([...durable, get(7, "B", "y")], end));
  assert.ok(!isSound([...durable, get(7, "B", "x")], end), "a durable write never goes back");
  assert.ok(!isSound([...history, get(7, "B", null), get(9, "B", "z")], end), "nor does it return");
});

Deno.test("an owner that lives on says what it lost", () => {
  const history = [put(1, "A", "x"), put(3, "A", "y"), get(7, "B", null)];
  assert.ok(isSound(history, { lost: "y" }));
  assert.ok(!isSound(history, { lost: "x" }), "that was not all");
  assert.ok(!isSound([put(1, "A", "x"), put(3, "B", "b"), get(7, "A", null)], { lost: "x" }));
});

Deno.test("a line that takes writes while it could lose an old one is a violation", () => {
  const history = (at: number) => [put(1, "A", "x"), put(at, "A", "y")];
  assert.ok(isSound(history(150)));
  assert.ok(!isSound(history(300)));
  assert.ok(isSound(history(300), { committed: ["x"] }));
});

Deno.test("a value is there until its time is over, and not for long after that", () => {
  const timed = put(1_000, "A", "x", { ttlMs: 5_000, overByMs: 6_000 });
  assert.ok(isSound([timed, get(5_900, "B", "x", 5_900), get(6_100, "B", null, 6_100)]));
  assert.ok(!isSound([timed, get(3_000, "B", null, 3_000)]), "too early");
  assert.ok(!isSound([timed, get(9_000, "B", "x", 9_000)]), "too late");
  assert.ok(isSound([timed, get(9_000, "B", "x", 6_500)]), "group time stood still");
});

Deno.test("a conditional write is refused only where something else is there, or its fill token is over", () => {
  const first = put(1, "A", "x");
  assert.ok(isSound([first, put(3, "B", "b", { ifMark: "x" }), get(5, "A", "b")]));
  assert.ok(!isSound([first, put(3, "B", "b", { ifMark: "x", result: "conflict" })]));
  assert.ok(!isSound([first, put(3, "B", "b", { ifMark: null })]));
  const fill = { ifMark: null, isFill: true, result: "conflict" } as const;
  assert.ok(isSound([put(3, "B", "b", fill)]));
  assert.ok(!isSound([put(3, "B", "b", { ...fill, isFill: false })]));
});

Deno.test("two fill tokens of one home are a violation, unless the first may be over", () => {
  const token = (number: number, atMs: number, more: Partial<FillToken> = {}): FillToken => {
    const times = { callMs: atMs, returnMs: atMs + 1, ttlMs: 5_000, putMs: null };
    return { key: KEY, partition: 1, token: `3.${number}.t`, peer: "A", ...times, ...more };
  };
  const judge = (tokens: readonly FillToken[], answeredMs: readonly number[]) => {
    const checker = new CacheFillChecker(TIMING.electionTimeoutMs);
    const at = { kind: "renewed", partition: 1, term: 3, session: 1, isRebuilt: true } as const;
    for (const nowMs of answeredMs) {
      const message = { ...at, serial: 1, isLeased: true, timeMs: 0 };
      checker.sent("A", [encodeMessage(message)], nowMs);
    }
    for (const one of tokens) checker.given(one);
    return checker.judge().length === 0;
  };
  const answered = [0, 500, 1_000, 1_500, 2_000];
  assert.ok(!judge([token(1, 100), token(2, 2_000)], answered));
  assert.ok(judge([token(1, 100, { putMs: 1_900 }), token(2, 2_000)], answered), "it was used");
  assert.ok(judge([token(1, 100, { ttlMs: 1_000 }), token(2, 2_000)], answered), "in time");
  assert.ok(judge([token(1, 100), token(2, 2_000, { token: "4.1.t" })], answered), "a new home");
  assert.ok(judge([token(1, 100), token(2, 2_000)], [0, 1_500, 2_000]), "its lease was over");
});
