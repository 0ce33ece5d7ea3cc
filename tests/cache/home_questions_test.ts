import assert from "node:assert/strict";
import {
  decodeFillAnswer,
  decodeFlag,
  decodeHomeView,
  decodeQuestion,
  decodeWriteAnswer,
  encodeFillAnswer,
  encodeHomeView,
  encodeQuestion,
  encodeWriteAnswer,
  type FillGrant,
  HOME_METHOD,
  type HomeQuestion,
  type HomeWriteAnswer,
} from "../../src/cache/home_question_codec.ts";
import { groupOfKey } from "../../src/cache/cache_edges.ts";
import { HomeQuestions } from "../../src/cache/home_questions.ts";
import { ManualClock } from "../manual_clock.ts";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { type ErrorCode, SkeinError } from "../../src/errors.ts";
import type { Groups } from "../../src/groups/groups.ts";
import { LIMITS } from "../../src/limits.ts";
import { Random } from "../../src/random.ts";

const version = { term: 4, counter: 7, write: 1 };
const caller = { kind: "caller", principal: "p", id: "x" } as const;
const session = { kind: "session", session: "s", bootId: "b", sequence: 4, lowestOpen: 2 } as const;
const value = Uint8Array.of(34, 34);

const byCaller = { request: caller, fillToken: null };
const QUESTIONS: readonly HomeQuestion[] = [
  { kind: "remove", key: "ключ", request: null },
  { kind: "remove", key: "a", request: caller },
  { kind: "remove", key: "a", request: session },
  { kind: "invalidate", key: "a" },
  { kind: "write", key: "a", value, ttlMs: null, ifVersion: undefined, ...byCaller },
  { kind: "write", key: "a", value, ttlMs: 100, ifVersion: null, ...byCaller, fillToken: "t" },
  {
    kind: "write",
    key: "a",
    value,
    ttlMs: 0,
    ifVersion: version,
    request: session,
    fillToken: null,
  },
  { kind: "view", key: "a" },
  { kind: "beginFill", key: "a", peer: "A", waitMs: 5, ttlMs: 30_000 },
  { kind: "checkFill", key: "a", token: "t" },
  { kind: "settleFill", key: "a", token: "t" },
];

function travelled(value: unknown): unknown {
  const decoded = decode(encode(value));
  assert.ok(decoded.ok);
  return decoded.value;
}

Deno.test("questions to a home travel and come back as they were", () => {
  for (const question of QUESTIONS) {
    assert.deepEqual(decodeQuestion(travelled(encodeQuestion(question))), question);
  }
});

Deno.test("answers of a home travel and come back as they were", () => {
  const written: HomeWriteAnswer[] = [
    { ok: true, version },
    { ok: false, version },
    { ok: false, version: null },
  ];
  for (const answer of written) {
    assert.deepEqual(decodeWriteAnswer(travelled(encodeWriteAnswer(answer))), answer);
  }
  const fills: FillGrant[] = [{ kind: "token", token: "t" }, { kind: "again" }, { kind: "late" }];
  for (const answer of fills) {
    assert.deepEqual(decodeFillAnswer(travelled(encodeFillAnswer(answer))), answer);
  }
  const holders = [{ peer: "A", state: "S" }, { peer: "B", state: "E" }] as const;
  for (const view of [{ holders, version }, { holders: [], version: null }]) {
    assert.deepEqual(decodeHomeView(travelled(encodeHomeView(view))), view);
  }
});

Deno.test("questions with anything wrong are refused or whole, never fatal", () => {
  const random = new Random(5);
  const long = "k".repeat(LIMITS.ringKeyBytesMax + 1);
  const wrong = [null, -1, Infinity, "", long, true, [], [[]], {}, new Uint8Array(1)];
  let refused = 0;
  for (let round = 0; round < 5_000; round++) {
    const fields = [...encodeQuestion(random.pick(QUESTIONS))];
    const place = random.integer(0, fields.length - 1);
    if (random.chance(0.3)) fields.length = place;
    else fields[place] = random.pick(wrong);
    try {
      const question = decodeQuestion(fields);
      assert.deepEqual(decodeQuestion(encodeQuestion(question)), question);
    } catch (error) {
      assert.ok(error instanceof SkeinError, `${error}`);
      assert.equal(error.code, "BAD_REQUEST");
      refused++;
    }
  }
  assert.ok(refused > 3_000, `${refused} are refused`);
  const large = new Uint8Array(LIMITS.bodyBytesMax + 1);
  const write = { ...QUESTIONS[4]!, value: large } as HomeQuestion;
  assert.throws(() => decodeQuestion(encodeQuestion(write)), { code: "BAD_REQUEST" });
});

