/** Lock requests that come again, and those whose caller is gone (design, "Waiters whose client vanishes"). */
import assert from "node:assert/strict";
import { at, endings, LockTable } from "./lock_table.ts";

Deno.test("cancel takes away what waits or was granted under its attachment, and nothing else", () => {
  const table = new LockTable();
  const [first, second, third] = [at("p", "b", 1), at("p", "b", 2), at("p", "b", 3)];
  table.take("lock", "ann", { attachment: first });
  const bob = table.wait("lock", "bob", { attachment: second });
  const cid = table.wait("lock", "cid", { attachment: third });
  const nothing = { kind: "ended", found: "nothing" };
  assert.deepEqual(table.cancel("lock", "bob", at("p", "other boot", 2)).answer, nothing);
  assert.deepEqual(table.cancel("lock", "bob", third).answer, nothing);
  const waiting = table.cancel("lock", "bob", second);
  assert.deepEqual(waiting.answer, { kind: "ended", found: "waiter" });
  assert.deepEqual(endings(waiting.effects), [[bob, "cancelled"]]);
  const granted = table.cancel("lock", "ann", first);
  assert.deepEqual(granted.answer, { kind: "ended", found: "grant" });
  assert.deepEqual(endings(granted.effects), [[cid, "granted"]]);
});

Deno.test("a grant that its owner knows of is not cancelled by a request that came to nothing", () => {
  const table = new LockTable();
  const [first, second] = [at("p", "b", 1), at("p", "b", 2)];
  table.take("again", "ann", { attachment: first });
  table.take("again", "ann", { attachment: second });
  table.take("renewed", "ann", { attachment: first });
  table.renew("renewed", "ann", null, null);
  for (const lock of ["again", "renewed"]) {
    for (const attachment of [first, second]) {
      assert.deepEqual(table.cancel(lock, "ann", attachment).answer, {
        kind: "ended",
        found: "nothing",
      });
    }
    assert.deepEqual(table.holders(lock), ["ann"]);
  }
});

Deno.test("the same request through another peer re-attaches its waiter, which keeps its place", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const [here, there] = [at("p", "b", 1), at("q", "b", 1)];
  const ticket = table.wait("lock", "bob", { attachment: here, id: "request", waitMs: 1_000 });
  table.wait("lock", "cid");
  table.timeMs = 900;
  const again = { attachment: there, id: "request", waitMs: 2_000 };
  assert.equal(table.wait("lock", "bob", again), ticket);
  assert.deepEqual(table.waiters("lock"), ["bob", "cid"]);
  assert.deepEqual(table.cancel("lock", "bob", here).answer, { kind: "ended", found: "nothing" });
  assert.deepEqual(table.passTo(2_899), [], "its wait is what the retry asks for");
  const [effect] = table.release("lock", "ann").effects;
  assert.ok(effect?.kind === "settled");
  assert.deepEqual(effect.attachments, [there]);
});

Deno.test("the same proposal twice changes nothing", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const options = { attachment: at("p", "b", 1), id: "request", waitMs: 1_000 };
  const ticket = table.wait("lock", "bob", options);
  table.timeMs = 500;
  assert.equal(table.wait("lock", "bob", options), ticket);
  assert.deepEqual(endings(table.passTo(1_000)), [[ticket, "held"]]);
});

Deno.test("a retry that will not wait any longer ends the wait", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const ticket = table.wait("lock", "bob", { id: "request" });
  const { answer, effects } = table.acquire("lock", "bob", { id: "request" });
  assert.ok("kind" in answer && answer.kind === "held");
  assert.deepEqual(endings(effects), [[ticket, "held"]]);
  assert.deepEqual(table.waiters("lock"), []);
});

Deno.test("a retried acquire is told of its grant while that is held, and LEASE_EXPIRED after", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann", { id: "request", ttlMs: 1_000 });
  table.timeMs = 500;
  table.renew("lock", "ann", token, null);
  const again = () => table.acquire("lock", "ann", { id: "request", ttlMs: 1_000 }).answer;
  assert.deepEqual(again(), { kind: "granted", token, deadlineMs: 1_500 });
  table.passTo(1_500);
  assert.deepEqual(again(), { kind: "leaseExpired" });
  table.take("lock", "ann");
  assert.deepEqual(again(), { kind: "leaseExpired" }, "another grant is not this request's");
});

