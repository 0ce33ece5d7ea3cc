import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { RequestTable } from "../../src/groups/request_table.ts";
import { digestOf } from "../../src/groups/digest.ts";

const LIMITS = { requestTableBytesMax: 1 << 20, requestKeepMs: 60_000, sessionOpenMax: 1_024 };

function caller(id: string, principal = "ann"): RequestKey {
  return { kind: "caller", principal, id };
}

function numbered(sequence: number, lowestOpen: number, session = "s"): RequestKey {
  return { kind: "session", session, bootId: "boot", sequence, lowestOpen };
}

/** The table with one call for a whole request, and time as each entry has it. */
class Requests {
  readonly table: RequestTable;

  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.table = new RequestTable({ ...LIMITS, ...limits });
  }

  /** @returns "new", the remembered answer, or the code of a refusal */
  ask(key: RequestKey, timeMs: number, answer: unknown = "done", digest = 1): unknown {
    this.table.expire(timeMs);
    const found = this.table.begin(key, digest, timeMs);
    if (found.kind === "new") this.table.answer(found.record, answer, null, timeMs);
    this.table.checkInvariants();
    if (found.kind === "refused") return found.answer.refused.code;
    return found.kind === "new" ? "new" : found.record.answer;
  }

  wait(key: RequestKey, ticket: number, timeMs: number): void {
    this.table.expire(timeMs);
    const found = this.table.begin(key, 1, timeMs);
    assert.equal(found.kind, "new");
    if (found.kind === "new") this.table.answer(found.record, "waiting", ticket, timeMs);
    this.table.checkInvariants();
  }

  settle(ticket: number, answer: unknown, timeMs: number): void {
    this.table.expire(timeMs);
    this.table.settle(ticket, answer, timeMs);
    this.table.checkInvariants();
  }

  pass(timeMs: number): void {
    this.table.expire(timeMs);
    this.table.checkInvariants();
  }
}

Deno.test("an id is answered again for 60 s of group time after its answer, then it is new", () => {
  const requests = new Requests();
  assert.equal(requests.ask(caller("x"), 1_000), "new");
  assert.equal(requests.ask(caller("x"), 60_999), "done");
  assert.equal(requests.ask(caller("x"), 61_000), "new");
});

Deno.test("ids of different principals do not meet, however they are cut", () => {
  const requests = new Requests();
  assert.equal(requests.ask(caller("c", "ab"), 0), "new");
  assert.equal(requests.ask(caller("bc", "a"), 0), "new");
  assert.equal(requests.ask(caller("c", "ab"), 0), "done");
});

Deno.test("the same id for another request is refused", () => {
  const requests = new Requests();
  requests.ask(caller("x"), 0, "done", 1);
  assert.equal(requests.ask(caller("x"), 0, "done", 2), "REQUEST_ID_REUSED");
  requests.ask(numbered(1, 1), 0, "done", 1);
  assert.equal(requests.ask(numbered(1, 1), 0, "done", 2), "REQUEST_ID_REUSED");
});

Deno.test("a request that waits is kept however long it waits, and 60 s after its end", () => {
  const requests = new Requests();
  requests.wait(caller("x"), 7, 0);
  assert.equal(requests.ask(caller("x"), 500_000), "waiting");
  requests.settle(7, "granted", 600_000);
  assert.equal(requests.ask(caller("x"), 659_999), "granted");
  assert.equal(requests.ask(caller("x"), 660_000), "new");
});

Deno.test("a session's answers are dropped once it has them; what it has is refused", () => {
  const requests = new Requests();
  for (let sequence = 1; sequence <= 5; sequence++) {
    requests.ask(numbered(sequence, 1), 0, sequence);
  }
  const bytes = requests.table.bytes;
  assert.equal(requests.ask(numbered(4, 4), 0), 4);
  assert.ok(requests.table.bytes < bytes);
  assert.equal(requests.ask(numbered(3, 1), 0), "REQUEST_ID_REUSED");
  assert.equal(requests.ask(numbered(5, 1), 0), 5, "the mark does not go back");
});

Deno.test("at full speed a session's table does not grow", () => {
  const requests = new Requests();
  const sizes = new Set<number>();
  for (let sequence = 1; sequence <= 5_000; sequence++) {
    requests.table.expire(0);
    const found = requests.table.begin(numbered(sequence, Math.max(1, sequence - 31)), 1, 0);
    assert.ok(found.kind === "new");
    requests.table.answer(found.record, "done", null, 0);
    if (sequence > 100) sizes.add(requests.table.bytes);
  }
  assert.equal(sizes.size, 1);
});

Deno.test("a session has at most so many open, and may leap ahead", () => {
  const requests = new Requests({ sessionOpenMax: 4 });
  assert.equal(requests.ask(numbered(4, 1), 0), "new");
  assert.equal(requests.ask(numbered(5, 1), 0), "TOO_MANY_REQUESTS");
  assert.equal(requests.ask(numbered(5, 2), 0), "new");
  assert.equal(requests.ask(numbered(2 ** 50, 2 ** 50), 0), "new");
});

