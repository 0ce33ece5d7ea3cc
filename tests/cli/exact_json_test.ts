/** Numbers that JavaScript has no value for keep their digits; everything else is as JSON.parse has it. */
import assert from "node:assert/strict";
import { numberText, parseExactly } from "../../src/cli/exact_json.ts";

Deno.test("a number comes out as it went in, however large or precise", () => {
  const texts = [
    "12345678901234567890",
    "-9007199254740993",
    "0.12345678901234567890123",
    "1e400",
    '{"id":9007199254740993,"list":[18446744073709551615,{"x":1.00000000000000000001}]}',
  ];
  for (const text of texts) assert.equal(JSON.stringify(parseExactly(text)), text);
});

Deno.test("what JavaScript tells exactly is a plain value", () => {
  const text = '{"a":[1,-2.5,9007199254740991,true,null,"12345678901234567890"],"__proto__":1}';
  assert.deepEqual(parseExactly(text), JSON.parse(text));
  assert.equal(JSON.stringify(parseExactly(text)), text);
});

Deno.test("the digits of a number, and of nothing else", () => {
  assert.equal(numberText(parseExactly("12345678901234567890")), "12345678901234567890");
  assert.equal(numberText(17), "17");
  for (const value of ["17", null, {}, [17], undefined]) assert.equal(numberText(value), null);
});

Deno.test("what is no JSON is refused as ever", () => {
  for (const text of ["", "{", "12345678901234567890x", "[1,]"]) {
    assert.throws(() => parseExactly(text), SyntaxError);
  }
});
