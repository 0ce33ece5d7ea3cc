/** How strings of Redis appear as values, and values as strings: what is put is what is got. */
import assert from "node:assert/strict";
import { bytesOfValue, valueOfBytes } from "../../../src/cache/redis/value_form.ts";
import { Random } from "../../../src/random.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function appears(stored: string | Uint8Array): string {
  const bytes = typeof stored === "string" ? encoder.encode(stored) : stored;
  return decoder.decode(valueOfBytes(bytes));
}

function stored(json: string): string {
  return decoder.decode(bytesOfValue(encoder.encode(json)));
}

Deno.test("what is JSON is that, other text is a string, other bytes are base64", () => {
  const cases = [
    ['{"a": 1}', '{"a": 1}'],
    ["[1,2]", "[1,2]"],
    ["42", "42"],
    ["1.50", "1.50"],
    ["true", "true"],
    ["null", "null"],
    ['"quoted"', '"quoted"'],
    ["hello", '"hello"'],
    ["", '""'],
    ["007", '"007"'],
    ["{broken", '"{broken"'],
    ['say "hi"\n', '"say \\"hi\\"\\n"'],
    ["\ufeff1", '"\ufeff1"'],
  ] as const;
  for (const [text, value] of cases) assert.equal(appears(text), value);
  assert.equal(appears(Uint8Array.of(0xff, 0xfe)), '{"$base64":"//4="}');
});

Deno.test("strings are stored bare, unless they would be read as something else", () => {
  const cases = [
    ['"hello"', "hello"],
    ['"caf\\u00e9"', "café"],
    ['""', ""],
    ['"42"', '"42"'],
    ['"null"', '"null"'],
    ['"{}"', '"{}"'],
    ['"\\ud800"', '"\\ud800"'],
    [' "padded" ', "padded"],
    ['{"a": 1}', '{"a": 1}'],
    ["42", "42"],
    // Bytes that are a text, or another spelling: an object like any other.
    ['{"$base64":"aGk="}', '{"$base64":"aGk="}'],
    ['{"$base64":"//5"}', '{"$base64":"//5"}'],
    ['{"$base64":"//4=","more":1}', '{"$base64":"//4=","more":1}'],
    ['{"$base64":7}', '{"$base64":7}'],
  ] as const;
  for (const [json, text] of cases) assert.equal(stored(json), text);
  assert.deepEqual([...bytesOfValue(encoder.encode('{"$base64":"//4="}'))], [0xff, 0xfe]);
});

Deno.test("whatever is put comes back, and whatever lies there stays as it is when it is put back", () => {
  const random = new Random(7);
  const pieces = ['"', "{", "}", "$base64", ":", "1", "a", "\\", "é", " ", "\u0000", "=", "//4="];
  const below = (count: number) => Math.floor(random.fraction() * count);
  for (let round = 0; round < 5_000; round++) {
    const text = Array.from({ length: below(6) }, () => pieces[below(pieces.length)]).join("");
    for (const value of [text, { [text]: text }, { "$base64": text }, [text], round]) {
      const json = JSON.stringify(value);
      const back = decoder.decode(valueOfBytes(bytesOfValue(encoder.encode(json))));
      assert.deepEqual(JSON.parse(back), value, json);
    }
    const bytes = Uint8Array.from({ length: below(8) }, () => below(256));
    for (const there of [bytes, encoder.encode(text)]) {
      const value = JSON.parse(decoder.decode(valueOfBytes(there)));
      const again = bytesOfValue(valueOfBytes(there));
      assert.deepEqual(JSON.parse(decoder.decode(valueOfBytes(again))), value);
    }
  }
});