Deno.test("a retry after its wait ended gets the end, also when it was granted meanwhile", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  table.wait("lock", "bob", { id: "bob" });
  table.wait("lock", "cid", { id: "cid", waitMs: 100 });
  table.passTo(100);
  table.release("lock", "ann");
  const bob = table.acquire("lock", "bob", { id: "bob", waitMs: 1 }).answer;
  assert.ok("kind" in bob && bob.kind === "granted");
  const cid = table.acquire("lock", "cid", { id: "cid", waitMs: 1 }).answer;
  assert.ok("kind" in cid && cid.kind === "held");
});

Deno.test("a retry re-attaches a grant, so that the cancel of the lost answer does not take it", () => {
  const table = new LockTable();
  const [here, there] = [at("p", "b", 1), at("q", "b", 1)];
  table.take("lock", "ann", { attachment: here, id: "request" });
  table.take("lock", "ann", { attachment: there, id: "request" });
  assert.deepEqual(table.cancel("lock", "ann", here).answer, { kind: "ended", found: "nothing" });
  assert.deepEqual(table.cancel("lock", "ann", there).answer, { kind: "ended", found: "grant" });
});

Deno.test("a grant that was told to a retry is not taken away by a former attempt that comes late", () => {
  for (const isHeld of [true, false]) {
    const table = new LockTable();
    if (isHeld) table.take("lock", "ann");
    const [slow, told, last] = [at("p", "b", 1), at("q", "b", 1), at("r", "b", 1)];
    for (const attachment of [told, slow, last]) {
      table.acquire("lock", "bob", { attachment, id: "request", waitMs: 1_000 });
    }
    if (isHeld) table.release("lock", "ann");
    for (const attachment of [slow, last]) {
      const { answer } = table.cancel("lock", "bob", attachment);
      assert.deepEqual(answer, { kind: "ended", found: "nothing" });
      assert.deepEqual(table.holders("lock"), ["bob"]);
    }
    assert.deepEqual(table.cancel("lock", "bob", told).answer, { kind: "ended", found: "grant" });
  }
});

Deno.test("a waiter of a run that is over stays while its request is open elsewhere too", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const [old, other] = [at("dead", "old", 1), at("q", "b", 1)];
  for (const attachment of [old, other]) table.wait("lock", "bob", { attachment, id: "request" });
  const { answer } = table.apply({ kind: "detach", peer: "dead", bootId: "old" });
  assert.deepEqual(answer, { kind: "detached", waiters: 0 });
  assert.deepEqual(table.waiters("lock"), ["bob"]);
  assert.deepEqual(table.cancel("lock", "bob", other).answer, { kind: "ended", found: "waiter" });
});

Deno.test("the attempts of one request that are open at once are bounded", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  let refused: string | null = null;
  for (let serial = 1; refused === null; serial++) {
    assert.ok(serial <= 100);
    const attachment = at("p", "b", serial);
    const { answer } = table.acquire("lock", "bob", { attachment, id: "request", waitMs: 1_000 });
    if (!("kind" in answer)) refused = answer.refused.code;
  }
  assert.equal(refused, "TOO_MANY_REQUESTS");
  assert.deepEqual(table.waiters("lock"), ["bob"]);
});

Deno.test("a cancelled waiter's request may come again, and waits anew", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const attachment = at("p", "b", 1);
  const ticket = table.wait("lock", "bob", { attachment, id: "request" });
  table.cancel("lock", "bob", attachment);
  const next = table.wait("lock", "bob", { id: "request" });
  assert.ok(next > ticket);
  assert.deepEqual(endings(table.release("lock", "ann").effects), [[next, "granted"]]);
  const { answer } = table.acquire("lock", "bob", { id: "request", waitMs: 5 });
  assert.ok("kind" in answer && answer.kind === "granted");
});

Deno.test("a peer's run that is over has its waiters taken away; its grants last their ttl", () => {
  const table = new LockTable();
  table.take("lock", "ann", { attachment: at("dead", "old", 1), ttlMs: 1_000 });
  const gone = [
    table.wait("lock", "bob", { attachment: at("dead", "old", 2) }),
    table.wait("lock", "cid", { attachment: at("dead", "old", 3), mode: "shared" }),
  ];
  const stays = table.wait("lock", "dan", { attachment: at("dead", "new", 1) });
  const { answer, effects } = table.apply({ kind: "detach", peer: "dead", bootId: "old" });
  assert.deepEqual(answer, { kind: "detached", waiters: 2 });
  assert.deepEqual(endings(effects), gone.map((ticket) => [ticket, "cancelled"]));
  assert.deepEqual(table.holders("lock"), ["ann"]);
  assert.deepEqual(endings(table.passTo(1_000)), [[stays, "granted"]]);
});
