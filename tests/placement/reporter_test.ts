import assert from "node:assert/strict";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { encodeView, type PlacementView } from "../../src/placement/placement_view.ts";
import { parseReport, REPORTED_MAX } from "../../src/placement/report.ts";
import { Reporter } from "../../src/placement/reporter.ts";
import { idOf, memberOf } from "../members/peers.ts";
import { FakePartitions } from "./fake_partitions.ts";

/** Three members: every partition is wanted on all of them. */
function reporterOf(self: number, partitions = 16) {
  const groups = new FakePartitions(self);
  const placement = new WantedPlacement();
  const world = {
    nowMs: 0,
    members: [1, 2, 3].map((number) => memberOf(number)),
    revision: 7,
    isMember: true,
    steady: true,
  };
  const wanted = () => placement.of(world.members, partitions, 3);
  const reporter = new Reporter({
    self: idOf(self),
    groups,
    nowMs: () => world.nowMs,
    wanted: () => world.isMember ? { revision: world.revision, wanted: wanted() } : null,
    steady: () => world.steady,
  });
  const ledBy = (number: number) =>
    wanted().placements.filter(({ leader }) => leader!.id === idOf(number))
      .map(({ partition }) => partition);
  return { groups, world, reporter, wanted, ledBy };
}

const VIEW: PlacementView = {
  driver: idOf(2),
  leaders: [],
  replicasWanted: 0,
  replicasPresent: 0,
  held: new Map(),
  deviating: 0,
  moves: [],
  unavailable: [],
};

const groupsOf = (list: readonly { readonly group: number }[]) => list.map(({ group }) => group);

Deno.test("partitions that lie as wanted are led, and nothing else is said of them", () => {
  const { groups, reporter, ledBy } = reporterOf(1);
  for (const partition of ledBy(1)) {
    groups.set(partition, { voters: [1, 2, 3] });
    reporter.attach(partition);
  }
  const report = reporter.report();
  assert.deepEqual([...report.leads], ledBy(1));
  assert.deepEqual([report.revision, report.deviating, report.more], [7, [], 0]);
});

Deno.test("what deviates is told whole: replicas, learners, another leader than the preferred", () => {
  const { groups, reporter, ledBy } = reporterOf(1);
  const [first, second, third] = ledBy(1) as [number, number, number];
  const [others] = ledBy(2) as [number];
  groups.set(first, { voters: [1, 2] });
  groups.set(second, { voters: [1, 2, 4] });
  groups.set(third, { voters: [1, 2], learners: [3] });
  groups.set(others, { voters: [1, 2, 3] });
  for (const partition of [first, second, third, others]) reporter.attach(partition);
  const { deviating } = reporter.report();
  assert.deepEqual(groupsOf(deviating), [first, second, third, others]);
  assert.deepEqual(deviating[2]!.followers, [
    { peer: idOf(2), active: true, caughtUp: true, missingEntries: 0 },
    { peer: idOf(3), active: true, caughtUp: false, missingEntries: 5_000 },
  ]);
});

Deno.test("what another peer leads is not reported, and what nobody leads is", () => {
  const { groups, reporter } = reporterOf(1);
  groups.set(4, { voters: [2, 1], leader: 2 });
  groups.set(5, { voters: [2, 3, 1], leader: null });
  groups.set(6, { voters: [], learners: [], leader: null });
  for (const partition of [4, 5, 6]) reporter.attach(partition);
  const { leads, knows, deviating, leaderless } = reporter.report();
  assert.deepEqual([[...leads], [...knows], deviating], [[], [4], []]);
  assert.deepEqual(leaderless, [{ group: 5, voters: [idOf(2), idOf(3), idOf(1)] }]);
});

Deno.test("a change is seen at the next report, and so is the end of a replica", () => {
  const { groups, reporter, ledBy } = reporterOf(1);
  const [partition] = ledBy(1) as [number];
  groups.set(partition, { voters: [1, 2, 3] });
  reporter.attach(partition);
  assert.deepEqual(groupsOf(reporter.report().deviating), []);
  groups.set(partition, { voters: [1, 2, 3], learners: [4] });
  assert.deepEqual(groupsOf(reporter.report().deviating), [partition]);
  groups.set(partition, { voters: [1, 2, 3], leader: 2 });
  const { leads, knows, deviating } = reporter.report();
  assert.deepEqual([leads.has(partition), knows.has(partition), deviating], [false, true, []]);
  groups.set(partition, null);
  reporter.detach(partition);
  assert.equal(reporter.report().knows.has(partition), false);
});

