/** The rules of locks (design, "Locks"), one story each. */
import assert from "node:assert/strict";
import { endings, LockTable } from "./lock_table.ts";

Deno.test("a free lock is granted at once, a held one refused to others", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann");
  const { answer } = table.acquire("lock", "bob");
  assert.deepEqual(answer, {
    kind: "held",
    holders: [{ owner: "ann", mode: "exclusive", token, acquiredMs: 0, deadlineMs: 10_000 }],
  });
  assert.deepEqual(table.release("lock", "ann").answer, { kind: "released" });
  assert.ok(table.take("lock", "bob") > token);
});

Deno.test("shared holders hold together, and exclude an exclusive one", () => {
  const table = new LockTable();
  const tokens = ["ann", "bob", "cid"].map((owner) =>
    table.take("lock", owner, { mode: "shared" })
  );
  assert.deepEqual(tokens, [...tokens].sort((a, b) => a - b));
  assert.equal(new Set(tokens).size, 3);
  assert.deepEqual(table.holders("lock"), ["ann", "bob", "cid"]);
  const { answer } = table.acquire("lock", "dan");
  assert.ok("kind" in answer && answer.kind === "held");
});

Deno.test("waiters are served in the order in which they came", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const tickets = ["bob", "cid", "dan"].map((owner) => table.wait("lock", owner));
  for (const [place, owner] of ["ann", "bob", "cid"].entries()) {
    const { effects } = table.release("lock", owner);
    assert.deepEqual(endings(effects), [[tickets[place]!, "granted"]]);
  }
  assert.deepEqual(table.holders("lock"), ["dan"]);
});

Deno.test("later shared requests do not starve a waiting exclusive one", () => {
  const table = new LockTable();
  table.take("lock", "reader", { mode: "shared" });
  const writer = table.wait("lock", "writer");
  const late = table.wait("lock", "late", { mode: "shared" });
  const later = table.wait("lock", "later", { mode: "shared" });
  assert.deepEqual(endings(table.release("lock", "reader").effects), [[writer, "granted"]]);
  const { effects } = table.release("lock", "writer");
  assert.deepEqual(endings(effects), [[late, "granted"], [later, "granted"]]);
  assert.deepEqual(table.holders("lock"), ["late", "later"]);
});

Deno.test("the same owner again keeps its token and gets a fresh lease, even past waiters", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann", { ttlMs: 1_000 });
  table.wait("lock", "bob");
  table.timeMs = 900;
  assert.deepEqual(table.acquire("lock", "ann", { ttlMs: 1_000 }).answer, {
    kind: "granted",
    token,
    deadlineMs: 1_900,
  });
  assert.equal(table.take("lock", "ann", { mode: "shared", ttlMs: 1_000 }), token);
  assert.deepEqual(table.passTo(1_899), []);
  assert.deepEqual(table.waiters("lock"), ["bob"]);
});

Deno.test("an only shared holder is upgraded at once, with a new token", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann", { mode: "shared" });
  table.wait("lock", "bob");
  const upgraded = table.take("lock", "ann");
  assert.ok(upgraded > token);
  assert.deepEqual(table.release("lock", "ann", token).answer, { kind: "notHeld" });
  assert.deepEqual(table.release("lock", "ann", upgraded).answer, { kind: "released" });
  assert.deepEqual(table.holders("lock"), ["bob"]);
});

Deno.test("an upgrade waits at the head, before those who came earlier", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann", { mode: "shared" });
  table.take("lock", "bob", { mode: "shared" });
  table.wait("lock", "cid");
  const upgrade = table.wait("lock", "ann");
  assert.deepEqual(table.waiters("lock"), ["ann", "cid"]);
  const [effect] = table.release("lock", "bob").effects;
  assert.ok(effect?.kind === "settled" && effect.settles.ticket === upgrade);
  const { answer } = effect.settles;
  assert.ok(answer.kind === "granted" && answer.token > token);
  assert.deepEqual(table.holders("lock"), ["ann"]);
});

Deno.test("two upgrades are a deadlock: the younger is refused and keeps what it has", () => {
  const table = new LockTable();
  table.take("lock", "ann", { mode: "shared" });
  table.take("lock", "bob", { mode: "shared" });
  const first = table.wait("lock", "ann");
  const { answer, effects } = table.acquire("lock", "bob", { waitMs: 1_000 });
  const cycle = [
    { owner: "bob", resource: "lock", holders: ["ann"] },
    { owner: "ann", resource: "lock", holders: ["bob"] },
  ];
  assert.deepEqual(answer, { kind: "deadlock", cycle });
  assert.deepEqual(effects, [
    { kind: "deadlock", victim: { owner: "bob", resource: "lock" }, cycle },
  ]);
  assert.deepEqual(table.holders("lock"), ["ann", "bob"]);
  assert.deepEqual(endings(table.release("lock", "bob").effects), [[first, "granted"]]);
});

