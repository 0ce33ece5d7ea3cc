/** Whether members can be removed, as the driver finds out. */
import assert from "node:assert/strict";
import { idOf } from "../members/peers.ts";
import { A, B, C, led, OTHER, reportOf, REVISION, World } from "./driver_world.ts";

Deno.test("a removal is checked by a new look, once every report is of these members", async () => {
  const world = new World();
  world.reports.set(2, reportOf([], { revision: REVISION - 1 }));
  let outcome = "";
  const checked = world.driver.checkRemoval(idOf(4)).then(() => outcome = "may go");
  await world.pass(250);
  assert.equal(outcome, "");
  world.reports.delete(2);
  await world.pass(250);
  await checked;
  assert.equal(outcome, "may go");
});

Deno.test("a removal that cannot be checked is refused, and so is one that would lose something", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, C], wanted: [], silent: [B] })]));
  world.reports.set(B, null);
  await assert.rejects(world.driver.checkRemoval(idOf(C)), {
    code: "CONFLICT",
    message: /cannot be without peer-\d, too few of the other replicas answer/,
  });
  world.leads = false;
  await assert.rejects(world.driver.checkRemoval(idOf(C)), { code: "UNAVAILABLE" });
});

Deno.test("a removal is not decided while a leader does not answer", async () => {
  const world = new World();
  const others = { leads: new Set([2, 3, 4]) };
  for (const number of [1, 2, 3, 4]) world.reports.set(number, reportOf([], others));
  let outcome = "";
  void world.driver.checkRemoval(idOf(OTHER)).catch(({ code }) => outcome = code);
  await world.pass(250);
  assert.equal(outcome, "", "the leader of partition 1 may still be heard");
  const words = { group: 1, voters: [A, B, OTHER], wanted: [] };
  world.reports.set(A, reportOf([led({ ...words, silent: [B] })]));
  world.reports.set(B, null);
  await world.pass(250);
  assert.equal(outcome, "CONFLICT");
});

Deno.test("two members of which only one can be missed do not go one right behind the other", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, C], wanted: [] })]));
  await world.driver.checkRemoval(idOf(B));
  const refused = { code: "CONFLICT", message: /cannot be without/ };
  await assert.rejects(world.driver.checkRemoval(idOf(C)), refused);
  await world.pass(5_000);
  world.members = world.members.filter(({ id }) => id !== idOf(B));
  await assert.rejects(world.driver.checkRemoval(idOf(C)), refused, "it still answers, and votes");
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, C, OTHER], wanted: [] })]));
  await world.driver.checkRemoval(idOf(C));
});

Deno.test("a member that was allowed to go and stayed counts again", async () => {
  const world = new World();
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, B, C], wanted: [] })]));
  await world.driver.checkRemoval(idOf(B));
  await world.pass(10_000);
  await world.driver.checkRemoval(idOf(C));
});

Deno.test("while a member may be about to go, no partition is changed that it has to do with", async () => {
  const world = new World();
  const words = { group: 1, voters: [A, B, OTHER], wanted: [], learners: [C] };
  world.reports.set(A, reportOf([led(words)]));
  let isAllowed = false;
  void world.driver.checkRemoval(idOf(C)).then(() => isAllowed = true);
  await world.pass(0);
  assert.ok(isAllowed, "it has no vote yet");
  await world.look();
  assert.deepEqual(world.done, [], "and is given none");
  await world.pass(10_000);
  await world.look();
  assert.ok(world.done.length > 0, "it stays, it seems");
});

Deno.test("a removal is not decided while a change is under way that the member has to do with", async () => {
  const world = new World();
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  world.reports.set(
    A,
    reportOf([led({ group: 1, voters: [A, OTHER], wanted: [], learners: [C] })]),
  );
  await world.look();
  assert.deepEqual(world.done, [`1: promote ${C}, remove ${OTHER} at 17`]);
  let outcome = "";
  world.driver.checkRemoval(idOf(C)).then(
    () => outcome = "may go",
    ({ code }) => outcome = code,
  );
  await world.pass(250);
  assert.equal(outcome, "", "only the learner was seen");
  const joint = { group: 1, voters: [A, C], outgoing: [A, OTHER], wanted: [] };
  world.reports.set(A, reportOf([led(joint)]));
  gate.resolve();
  await world.pass(250);
  assert.equal(outcome, "", "it is in the midst of it");
  world.reports.set(A, reportOf([led({ group: 1, voters: [A, C], wanted: [] })]));
  await world.pass(250);
  assert.equal(outcome, "CONFLICT");
});
