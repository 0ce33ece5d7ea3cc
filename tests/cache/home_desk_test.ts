/** What a home answers where something behind it is in the way, or too many wait. */
import assert from "node:assert/strict";
import type { Backing } from "../../src/cache/backing.ts";
import type { Job } from "../../src/cache/directory_entry.ts";
import { HomeDesk, type HomeDeskEdges } from "../../src/cache/home_desk.ts";
import { HomeFills } from "../../src/cache/home_fills.ts";
import { SkeinError } from "../../src/errors.ts";
import { saidForGood } from "../../src/groups/group_errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { ManualClock } from "../manual_clock.ts";

function deskOf(edges: Partial<HomeDeskEdges>, backing: Partial<Backing> = {}): HomeDesk {
  return new HomeDesk({
    backing: backing as Backing,
    fills: new HomeFills(new ManualClock(), () => "token"),
    entry: () => undefined,
    underWay: () => null,
    open: () => Promise.resolve(true),
    mayGrant: () => true,
    ...edges,
  });
}

async function refusal(error: SkeinError, mayGrant: boolean): Promise<SkeinError> {
  const desk = deskOf({ mayGrant: () => mayGrant }, { version: () => Promise.reject(error) });
  const asked = desk.answer({ kind: "view", key: "k" });
  return await asked.then(() => assert.fail("it is refused"), (thrown) => thrown);
}

Deno.test("who is the home says at once what is in the way behind it", async () => {
  const away = new SkeinError("UNAVAILABLE", "Redis is away");
  const { code, message } = saidForGood(await refusal(away, true))!;
  assert.deepEqual([code, message], ["UNAVAILABLE", "Redis is away"]);
});

Deno.test("who may have been followed leaves it to whoever follows", async () => {
  assert.equal(saidForGood(await refusal(new SkeinError("UNAVAILABLE", "away"), false)), null);
  assert.equal(saidForGood(await refusal(new SkeinError("NOT_LEADER", "gone"), true)), null);
});

Deno.test("one key's callers are bounded, and a request that waits already is none more", async () => {
  const queue: Job[] = [];
  let opened = 0;
  const desk = deskOf({
    entry: () => ({ holders: [], queue }),
    underWay: ({ request }) => request === null ? null : Promise.resolve(true),
    open: () => {
      opened++;
      return Promise.resolve(true);
    },
  }, { remembered: () => Promise.resolve(null) });
  const invalidate = () => desk.answer({ kind: "invalidate", key: "k" });
  while (queue.length < LIMITS.cacheKeyJobsMax - 1) {
    queue.push({ kind: "invalidate", request: queue.length });
  }
  await invalidate();
  queue.push({ kind: "invalidate", request: queue.length });
  await assert.rejects(invalidate(), { code: "TOO_MANY_REQUESTS", message: /^4096 requests wait/ });
  const request = { kind: "caller", principal: "p", id: "1" } as const;
  await desk.answer({ kind: "remove", key: "k", request });
  assert.equal(opened, 2);
});