Deno.test("owners that wait for each other: the youngest waiter gets the cycle", () => {
  const table = new LockTable();
  for (const name of ["a", "b", "c"]) table.take(`lock ${name}`, name);
  table.wait("lock b", "a");
  table.wait("lock c", "b");
  const { answer } = table.acquire("lock a", "c", { waitMs: 1_000 });
  assert.deepEqual(answer, {
    kind: "deadlock",
    cycle: [
      { owner: "c", resource: "lock a", holders: ["a"] },
      { owner: "a", resource: "lock b", holders: ["b"] },
      { owner: "b", resource: "lock c", holders: ["c"] },
    ],
  });
});

Deno.test("a cycle may lead through an earlier waiter, not only through holders", () => {
  const table = new LockTable();
  table.take("one", "holder");
  table.take("two", "late");
  table.wait("one", "early");
  table.wait("one", "late");
  const { answer } = table.acquire("two", "early", { waitMs: 1_000 });
  assert.ok("kind" in answer && answer.kind === "deadlock");
  assert.deepEqual(answer.cycle, [
    { owner: "early", resource: "two", holders: ["late"] },
    { owner: "late", resource: "one", holders: ["early"] },
  ]);
});

Deno.test("an owner that asks twice has one place in the queue and waits for nobody behind it", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  const first = table.wait("lock", "bob");
  table.wait("lock", "cid");
  const second = table.wait("lock", "bob");
  assert.deepEqual(table.waiters("lock"), ["bob", "bob", "cid"]);
  const { effects } = table.release("lock", "ann");
  assert.deepEqual(endings(effects), [[first, "granted"], [second, "granted"]]);
  assert.deepEqual(table.waiters("lock"), ["cid"]);
});

Deno.test("a lease ends in group time, unasked, and the next waiter is served", () => {
  const table = new LockTable();
  table.take("lock", "ann", { ttlMs: 1_000 });
  const ticket = table.wait("lock", "bob", { ttlMs: 500 });
  assert.equal(table.group.nextDeadlineMs(), 1_000);
  assert.deepEqual(table.passTo(999), []);
  const effects = table.passTo(1_200);
  assert.deepEqual(endings(effects), [[ticket, "granted"]]);
  assert.equal(table.group.nextDeadlineMs(), 1_700, "the lease counts from the entry that grants");
});

Deno.test("the end of a lease that others want is a lease timeout; of any other it is not", () => {
  const table = new LockTable();
  const token = table.take("wanted", "ann", { ttlMs: 1_000 });
  table.take("waited for", "ann", { ttlMs: 1_000 });
  table.take("alone", "ann", { ttlMs: 1_000 });
  table.acquire("wanted", "bob");
  table.wait("waited for", "cid");
  const timeouts = table.passTo(1_000).filter(({ kind }) => kind === "leaseTimeout");
  assert.deepEqual(timeouts, [
    { kind: "leaseTimeout", resource: "wanted", owner: "ann", token, waiters: [] },
    {
      kind: "leaseTimeout",
      resource: "waited for",
      owner: "ann",
      token: token + 1,
      waiters: ["cid"],
    },
  ]);
});

Deno.test("a refused try is forgotten once the lock was free", () => {
  const table = new LockTable();
  table.take("lock", "ann");
  table.acquire("lock", "bob");
  table.release("lock", "ann");
  table.take("lock", "ann", { ttlMs: 1_000 });
  table.acquire("lock", "bob");
  table.wait("lock", "cid", { ttlMs: 1_000 });
  table.release("lock", "ann");
  assert.deepEqual(table.holders("lock"), ["cid"]);
  assert.deepEqual(table.passTo(2_000), [], "nobody was refused by this holder");
});

Deno.test("a wait that is over answers who holds the lock, and lets those behind pass", () => {
  const table = new LockTable();
  table.take("lock", "ann", { mode: "shared", ttlMs: 60_000 });
  const writer = table.wait("lock", "bob", { waitMs: 1_000 });
  const reader = table.wait("lock", "cid", { mode: "shared", waitMs: 5_000 });
  const effects = table.passTo(1_000);
  assert.deepEqual(endings(effects), [[writer, "held"], [reader, "granted"]]);
  const [ended] = effects;
  assert.ok(ended?.kind === "settled" && ended.settles.answer.kind === "held");
  assert.deepEqual(ended.settles.answer.holders.map(({ owner }) => owner), ["ann"]);
});

