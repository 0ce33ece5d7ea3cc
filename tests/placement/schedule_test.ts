import assert from "node:assert/strict";
import { ACTIONS_MAX, MOVES_MAX, PEER_MOVES_MAX, schedule } from "../../src/placement/schedule.ts";
import { groupOf, peersBut } from "./views.ts";

const ALL = peersBut();
const free = () => false;

/** A group that one peer leads, and that another should get a replica of. */
function move(group: number, leader: number, to: number) {
  return groupOf({ group, voters: [leader, 90, 91], wanted: [leader, 90, to] });
}

/** The same, once the replica is being built. */
function building(group: number, leader: number, to: number) {
  const words = { group, voters: [leader, 90, 91], learners: [to], wanted: [leader, 90, to] };
  return groupOf({ ...words, behind: [to] });
}

const groupsOf = (steps: ReturnType<typeof schedule>) => steps.map(({ view }) => view.group);

Deno.test("a peer receives so many replicas at once, and no more", () => {
  const views = Array.from({ length: 6 }, (_, at) => move(at + 1, at + 10, 50));
  assert.deepEqual(groupsOf(schedule(views, ALL, free, 0)), [1, 2]);
  assert.equal(PEER_MOVES_MAX, 2);
});

Deno.test("a peer sends so many replicas at once, and no more", () => {
  const views = Array.from({ length: 6 }, (_, at) => move(at + 1, 10, at + 50));
  assert.equal(schedule(views, ALL, free, 0).length, PEER_MOVES_MAX);
});

Deno.test("what is being built counts, whoever began it; what is not heard or has caught up does not", () => {
  const waiting = move(9, 14, 50);
  const two = [building(1, 10, 50), building(2, 11, 50)];
  assert.deepEqual(groupsOf(schedule([...two, waiting], ALL, free, 0)), []);
  const silent = groupOf({
    group: 2,
    voters: [11, 90, 91],
    learners: [50],
    wanted: [11, 90, 50],
    silent: [50],
  });
  assert.deepEqual(groupsOf(schedule([two[0]!, silent, waiting], ALL, free, 0)), [9]);
  const ready = groupOf({ group: 2, voters: [11, 90, 91], learners: [50], wanted: [11, 90, 50] });
  assert.deepEqual(groupsOf(schedule([two[0]!, ready, waiting], ALL, free, 0)), [2, 9]);
});

Deno.test("a cluster builds so many replicas at once, and no more", () => {
  const views = Array.from({ length: 30 }, (_, at) => move(at + 1, at + 10, at + 50));
  assert.equal(schedule(views, ALL, free, 0).length, MOVES_MAX);
});

Deno.test("what costs no snapshot is bounded by the changes that are awaited", () => {
  const views = Array.from({ length: 30 }, (_, at) => {
    return groupOf({ group: at + 1, voters: [1, 2, 3], wanted: [1, 2, 3], preferred: 2 });
  });
  assert.equal(schedule(views, ALL, free, 0).length, ACTIONS_MAX);
  assert.equal(schedule(views, ALL, free, ACTIONS_MAX - 1).length, 1);
  assert.equal(schedule(views, ALL, free, ACTIONS_MAX).length, 0);
});

Deno.test("a group whose change is awaited is left alone", () => {
  const views = [move(1, 10, 50), move(2, 11, 51)];
  assert.deepEqual(groupsOf(schedule(views, ALL, (group) => group === 1, 1)), [2]);
});

Deno.test("groups with the fewest replicas that answer come first", () => {
  const whole = move(1, 10, 50);
  const broken = groupOf({ group: 2, voters: [10, 90, 92], wanted: [10, 90, 51], silent: [92] });
  const third = move(3, 10, 52);
  const steps = schedule([whole, broken, third], peersBut({ away: [92] }), free, 0);
  assert.deepEqual(groupsOf(steps), [2, 1]);
});
