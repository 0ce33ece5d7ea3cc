/** What a line says that should be published, in each form, and what is wrong with one that cannot be. */
import assert from "node:assert/strict";
import { type LineForm, readItem } from "../../src/cli/publish_items.ts";

const VALUES: LineForm = { kind: "value", idFrom: null, keyFrom: null, common: {} };
const MESSAGES: LineForm = { ...VALUES, kind: "message" };

function item(text: string, form: Partial<LineForm>) {
  const read = readItem(text, { ...VALUES, ...form });
  assert.ok(read.kind === "item", JSON.stringify(read));
  return read.item;
}

function fault(text: string, form: Partial<LineForm>): string {
  const read = readItem(text, { ...VALUES, ...form });
  assert.ok(read.kind === "fault", JSON.stringify(read));
  return read.fault;
}

Deno.test("values, texts, and what holds for all", () => {
  const common = { priority: 3, delayMs: 1500 };
  assert.deepEqual(item('{"a":[1]}', { common }), { data: { a: [1] }, ...common });
  assert.deepEqual(item("null", {}), { data: null });
  assert.deepEqual(item("plain {", { kind: "text" }), { data: "plain {" });
  assert.deepEqual(item("", { kind: "text" }), { data: "" });
  assert.equal(readItem("  ", VALUES).kind, "blank");
  assert.match(fault("{a}", {}), /^no JSON: /);
});

Deno.test("id and key from the data", () => {
  const form = { idFrom: "order", keyFrom: "customer" };
  const data = { order: 17, customer: "ann" };
  assert.deepEqual(item(JSON.stringify(data), form), { data, id: "17", key: "ann" });
  for (const line of ['{"order":17}', '{"order":"","customer":"a"}', "[]", "null", "7"]) {
    assert.match(fault(line, form), /^(?:order|customer): .*; allowed: 1 to 512 bytes/);
  }
  assert.match(fault('{"order":1}', { idFrom: "toString" }), /^toString: nothing; allowed/);
});

Deno.test("ids that JavaScript has no number for stay apart", () => {
  const ids = ["9007199254740992", "9007199254740993"];
  const read = ids.map((id) => item(`{"id":${id}}`, { idFrom: "id" }));
  assert.deepEqual(read.map(({ id }) => id), ids);
  assert.deepEqual(read.map(({ data }) => JSON.stringify(data)), ids.map((id) => `{"id":${id}}`));
});

Deno.test("data may be nested as deep as a request with several messages can hold, and no deeper", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assert.ok(Array.isArray(item(nested(61), {}).data));
  assert.match(fault(nested(62), {}), /^nested deeper than 61 levels$/);
  assert.match(fault(nested(500_000), {}), /^nested deeper|^no JSON/);
});

Deno.test("whole messages, whose own options go before what holds for all", () => {
  const message = { data: 1, id: "a", key: "k", priority: 9, delay: 0.5, ttl: 60 };
  const common = { priority: 1, key: "other" };
  assert.deepEqual(item(JSON.stringify(message), { ...MESSAGES, common }), {
    data: 1,
    id: "a",
    key: "k",
    priority: 9,
    delayMs: 500,
    ttlMs: 60_000,
  });
  const least = item('{"data":null,"id":null}', { ...MESSAGES, common });
  assert.deepEqual(least, { data: null, ...common });
});

Deno.test("a message that cannot be is told with its field and what is allowed", () => {
  const cases = [
    ["[]", /^a message is an object/],
    ["{}", /^data: is missing$/],
    ['{"data":1,"prority":1}', /^a message has no field "prority"$/],
    ['{"data":1,"priority":10}', /^priority: 10; allowed: a whole number from 0 to 9$/],
    ['{"data":1,"priority":"1"}', /^priority: "1"; allowed/],
    ['{"data":1,"delay":-1}', /^delay: -1; allowed: seconds from 0 to 2592000$/],
    ['{"data":1,"ttl":0}', /^ttl: 0; allowed: seconds from 0\.1 to/],
    ['{"data":1,"ttl":"x"}', /^ttl: "x"; allowed/],
    ['{"data":1,"id":7}', /^id: 7; allowed: 1 to 512 bytes without control characters$/],
    ['{"data":1,"id":"a\\u0000"}', /^id: "a\\u0000"; allowed/],
    [`{"data":1,"key":"${"é".repeat(257)}"}`, /^key: "é{78}…; allowed/],
  ] as const;
  for (const [line, expected] of cases) assert.match(fault(line, MESSAGES), expected);
});