Deno.test("an answer that is none is the other side's fault", () => {
  for (
    const wrong of [null, 1, "x", [], [null], [9, [1]], [0, 1], [[["A", 9]], null], [true, null]]
  ) {
    for (const read of [decodeFlag, decodeWriteAnswer, decodeHomeView, decodeFillAnswer]) {
      assert.throws(() => read(wrong), { code: "INTERNAL" }, String(wrong));
    }
  }
});

Deno.test("a question goes to the group of its key, with time to wait on top of time to answer", async () => {
  const asked: unknown[] = [];
  const answers: unknown[] = [true, null, [true, [4, 7, 1]], [[], null], [2, null], false, null];
  const groups = {
    ask(group: number, method: string, body: unknown, timeoutMs: number) {
      asked.push({ group, method, question: decodeQuestion(body), timeoutMs });
      return Promise.resolve(answers.shift());
    },
  } as Partial<Groups> as Groups;
  const timeouts = { proposeMs: 9, askMs: 100 };
  const edges = { groups, partitions: 16, self: "A", timeouts, clock: new ManualClock() };
  const home = new HomeQuestions(edges);
  assert.equal(await home.remove("a", caller), true);
  await home.invalidate("a");
  const written = await home.write("a", { value, ttlMs: null, ifVersion: null, ...byCaller });
  assert.deepEqual(written, { ok: true, version });
  assert.deepEqual(await home.view("a"), { holders: [], version: null });
  assert.deepEqual(await home.beginFill("a", { waitMs: 50, ttlMs: 10 }), { kind: "late" });
  assert.equal(await home.checkFill("a", "t"), false);
  await home.settleFill("a", "t");
  const group = groupOfKey(edges, "a");
  const at = { group, method: HOME_METHOD, timeoutMs: 100 };
  assert.deepEqual(asked, [
    { ...at, question: { kind: "remove", key: "a", request: caller } },
    { ...at, question: { kind: "invalidate", key: "a" } },
    {
      ...at,
      question: { kind: "write", key: "a", value, ttlMs: null, ifVersion: null, ...byCaller },
    },
    { ...at, question: { kind: "view", key: "a" } },
    {
      ...at,
      timeoutMs: 150,
      question: { kind: "beginFill", key: "a", peer: "A", waitMs: 50, ttlMs: 10 },
    },
    { ...at, question: { kind: "checkFill", key: "a", token: "t" } },
    { ...at, question: { kind: "settleFill", key: "a", token: "t" } },
  ]);
});

Deno.test("under a caller's id it asks again while the outcome is unknown, and never denies it then", async () => {
  const clock = new ManualClock();
  const left: number[] = [];
  /** What each attempt comes to, 40 ms after it was made; null: it is done. */
  const write = async (...outcomes: (ErrorCode | null)[]) => {
    left.length = 0;
    const groups = {
      ask(_group: number, _method: string, _body: unknown, timeoutMs: number) {
        left.push(timeoutMs);
        clock.advance(40);
        const code = outcomes.shift()!;
        return code === null
          ? Promise.resolve([true, [4, 7, 1]])
          : Promise.reject(new SkeinError(code, "no"));
      },
    } as Partial<Groups> as Groups;
    const timeouts = { proposeMs: 9, askMs: 100 };
    const home = new HomeQuestions({ groups, partitions: 16, self: "A", timeouts, clock });
    return await home.write("a", { value, ttlMs: null, ifVersion: null, ...byCaller });
  };
  assert.deepEqual(await write("OUTCOME_UNKNOWN", null), { ok: true, version });
  assert.deepEqual(left, [100, 60]);
  await assert.rejects(write("NO_LEADER"), { code: "NO_LEADER" });
  await assert.rejects(write("OUTCOME_UNKNOWN", "NO_LEADER"), { code: "OUTCOME_UNKNOWN" });
  await assert.rejects(write("OUTCOME_UNKNOWN", "REQUEST_ID_REUSED"), {
    code: "REQUEST_ID_REUSED",
  });
  const unknown = Array.from({ length: 4 }, () => "OUTCOME_UNKNOWN" as const);
  await assert.rejects(write(...unknown), { code: "OUTCOME_UNKNOWN" });
  assert.deepEqual(left, [100, 60, 20]);
});
