/** msgpack: what goes in comes out, and hostile bytes give an error value whatever they are. */
import assert from "node:assert/strict";
import { decode, encode, encodeShared } from "../../src/codec/msgpack.ts";
import { Random } from "../../src/random.ts";

function bytesOf(...bytes: number[]): Uint8Array {
  return new Uint8Array(bytes);
}

function reasonFor(bytes: Uint8Array): string {
  const decoded = decode(bytes);
  assert(!decoded.ok, `decoded ${decoded.ok ? JSON.stringify(decoded.value) : ""}`);
  return decoded.reason;
}

Deno.test("values survive the way there and back", () => {
  const values = [
    null,
    true,
    false,
    0,
    127,
    128,
    -1,
    -32,
    -33,
    65_536,
    2 ** 32,
    -(2 ** 31),
    -(2 ** 40),
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    1.5,
    NaN,
    -Infinity,
    "",
    "a",
    "ü€𝄞".repeat(100),
    "x".repeat(70_000),
    [],
    {},
    [1, [2, [3, []]]],
    { a: { b: [null, { c: "d" }] } },
    Array.from({ length: 70_000 }, (_, index) => index),
  ];
  for (const value of values) {
    assert.deepEqual(decode(encode(value)), { ok: true, value });
  }
});

Deno.test("strings, arrays and maps of every short length survive, within other values", () => {
  for (let length = 0; length < 40; length++) {
    const text = "\xff".repeat(length >> 1) + "z".repeat(length & 1);
    const list = Array.from({ length }, (_, index) => index - 20);
    const map = Object.fromEntries(list.map((index) => [`${text}${index}`, text]));
    const value = ["z".repeat(length), text, list, map];
    assert.deepEqual(decode(encode(value)), { ok: true, value });
  }
});

Deno.test("bytes stay bytes, of the plain class, at every length form", () => {
  for (const length of [0, 1, 255, 256, 65_535, 65_536]) {
    const decoded = decode(encode({ payload: new Uint8Array(length).fill(7) }));
    assert(decoded.ok);
    const { payload } = decoded.value as { payload: Uint8Array };
    assert.equal(payload.constructor, Uint8Array);
    assert.deepEqual(payload, new Uint8Array(length).fill(7));
  }
});

Deno.test("a property that is undefined is left out, so it is absent on the other side", () => {
  assert.deepEqual(decode(encode({ a: undefined, b: 1 })), { ok: true, value: { b: 1 } });
});

Deno.test("encode gives bytes of the caller's own, encodeShared a view that the next call overwrites", () => {
  const own = encode("first");
  const shared = encodeShared("second");
  encode("third!");
  assert.deepEqual(decode(own), { ok: true, value: "first" });
  assert.notDeepEqual(decode(shared), { ok: true, value: "second" });
});

Deno.test("a huge value does not leave its buffer behind", () => {
  const huge = encodeShared(new Uint8Array(4 * 1024 * 1024));
  assert(huge.buffer.byteLength > 4 * 1024 * 1024);
  assert(encodeShared(1).buffer.byteLength < 64 * 1024);
});

Deno.test("a __proto__ key is refused and pollutes nothing", () => {
  const key = new TextEncoder().encode("__proto__");
  const hostile = bytesOf(0x81, 0xa0 + key.length, ...key, 0x81, 0xa1, 0x78, 0x01);
  assert.match(reasonFor(hostile), /__proto__/);
  assert.equal(({} as { x?: number }).x, undefined);
});

Deno.test("lengths beyond the bytes that are there are refused before anything is allocated", () => {
  assert.match(reasonFor(bytesOf(0xdd, 0xff, 0xff, 0xff, 0xff)), /beyond the bytes/);
  assert.match(reasonFor(bytesOf(0xdf, 0xff, 0xff, 0xff, 0xff)), /beyond the bytes/);
  assert.match(reasonFor(bytesOf(0xc6, 0xff, 0xff, 0xff, 0xff)), /beyond|cut off|behind/);
  assert.match(reasonFor(bytesOf(0xdb, 0xff, 0xff, 0xff, 0xff)), /beyond|cut off|behind/);
});

Deno.test("nesting is bounded, in both directions", () => {
  const deep = new Uint8Array(1_000_000).fill(0x91);
  assert.match(reasonFor(deep), /nested deeper/);
  let value: unknown = 1;
  for (let depth = 0; depth < 63; depth++) value = [value];
  assert.deepEqual(decode(encode(value)), { ok: true, value });
  for (let depth = 0; depth < 10; depth++) value = [value];
  assert.throws(() => encode(value), /deep/);
});

Deno.test("the number of values is bounded: a byte on the wire can be fifty in memory", () => {
  const many = new Uint8Array(2_000_005).fill(0x90);
  many.set([0xdd, 0x00, 0x1e, 0x84, 0x80]);
  assert.match(reasonFor(many), /more than/);
});

Deno.test("bytes behind the value, none at all, and types that are not spoken are refused", () => {
  assert.match(reasonFor(bytesOf(0x01, 0x02)), /behind/);
  assert.match(reasonFor(bytesOf()), /cut off/);
  for (const head of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd8]) {
    assert.match(reasonFor(bytesOf(head, 0, 0, 0, 0, 0, 0, 0, 0)), /not spoken/);
  }
});

Deno.test("an integer that a number cannot hold is refused, not rounded", () => {
  assert.match(reasonFor(bytesOf(0xcf, 0xff, 0, 0, 0, 0, 0, 0, 1)), /2\^53/);
  assert.match(reasonFor(bytesOf(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 1)), /2\^53/);
});

Deno.test("no bytes make it throw: random ones, and damaged ones", () => {
  const random = new Random(2024);
  const whole = encode([0, "topic", { a: [1, 2.5, "text", new Uint8Array(9)], b: -70_000 }]);
  for (let round = 0; round < 20_000; round++) {
    const bytes = round % 2 === 0
      ? Uint8Array.from({ length: random.integer(0, 40) }, () => random.integer(0, 255))
      : whole.slice(0, random.integer(1, whole.length));
    if (bytes.length > 0) bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
    const decoded = decode(bytes);
    assert.equal(typeof decoded.ok, "boolean");
  }
  assert(decode(whole).ok, "the decoder works as before after all these failures");
});
