/** What becomes of those who wait at a peer that is about to stop. */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { asked } from "./asked.ts";
import { resumed } from "./small_cluster.ts";
import { bobWaits, id, release, Watched } from "./waiting.ts";

const STALE = { stale: true } as const;

Deno.test("a peer that is about to stop sends away who waits: a named request keeps its place", async () => {
  const { one, two, bob } = await bobWaits({ request: id("bob") });
  const eve = new Watched(one.service.acquire(asked("lock", "eve", { waitMs: 30_000 })));
  await resumed();
  await two.service.drain();
  await resumed();
  assert.ok(bob.error instanceof SkeinError && bob.error.code === "OUTCOME_UNKNOWN");
  assert.equal(two.service.openAcquires, 0);
  const again = asked("lock", "bob", { waitMs: 30_000, request: id("bob") });
  const there = new Watched(one.service.acquire(again));
  await release(one, "lock", "ann");
  await resumed();
  assert.ok(there.result?.ok);
  assert.ok(eve.pending, "it came later");
});

Deno.test("a grant that came before its waiter asked again is told to it then", async () => {
  const { one, two } = await bobWaits({ request: id("bob") });
  await two.service.drain();
  await release(one, "lock", "ann");
  const again = asked("lock", "bob", { waitMs: 30_000, request: id("bob") });
  const { ok } = await one.service.acquire(again);
  assert.ok(ok);
});

Deno.test("who could not ask for the same again is out of the queue once the peer has drained", async () => {
  const { one, two, bob } = await bobWaits();
  await two.service.drain();
  assert.equal((await one.service.status("lock", STALE))!.waiters.length, 0);
  await resumed();
  assert.ok(bob.error instanceof SkeinError && bob.error.code === "SHUTTING_DOWN");
});

Deno.test("what may not have been taken back has an unknown outcome", async () => {
  const { two, bob } = await bobWaits();
  two.losesAnswer = true;
  await two.service.drain();
  await resumed();
  assert.ok(bob.error instanceof SkeinError && bob.error.code === "OUTCOME_UNKNOWN");
});

Deno.test("behind a drain nobody begins to wait, and what need not wait is served", async () => {
  const { one, two } = await bobWaits();
  await two.service.drain();
  assert.ok((await two.service.acquire(asked("free", "eve", { waitMs: 30_000 }))).ok);
  const late = two.service.acquire(asked("lock", "eve", { waitMs: 30_000 }));
  await assert.rejects(late, { code: "SHUTTING_DOWN" });
  assert.equal((await one.service.status("lock", STALE))!.waiters.length, 0);
  const named = two.service.acquire(asked("lock", "eve", { waitMs: 30_000, request: id("eve") }));
  await assert.rejects(named, { code: "OUTCOME_UNKNOWN" });
  assert.equal((await one.service.status("lock", STALE))!.waiters.length, 1);
});

Deno.test("an acquire whose grant meets the drain is either granted or taken back", async () => {
  const { one, two, bob } = await bobWaits();
  const released = release(one, "lock", "ann");
  await two.service.drain();
  await released;
  await resumed();
  const view = await one.service.status("lock", STALE);
  if (bob.result?.ok) assert.equal(view?.holders[0]?.owner, "bob");
  else assert.equal(view, null);
});
