import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { findData } from "../../src/http/message_data.ts";
import { Random } from "../../src/random.ts";
import { randomObject, randomValue } from "./random_json.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const DATA_KEYS = ["data", "payload", "message", "d\\u0061ta"];
const KEYS = [...DATA_KEYS, "id", "topic", "dätä", "\\u006dessages", "x"];

function ownText(text: string): string {
  const bytes = encoder.encode(text);
  return decoder.decode(findData(bytes).own.read(bytes, ""));
}

Deno.test("message data: the bytes as they were sent", () => {
  equal(ownText('{"data":12345678901234567890}'), "12345678901234567890");
  equal(ownText('{"data" : {"a" : 1.0 ,"b":[ ]} , "id":"x"}'), '{"a" : 1.0 ,"b":[ ]}');
  equal(ownText('{"id":"data","payload":"a\\"}\\\\"}'), '"a\\"}\\\\"');
  equal(ownText('\ufeff\n{"message":null}'), "null");
  equal(ownText('{"d\\u0061ta":"ä€𝄞"}'), '"ä€𝄞"');
});

Deno.test("message data: of a field that is there twice the last one counts", () => {
  equal(ownText('{"data":1,"data":2}'), "2");
  const bytes = encoder.encode('{"messages":[{"data":1},{"data":2}],"messages":[{"data":3}]}');
  const { own, messages } = findData(bytes);
  equal(own.isGiven, false);
  deepEqual(messages.map((found) => decoder.decode(found.read(bytes, ""))), ["3"]);
});

Deno.test("message data: none, or under two names", () => {
  throws(() => ownText("{}"), { code: "INVALID", message: "data: is missing" });
  throws(() => ownText('{"x":{"data":1}}'), { code: "INVALID" });
  throws(() => ownText('{"data":1,"payload":1}'), { code: "BAD_REQUEST" });
  const bytes = encoder.encode('{"messages":[7,{},{"message":1,"data":1}]}');
  const { messages } = findData(bytes);
  throws(() => messages[0]!.read(bytes, "messages.0."), { code: "INVALID" });
  throws(() => messages[1]!.read(bytes, "messages.1."), {
    message: "messages.1.data: is missing",
    details: { field: "messages.1.data" },
  });
  throws(() => messages[2]!.read(bytes, "messages.2."), { code: "BAD_REQUEST" });
});

// deno-lint-ignore no-explicit-any -- any JSON
type Json = any;

/** What should be found in an object, by way of JSON.parse. */
function expected(object: Json): { names: string[]; value: Json } {
  const names = ["data", "payload", "message"].filter((name) => Object.hasOwn(object, name));
  return { names, value: object[names[0]!] };
}

function check(object: Json, bytes: Uint8Array, found: ReturnType<typeof findData>["own"]): string {
  const { names, value } = expected(object);
  equal(found.isGiven, names.length > 0);
  if (names.length === 0) throws(() => found.read(bytes, ""), { code: "INVALID" });
  else if (names.length > 1) throws(() => found.read(bytes, ""), { code: "BAD_REQUEST" });
  else deepEqual(JSON.parse(decoder.decode(found.read(bytes, ""))), value);
  return String(names.length);
}

Deno.test("message data: agrees with JSON.parse about any body", () => {
  const random = new Random(3, 5);
  const seen = new Map<string, number>();
  const message = () => {
    const count = random.integer(0, 3);
    return randomObject(
      random,
      Array.from({ length: count }, () => [
        random.pick(KEYS),
        randomValue(random, 3),
      ]),
    );
  };
  for (let round = 0; round < 5_000; round++) {
    const own: [string, string][] = [];
    for (let count = random.integer(0, 2); count > 0; count--) {
      own.push([random.pick(KEYS), randomValue(random, 3)]);
    }
    const items = Array.from({ length: random.integer(0, 3) }, message);
    if (random.chance(0.7)) own.push(["messages", ` [${items.join(",")} ] `]);
    const text = randomObject(random, own);
    const bytes = encoder.encode(text);
    const object = JSON.parse(text);
    const found = findData(bytes);
    const kinds = [check(object, bytes, found.own)];
    if (Array.isArray(object.messages)) {
      equal(found.messages.length, object.messages.length, text);
      for (const [place, one] of object.messages.entries()) {
        if (typeof one !== "object" || one === null || Array.isArray(one)) continue;
        kinds.push(check(one, bytes, found.messages[place]!));
      }
    }
    for (const kind of kinds) seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  for (const kind of ["0", "1", "2"]) ok(seen.get(kind)! > 500, `${kind} names of data`);
});
