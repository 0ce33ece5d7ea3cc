import assert from "node:assert/strict";
import { decodeBody, encodeBody } from "../../src/queue/stored_body.ts";
import { givenId, parseGivenId, parseReceipt, receiptText } from "../../src/queue/message_names.ts";

const PLACE = { group: 12, lane: 3 };

Deno.test("ids and receipts come back from their text, and name where to go", () => {
  const id = givenId(PLACE, 2 ** 53 - 1);
  assert.equal(id, "skein-12-3-9007199254740991");
  assert.deepEqual(parseGivenId(id), { ...PLACE, number: 2 ** 53 - 1 });
  const receipt = { number: 7, delivery: 80 };
  assert.equal(receiptText(PLACE, receipt), "12-3-7-80");
  assert.deepEqual(parseReceipt("12-3-7-80"), { ...PLACE, ...receipt });
});

Deno.test("any other text is neither", () => {
  const ids = ["", "a", "skein-", "skein-1-2", "skein-1-2-03", "skein-1-2-9007199254740992"];
  for (const text of [...ids, "skein-1-2-3 ", "skein-01-2-3", "Skein-1-2-3", "skein-1-2--3"]) {
    assert.equal(parseGivenId(text), null, text);
  }
  const receipts = ["", "1", "1-2-3", "1-2-3-4-5", "01-2-3-4", "1-2-3-9007199254740993", "1-2-3-x"];
  for (const text of receipts) assert.equal(parseReceipt(text), null, text);
});

Deno.test("a body keeps its key", () => {
  const data = Uint8Array.of(1, 2, 3);
  for (const key of [null, "", "größe", "k".repeat(512)]) {
    assert.deepEqual(decodeBody(encodeBody({ key, data })), { key, data });
    const empty = new Uint8Array();
    assert.deepEqual(decodeBody(encodeBody({ key, data: empty })), { key, data: empty });
  }
  for (const bytes of [[], [2], [1, 0], [1, 5, 0, 65]]) {
    assert.throws(() => decodeBody(Uint8Array.from(bytes)), RangeError);
  }
});
