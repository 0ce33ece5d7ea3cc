import assert from "node:assert/strict";
import { GroupClock } from "../../src/groups/group_clock.ts";

Deno.test("group time passes as this peer measures it, in whole milliseconds", () => {
  const clock = new GroupClock(1_000, 50);
  assert.equal(clock.read(50), 1_000);
  assert.equal(clock.read(75.9), 1_025);
  assert.equal(clock.read(40), 1_000, "a reading before the last one does not go back");
});

Deno.test("a follower takes the leader's time as it is, ahead of its own or behind", () => {
  const clock = new GroupClock(1_000, 0);
  clock.heard(5_000, 10);
  assert.equal(clock.read(20), 5_010);
  clock.heard(3_000, 20);
  assert.equal(clock.read(21), 3_001);
});

Deno.test("a new leader goes on from its log's last stamp, unless it is past that already", () => {
  const clock = new GroupClock(1_000, 0);
  clock.atLeast(4_000, 10);
  assert.equal(clock.read(15), 4_005);
  clock.atLeast(2_000, 20);
  assert.equal(clock.read(20), 4_010);
});