Deno.test("a leap of time ends things in the order of their deadlines", () => {
  const table = new LockTable();
  table.take("lock", "ann", { ttlMs: 1_000 });
  const patient = table.wait("lock", "bob", { waitMs: 1_001 });
  const hasty = table.wait("lock", "cid", { waitMs: 500 });
  const effects = table.passTo(50_000);
  assert.deepEqual(endings(effects), [[hasty, "held"], [patient, "granted"]]);
});

Deno.test("renew keeps the token and sets the lease from now; the length of acquire by default", () => {
  const table = new LockTable();
  const token = table.take("lock", "ann", { ttlMs: 1_000 });
  table.timeMs = 600;
  const renewed = { kind: "renewed", token };
  assert.deepEqual(table.renew("lock", "ann", token, null).answer, {
    ...renewed,
    deadlineMs: 1_600,
  });
  assert.deepEqual(table.renew("lock", "ann", null, 5_000).answer, {
    ...renewed,
    deadlineMs: 5_600,
  });
});

Deno.test("a wrong owner or a stale token neither releases nor renews", () => {
  const table = new LockTable();
  const stale = table.take("lock", "ann");
  table.release("lock", "ann");
  const token = table.take("lock", "ann");
  const notHeld = { kind: "notHeld" };
  assert.deepEqual(table.release("lock", "bob").answer, notHeld);
  assert.deepEqual(table.release("lock", "ann", stale).answer, notHeld);
  assert.deepEqual(table.renew("lock", "ann", stale, null).answer, notHeld);
  assert.deepEqual(table.renew("lock", "bob", null, null).answer, notHeld);
  assert.deepEqual(table.release("nothing", "ann").answer, notHeld);
  assert.deepEqual(table.release("lock", "ann", token).answer, { kind: "released" });
});

Deno.test("past the bounds callers are refused, and nothing is changed", () => {
  const limits = {
    lockHoldersMax: 3,
    lockWaitersMax: 2,
    lockWaitersTotalMax: 3,
    lockGrantsMax: 8,
  };
  const table = new LockTable(limits);
  const code = (answer: unknown) => (answer as { refused?: { code: string } }).refused?.code;
  for (const lock of ["one", "two"]) table.take(lock, "ann");
  table.wait("one", "bob");
  table.wait("one", "cid", { id: "cid" });
  const waitMs = 1_000;
  assert.equal(
    code(table.acquire("one", "dan", { waitMs, id: "dan" }).answer),
    "TOO_MANY_REQUESTS",
  );
  table.wait("two", "bob");
  assert.equal(code(table.acquire("two", "cid", { waitMs }).answer), "TOO_MANY_REQUESTS");
  for (const lock of ["three", "four", "five"]) table.take(lock, "ann");
  assert.equal(code(table.acquire("six", "ann").answer), "TOO_MANY_REQUESTS");
  table.release("one", "ann");
  assert.equal(table.wait("one", "dan", { id: "dan" }) > 0, true, "a refusal is not remembered");
});

Deno.test("a lock has a bounded number of shared holders", () => {
  const limits = {
    lockHoldersMax: 2,
    lockWaitersMax: 9,
    lockWaitersTotalMax: 9,
    lockGrantsMax: 9,
  };
  const table = new LockTable(limits);
  for (const owner of ["ann", "bob"]) table.take("lock", owner, { mode: "shared" });
  const { answer } = table.acquire("lock", "cid", { mode: "shared" });
  assert.ok("refused" in answer && answer.refused.code === "TOO_MANY_REQUESTS");
  table.take("lock", "bob", { mode: "shared" });
  table.wait("lock", "dan");
});

Deno.test("locks that nobody holds or waits for leave nothing behind", () => {
  const table = new LockTable();
  for (let round = 0; round < 100; round++) {
    table.take(`lock ${round}`, `owner ${round}`, { ttlMs: 1_000 });
    table.wait(`lock ${round}`, "other", { waitMs: 500 });
    if (round % 2 === 0) table.release(`lock ${round}`, `owner ${round}`);
    if (round % 2 === 0) table.release(`lock ${round}`, "other");
  }
  table.passTo(100_000);
  assert.deepEqual([...table.machine.locks()], []);
  assert.equal(table.group.nextDeadlineMs(), null);
});
