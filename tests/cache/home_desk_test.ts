/** What a home answers where something behind it is in the way. */
import assert from "node:assert/strict";
import type { Backing } from "../../src/cache/backing.ts";
import { HomeDesk } from "../../src/cache/home_desk.ts";
import { HomeFills } from "../../src/cache/home_fills.ts";
import { SkeinError } from "../../src/errors.ts";
import { saidForGood } from "../../src/groups/group_errors.ts";
import { ManualClock } from "../manual_clock.ts";

async function refusal(error: SkeinError, mayGrant: boolean): Promise<SkeinError> {
  const version = () => Promise.reject(error);
  const desk = new HomeDesk({
    backing: { version } as Partial<Backing> as Backing,
    fills: new HomeFills(new ManualClock(), () => "token"),
    holders: () => [],
    underWay: () => null,
    open: () => Promise.reject(error),
    mayGrant: () => mayGrant,
  });
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
