import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { idOf, memberOf } from "../members/peers.ts";
import {
  A,
  B,
  C,
  ELECTION_TIMEOUT_MS,
  led,
  numberOf,
  OTHER,
  P,
  reportOf,
  STEADY_MS,
  World,
} from "./driver_world.ts";

const name = (number: number) => `peer-${number}`;

Deno.test("a replica moves step by step, each decided by what is reported then", async () => {
  const world = new World();
  const words = { group: 1, voters: [A, B, OTHER], wanted: [] };
  world.reports.set(A, reportOf([led(words)]));
  await world.look();
  assert.deepEqual(world.done.splice(0), [`1: addLearner ${C} at 17`]);
  assert.deepEqual(world.told(), [`info: partition 1: moving from ${name(OTHER)} to ${name(C)}`]);
  world.reports.set(A, reportOf([led({ ...words, learners: [C], behind: [C] })]));
  await world.pass(250);
  assert.deepEqual(world.done, []);
  assert.deepEqual(world.heard?.moves.map(({ missingEntries }) => missingEntries), [9_000]);
  world.reports.set(A, reportOf([led({ ...words, learners: [C] })]));
  await world.pass(250);
  assert.deepEqual(world.done.splice(0), [`1: promote ${C}, remove ${OTHER} at 17`]);
  assert.deepEqual(world.told(), [`info: partition 1: moved from ${name(OTHER)} to ${name(C)}`]);
  assert.deepEqual(world.driver.counts, { moved: 1, failed: 0 });
  assert.deepEqual(world.decidedIn, [5, 5]);
  assert.ok(world.heeded.length > 0 && world.heeded.every((term) => term === 5));
});

Deno.test("every member is asked, and told what was seen before", async () => {
  const world = new World();
  await world.look();
  assert.deepEqual(world.asked.map(({ to, view }) => [numberOf(to), view]), [
    [2, null],
    [3, null],
    [4, null],
  ]);
  await world.look();
  assert.equal(world.asked.at(-1)!.view!.driver, idOf(1));
});

Deno.test("one that was removed is asked as well: what it leads has to leave it", async () => {
  const world = new World();
  world.members = world.members.filter(({ id }) => id !== idOf(4));
  const words = { group: 1, voters: [4, 1, 2, 3], wanted: [] };
  world.reports.set(4, reportOf([led(words)], { revision: null }));
  await world.look();
  await world.pass(STEADY_MS);
  await world.look();
  assert.ok(world.done.some((line) => /^1: lead [123]$/.test(line)), world.done.join());
});

Deno.test("a peer that does not lead group 0 does nothing, and forgets", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, OTHER], wanted: [] })]));
  world.leads = false;
  await world.look();
  assert.deepEqual([world.asked, world.done], [[], []]);
});

Deno.test("what was asked in another term is not acted on", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, OTHER], wanted: [] })]));
  world.driver.tick();
  world.term++;
  await world.pass(0);
  assert.deepEqual([world.done, world.heard], [[], null]);
});

Deno.test("a group is left alone while its change is awaited", async () => {
  const world = new World();
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, OTHER], wanted: [] })]));
  await world.look();
  await world.look();
  assert.equal(world.done.length, 1);
  gate.resolve();
  await world.pass(0);
  await world.pass(250);
  assert.equal(world.done.length, 2);
});

Deno.test("a change that is refused is counted, and decided anew at the next look", async () => {
  const world = new World();
  world.refusals.push(new SkeinError("CONFLICT", "another change came first"));
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, OTHER], wanted: [] })]));
  await world.look();
  assert.deepEqual(world.driver.counts, { moved: 0, failed: 1 });
  assert.match(world.lines.at(-1)!, /^debug: partition 1: moving .* failed: another change/);
  await world.pass(250);
  assert.equal(world.done.length, 2);
});

/** A partition that another peer than the driver should lead, and a third one does. */
const LED = (() => {
  const members = [1, 2, 3, 4].map((number) => memberOf(number));
  const { placements } = new WantedPlacement().of(members, P, 3);
  const { partition, replicas, leader } = placements.find(({ leader }) => leader!.id !== idOf(1))!;
  const preferred = numberOf(leader!.id);
  const others = replicas.map(({ id }) => numberOf(id)).filter((number) => number !== preferred);
  const [leading, third] = others as [number, number];
  const deviating = led({ group: partition, voters: [leading, preferred, third], wanted: [] });
  return { leading, preferred, deviating, handedOver: `${partition}: lead ${preferred}` };
})();

Deno.test("leadership goes to the preferred peer once that has answered for a while", async () => {
  const world = new World();
  world.reports.set(LED.leading, reportOf([LED.deviating]));
  await world.look();
  await world.pass(STEADY_MS - 1);
  await world.look();
  assert.deepEqual(world.done, []);
  await world.pass(1);
  await world.look();
  assert.deepEqual(world.done, [LED.handedOver]);
  assert.match(
    world.told().at(-1)!,
    /^info: partition \d: peer-\d leads now, as the ring prefers$/,
  );
});

Deno.test("a peer that missed a look, or is about to stop, is given leadership a while later", async () => {
  for (const interruption of [null, reportOf([], { steady: false })]) {
    const world = new World();
    world.reports.set(LED.leading, reportOf([LED.deviating]));
    await world.look();
    await world.pass(STEADY_MS - 1);
    world.reports.set(LED.preferred, interruption);
    await world.look();
    world.reports.delete(LED.preferred);
    await world.pass(1);
    await world.look();
    await world.pass(STEADY_MS - 1);
    await world.look();
    assert.deepEqual(world.done, []);
    await world.pass(1);
    await world.look();
    assert.deepEqual(world.done, [LED.handedOver]);
  }
});

Deno.test("a peer that did not take leadership is not offered it again at once", async () => {
  const world = new World();
  world.reports.set(LED.leading, reportOf([LED.deviating]));
  world.refusals.push(new SkeinError("UNAVAILABLE", "it did not take it"));
  await world.look();
  await world.pass(STEADY_MS);
  await world.look();
  await world.pass(9_999);
  await world.look();
  assert.equal(world.done.length, 1);
  await world.pass(1);
  await world.look();
  assert.equal(world.done.length, 2);
});

Deno.test("a partition that nobody leads is named after an election's time, and nothing is done to it", async () => {
  const world = new World();
  const lost = { knows: new Set([1, 2, 3]), leaderless: [{ group: 4, voters: [2, 3].map(idOf) }] };
  world.reports.set(3, null);
  world.reports.set(1, reportOf([], lost));
  for (const number of [2, 4]) {
    world.reports.set(number, reportOf([], { knows: new Set([1, 2, 3]) }));
  }
  await world.look();
  assert.deepEqual(world.heard?.unavailable, []);
  await world.pass(2 * ELECTION_TIMEOUT_MS);
  await world.look();
  assert.deepEqual(world.heard?.unavailable, [
    { partition: 4, replicas: [2, 3].map(idOf), answering: [idOf(2)] },
  ]);
  assert.deepEqual(world.told(), [
    "warn: partition 4 has no leader and cannot be used: of its replicas on peer-2, peer-3 " +
    "only those on peer-2 answer",
  ]);
  assert.deepEqual(world.done, []);
});

Deno.test("after its end it looks no more", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, OTHER], wanted: [] })]));
  await world.look();
  world.driver.stop();
  world.asked.length = 0;
  await world.pass(10_000);
  await world.look();
  assert.deepEqual(world.asked, []);
});
