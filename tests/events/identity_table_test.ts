import assert from "node:assert/strict";
import { IDENTITY_BYTES } from "../../src/events/identity.ts";
import { IdentityTable } from "../../src/events/identity_table.ts";
import { TopicLog } from "../../src/events/topic_log.ts";
import { NONE } from "../../src/groups/record_pages.ts";

/** Identities of these four words each. */
function identities(...words: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array(Int32Array.from(words.flat()).buffer);
}

function remember(table: IdentityTable, log: TopicLog, bytes: Uint8Array, timeMs = 0): void {
  for (let place = 0; place < bytes.length / IDENTITY_BYTES; place++) {
    table.append(log, log.nextOffset++, timeMs, bytes, place);
  }
}

function many(count: number): Uint8Array {
  return identities(...Array.from({ length: count }, (_, at) => [at * 0x9e3779b1, at, 3, 4]));
}

function check(table: IdentityTable, ...logs: readonly TopicLog[]): void {
  table.checkInvariants(logs, (index) => logs[index]!.nextOffset);
}

Deno.test("identities that differ in any of their words are told apart", () => {
  const table = new IdentityTable();
  const log = new TopicLog(0, "orders");
  remember(table, log, identities([1, 2, 3, 4]));
  const others = identities([1, 2, 3, 5], [1, 2, 9, 4], [1, 8, 3, 4], [7, 2, 3, 4], [1, 2, 3, 4]);
  const found = [0, 1, 2, 3, 4].map((place) => table.find(0, others, place));
  assert.deepEqual(found, [NONE, NONE, NONE, NONE, 0]);
  assert.equal(table.find(1, others, 4), NONE, "another topic has not heard of it");
});

Deno.test("an identity tells its offset, in any page", () => {
  const table = new IdentityTable();
  const [one, other] = [new TopicLog(0, "one"), new TopicLog(1, "other")];
  const bytes = many(1_000);
  remember(table, one, bytes.subarray(0, 160));
  remember(table, other, bytes);
  remember(table, one, bytes.subarray(160));
  for (let place = 0; place < 1_000; place++) {
    assert.equal(table.find(0, bytes, place), place);
    assert.equal(table.find(1, bytes, place), place);
  }
  assert.equal(table.count, 2_000);
  check(table, one, other);
});

Deno.test("what is forgotten is the oldest page, and is new again", () => {
  const table = new IdentityTable();
  const log = new TopicLog(0, "orders");
  const bytes = many(70);
  remember(table, log, bytes, 5);
  assert.equal(table.oldestPageMs(log), 5);
  assert.equal(table.forgetPage(log), 32);
  assert.equal(table.find(0, bytes, 31), NONE);
  assert.equal(table.find(0, bytes, 32), 32);
  remember(table, log, bytes.subarray(0, 2 * IDENTITY_BYTES), 9);
  assert.deepEqual([table.find(0, bytes, 0), table.find(0, bytes, 1)], [70, 71]);
  check(table, log);
  assert.deepEqual([table.forgetPage(log), table.forgetPage(log)], [32, 8]);
  assert.equal(table.oldestPageMs(log), Infinity);
  assert.equal(table.count, 0);
  remember(table, log, bytes);
  assert.equal(table.find(0, bytes, 0), 72);
  check(table, log);
});
