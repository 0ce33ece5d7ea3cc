import assert from "node:assert/strict";
import type { CacheMessage } from "../../src/cache/messages.ts";
import { decodeMessage, encodeMessage } from "../../src/cache/message_codec.ts";
import { decode, encode } from "../../src/codec/msgpack.ts";
import { SkeinError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { Random } from "../../src/random.ts";

const AT = { partition: 3, term: 7 };
const KEY = { ...AT, key: "ключ" };
const grant = { term: 6, counter: 12 };
const version = { ...grant, write: 2 };
const written = { version, value: Uint8Array.of(34, 34), expiresMs: null };
const nothing = { version: null, value: null, expiresMs: null };

const MESSAGES: readonly CacheMessage[] = [
  {
    kind: "report",
    ...AT,
    serial: 4,
    lines: [
      { key: "a", line: { kind: "owned", grant } },
      { key: "b", line: { kind: "shared", grant } },
      { key: "c", line: { kind: "owed", grant, version, hasCopy: true } },
    ],
  },
  {
    kind: "renew",
    serial: 5,
    leases: [{ ...AT, session: 9 }, { partition: 4, term: 1, session: 2 }],
  },
  { kind: "ask", ...KEY, session: 9, request: 1, wish: "shared", holds: null },
  { kind: "ask", ...KEY, session: 9, request: 2, wish: "owned", holds: grant },
  { kind: "acknowledge", ...KEY, grant, kept: true, held: true, dirty: written },
  { kind: "acknowledge", ...KEY, grant, kept: false, held: false, dirty: null },
  { kind: "writeBack", ...KEY, session: 9, grant, keeps: "nothing", content: written },
  { kind: "dropped", ...KEY, grant },
  { kind: "confirmed", ...KEY, grant, version },
  { kind: "refused", ...KEY, grant, version: null },
  { kind: "refused", ...KEY, grant, version },
  { kind: "recall", ...KEY, grant, to: "S" },
  { kind: "recall", ...KEY, grant, to: "I" },
  { kind: "granted", ...KEY, request: 1, grant, state: "E", content: nothing },
  { kind: "granted", ...KEY, request: 1, grant, state: "S", content: { ...written, expiresMs: 5 } },
  { kind: "granted", ...KEY, request: 1, grant, state: "E", content: null },
  { kind: "denied", ...KEY, request: 1, error: null },
  { kind: "denied", ...KEY, request: 1, error: new SkeinError("UNAVAILABLE", "why") },
  { kind: "delayed", ...KEY, error: new SkeinError("UNAVAILABLE", "why") },
  {
    kind: "leased",
    ...AT,
    serial: 4,
    session: 9,
    isRebuilt: false,
    timeMs: 77,
    outcomes: [
      { kind: "confirmed", ...KEY, grant, version },
      { kind: "refused", ...KEY, grant, version: null },
    ],
  },
  { kind: "renewed", ...AT, serial: 5, session: 9, isLeased: true, isRebuilt: true, timeMs: 77 },
];

Deno.test("cache messages travel and come back as they were", () => {
  for (const message of MESSAGES) {
    const travelled = decode(encode(encodeMessage(message)));
    assert.ok(travelled.ok);
    assert.deepEqual(decodeMessage(travelled.value), message);
  }
});

Deno.test("cache messages with anything wrong are refused or whole, never fatal", () => {
  const random = new Random(3);
  const wrong = [null, -1, 1.5, "", "x", true, [], [[]], {}, new Uint8Array(1), Infinity];
  let refused = 0;
  for (let round = 0; round < 5_000; round++) {
    const fields = [...encodeMessage(random.pick(MESSAGES))];
    const place = random.integer(0, fields.length - 1);
    if (random.chance(0.3)) fields.length = place;
    else fields[place] = random.pick(wrong);
    const message = decodeMessage(fields);
    if (message === null) refused++;
    else assert.deepEqual(decodeMessage(encodeMessage(message)), message);
  }
  assert.ok(refused > 3_000, `${refused} are refused`);
});

Deno.test("cache messages do not follow nesting", () => {
  let nested: unknown = [7, 3, 7, "k", [1, 1], [1, 1, 1]];
  for (let depth = 0; depth < 50; depth++) nested = [11, 3, 7, 1, 1, true, 1, [nested]];
  assert.equal(decodeMessage(nested), null);
});

Deno.test("cache messages: a value that is kept does not keep its whole frame", () => {
  const many = Array.from({ length: 100 }, () => encodeMessage(MESSAGES[14]!));
  const decoded = decode(encode(many));
  assert.ok(decoded.ok);
  for (const fields of decoded.value as readonly unknown[]) {
    const message = decodeMessage(fields);
    assert.ok(message?.kind === "granted");
    const { value } = message.content!;
    assert.deepEqual(value, written.value);
    assert.ok(
      value!.buffer.byteLength <= 2 * value!.byteLength,
      `${value!.buffer.byteLength} bytes`,
    );
  }
});

Deno.test("cache messages: of a partition that no cluster has there is no message", () => {
  for (const partition of [0, LIMITS.groupsMax, 2 ** 50]) {
    for (const message of MESSAGES) {
      const elsewhere = message.kind === "renew"
        ? { ...message, leases: [{ partition, term: 1, session: 2 }] }
        : { ...message, partition };
      assert.equal(decodeMessage(encodeMessage(elsewhere)), null, message.kind);
    }
  }
});

Deno.test("cache messages: nobody writes under another grant, or for longer than a date can name", () => {
  const others = [{ ...version, term: 99 }, { ...version, counter: 13 }, { ...version, write: 0 }];
  const contents = others.map((other) => ({ ...written, version: other }));
  const messages: readonly CacheMessage[] = [
    ...[...contents, { ...written, expiresMs: 8.64e15 + 1 }].flatMap((content) => [
      { kind: "writeBack", ...KEY, session: 9, grant, keeps: "owned", content } as const,
      { kind: "acknowledge", ...KEY, grant, kept: false, held: true, dirty: content } as const,
    ]),
    ...others.map((other) => {
      const line = { kind: "owed", grant, version: other, hasCopy: false } as const;
      return { kind: "report", ...AT, serial: 4, lines: [{ key: "c", line }] } as const;
    }),
  ];
  for (const message of messages) assert.equal(decodeMessage(encodeMessage(message)), null);
});