Deno.test("a session's mark is kept 60 s after its last entry, also across restarts of its peer", () => {
  const requests = new Requests();
  requests.ask(numbered(9, 9), 0);
  requests.ask(numbered(10, 10), 50_000);
  assert.equal(requests.ask(numbered(9, 9), 109_999), "REQUEST_ID_REUSED");
  assert.equal(requests.ask(numbered(9, 9), 169_999), "new");
  const other = { ...numbered(1, 1), bootId: "next boot" } as RequestKey;
  assert.equal(requests.ask(other, 169_999), "new");
});

Deno.test("a session with a waiting request is kept until it has ended", () => {
  const requests = new Requests();
  requests.wait(numbered(1, 1), 7, 0);
  assert.equal(requests.ask(numbered(1, 1), 500_000), "waiting");
  requests.settle(7, "granted", 600_000);
  assert.equal(requests.ask(numbered(1, 1), 659_000), "granted");
  requests.pass(800_000);
  assert.equal(requests.table.bytes, 0);
});

Deno.test("a wait that its session no longer cares for ends without a trace", () => {
  const requests = new Requests();
  requests.wait(numbered(1, 1), 7, 0);
  requests.ask(numbered(2, 2), 10);
  requests.settle(7, "granted", 20);
  requests.pass(60_010);
  assert.equal(requests.table.bytes, 0);
});

Deno.test("a full table refuses new ids, still answers known ones, and empties with time", () => {
  const requests = new Requests({ requestTableBytesMax: 10_000 });
  let taken = 0;
  while (requests.ask(caller(`id-${taken}`), 0, "x".repeat(100)) === "new") taken++;
  assert.ok(taken > 10);
  assert.equal(requests.ask(caller("one more"), 0), "TOO_MANY_REQUESTS");
  assert.equal(requests.ask(numbered(1, 1), 0), "TOO_MANY_REQUESTS");
  assert.equal(requests.ask(caller("id-0"), 0), "x".repeat(100));
  assert.equal(requests.ask(caller("one more"), 60_000), "new");
});

Deno.test("a request that executed nothing leaves no record", () => {
  const requests = new Requests();
  for (const key of [caller("x"), numbered(1, 1)]) {
    for (let round = 0; round < 2; round++) {
      const found = requests.table.begin(key, 1, 0);
      assert.ok(found.kind === "new");
      requests.table.withdraw(found.record);
      requests.table.checkInvariants();
    }
  }
});

Deno.test("a snapshot has everything, to the millisecond of its end", () => {
  const requests = new Requests();
  requests.ask(caller("answered"), 10, { kind: "granted", token: 5 });
  requests.wait(caller("waits"), 7, 20);
  requests.ask(numbered(5, 3), 30, "five");
  requests.wait(numbered(6, 3), 8, 40);
  const chunks: Uint8Array[] = [];
  const snapshot = requests.table.snapshot();
  for (let step; (step = snapshot.next()).done !== true;) chunks.push(step.value);
  const copy = new Requests();
  copy.ask(caller("was here before"), 0);
  copy.table.restore(chunks);
  assert.equal(copy.table.bytes, requests.table.bytes);
  for (const table of [requests, copy]) {
    assert.deepEqual(table.ask(caller("answered"), 60_009), { kind: "granted", token: 5 });
    table.settle(7, "late", 60_010);
    table.settle(8, "late", 60_010);
    assert.equal(table.ask(caller("waits"), 60_010), "late");
    assert.equal(table.ask(numbered(5, 3), 60_010), "five");
    assert.equal(table.ask(numbered(2, 3), 60_010), "REQUEST_ID_REUSED");
    assert.equal(table.ask(caller("answered"), 60_010), "new");
    assert.equal(table.ask(caller("was here before"), 60_010), "new");
  }
});

Deno.test("a digest tells different requests apart and equal ones not", () => {
  const values = [
    null,
    true,
    false,
    0,
    1,
    -1,
    1.5,
    2 ** 40,
    2 ** 40 + 1,
    "",
    "1",
    "ab",
    "ba",
    [],
    {},
  ];
  const wrapped = [...values, ...values.map((value) => [value]), ["a", "b"], [["a"], "b"]];
  const more = [...wrapped, new Uint8Array(0), new Uint8Array([1]), { a: 1 }, { b: 1 }, { a: "1" }];
  const digests = more.map((value) => digestOf(value));
  assert.equal(new Set(digests).size, more.length);
  assert.deepEqual(more.map((value) => digestOf(structuredClone(value))), digests);
  assert.ok(digests.every((digest) => Number.isSafeInteger(digest) && digest >= 0));
});