Deno.test("when what is wanted changes, all that is led is compared anew", () => {
  const { groups, world, reporter, ledBy } = reporterOf(1);
  for (const partition of ledBy(1)) {
    groups.set(partition, { voters: [1, 2, 3] });
    reporter.attach(partition);
  }
  reporter.report();
  world.members = [1, 2].map((number) => memberOf(number));
  world.revision = 8;
  const { revision, deviating } = reporter.report();
  assert.equal(revision, 8);
  assert.ok(deviating.length > 0);
  assert.ok(deviating.every(({ group }) => ledBy(1).includes(group) || ledBy(2).includes(group)));
});

Deno.test("one that is no member any more names all that it leads", () => {
  const { groups, world, reporter, ledBy } = reporterOf(1);
  for (const partition of ledBy(1)) {
    groups.set(partition, { voters: [1, 2, 3] });
    reporter.attach(partition);
  }
  world.isMember = false;
  const { revision, deviating } = reporter.report();
  assert.deepEqual([revision, groupsOf(deviating)], [null, ledBy(1)]);
});

Deno.test("thousands of partitions that do nothing are not looked at again", () => {
  const { groups, reporter, ledBy } = reporterOf(1, 4_000);
  const led = ledBy(1);
  for (let partition = 1; partition <= 4_000; partition++) {
    groups.set(partition, { voters: led.includes(partition) ? [1, 2, 3] : [2, 3, 1] });
    reporter.attach(partition);
  }
  assert.deepEqual(reporter.report().deviating, []);
  groups.looks = 0;
  for (let look = 0; look < 100; look++) reporter.report();
  assert.equal(groups.looks, 0);
});

Deno.test("a look is answered with a report, and brings the driver's view", async () => {
  const { groups, world, reporter } = reporterOf(1);
  assert.equal(reporter.view(), null);
  const answer = await reporter.answer([3, encodeView(VIEW)]);
  assert.equal(parseReport(answer)?.revision, 7);
  assert.deepEqual(reporter.view(), VIEW);
  world.steady = false;
  assert.equal(parseReport(await reporter.answer([3, null]))?.steady, false);
  assert.deepEqual(groups.heeded, [3, 3]);
  for (const body of [null, [], ["3", null], [3, "view"], [-1, null]]) {
    await assert.rejects(reporter.answer(body), { code: "BAD_REQUEST" });
  }
});

Deno.test("the view of a driver that was replaced is not believed, and an old one is forgotten", () => {
  const { world, reporter } = reporterOf(1);
  reporter.hear(5, VIEW);
  reporter.hear(4, { ...VIEW, driver: idOf(3) });
  assert.equal(reporter.view()!.driver, idOf(2));
  reporter.hear(6, { ...VIEW, driver: idOf(3) });
  assert.equal(reporter.view()!.driver, idOf(3));
  world.nowMs = 9_999;
  assert.ok(reporter.view() !== null);
  world.nowMs = 10_000;
  assert.equal(reporter.view(), null);
});

Deno.test("of more than a report may tell of, each comes in its turn, and what is under way every time", () => {
  const count = REPORTED_MAX + 100;
  const { groups, reporter } = reporterOf(1, count);
  const moving = count - 1;
  for (let partition = 1; partition <= count; partition++) {
    const learners = partition === moving ? [3] : [];
    groups.set(partition, { voters: [1, 2], learners });
    reporter.attach(partition);
  }
  const told = new Set<number>();
  for (let look = 0; look < 2; look++) {
    const { deviating, more } = reporter.report();
    assert.deepEqual([deviating.length, more], [REPORTED_MAX, 100]);
    assert.equal(deviating[0]!.group, moving);
    for (const { group } of deviating) told.add(group);
  }
  assert.equal(told.size, count);
});
