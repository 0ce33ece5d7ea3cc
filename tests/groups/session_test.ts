import assert from "node:assert/strict";
import { Sessions } from "../../src/groups/session.ts";
import { LIMITS } from "../../src/limits.ts";

Deno.test("ids of a session grow, and tell the lowest that is still open", () => {
  const sessions = new Sessions("peer", "boot");
  const first = sessions.mint()!;
  const second = sessions.mint()!;
  assert.deepEqual([first.sequence, first.lowestOpen], [1, 1]);
  assert.deepEqual([second.sequence, second.lowestOpen], [2, 1]);
  sessions.answered(second);
  assert.equal(sessions.mint()!.lowestOpen, 1);
  sessions.answered(first);
  assert.equal(sessions.mint()!.lowestOpen, 3);
});

Deno.test("a full session is followed by another, up to the bound of all", () => {
  const sessions = new Sessions("peer", "boot");
  const names = new Set<string>();
  const ids = new Set<string>();
  let count = 0;
  for (let key = sessions.mint(); key !== null; key = sessions.mint()) {
    assert.ok(key.sequence - key.lowestOpen < LIMITS.sessionOpenMax);
    names.add(key.session);
    ids.add(`${key.session}:${key.sequence}`);
    count++;
  }
  assert.equal(ids.size, count);
  assert.ok(count >= LIMITS.pendingProposalsMax);
  assert.equal(names.size, Math.ceil(count / LIMITS.sessionOpenMax));
});

Deno.test("one old open request does not let its session's span grow past the bound", () => {
  const sessions = new Sessions("peer", "boot");
  const old = sessions.mint()!;
  for (let round = 0; round < 5_000; round++) {
    const key = sessions.mint()!;
    assert.ok(key.session !== old.session || key.sequence - old.sequence < LIMITS.sessionOpenMax);
    sessions.answered(key);
  }
});
