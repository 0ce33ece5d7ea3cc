import assert from "node:assert/strict";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { type Looked, pictureOf } from "../../src/placement/picture.ts";
import type { LedGroup, Report } from "../../src/placement/report.ts";
import { idOf, memberOf } from "../members/peers.ts";
import { groupOf, type GroupWords, peersBut } from "./views.ts";

const REVISION = 7;
const P = 6;

/** Three members: every partition is wanted on all of them. */
const WANTED = new WantedPlacement().of([1, 2, 3].map((number) => memberOf(number)), P, 3);

function reportOf(leads: readonly number[], changes: Partial<Report> = {}): Report {
  return {
    revision: REVISION,
    steady: true,
    leads: new Set(leads),
    knows: new Set(Array.from({ length: P }, (_, at) => at + 1)),
    deviating: [],
    more: 0,
    leaderless: [],
    ...changes,
  };
}

function led(words: GroupWords & { readonly term?: number }): LedGroup {
  const { group, configuration, followers } = groupOf(words);
  return { group, term: words.term ?? 1, configuration, followers };
}

function lookedOf(
  reports: Readonly<Record<number, Report>>,
  changes: Partial<Looked> = {},
): Looked {
  const listed = Object.entries(reports).map(([number, report]) => {
    return [idOf(Number(number)), report] as const;
  });
  const away = [1, 2, 3, 4].filter((number) => !(number in reports));
  return {
    driver: idOf(1),
    revision: REVISION,
    wanted: WANTED,
    reports: new Map(listed),
    peers: peersBut({ away }),
    isLost: () => true,
    ...changes,
  };
}

Deno.test("all as wanted: leaders and replicas, and nothing to do", () => {
  const reports = { 1: reportOf([1, 4]), 2: reportOf([2, 5]), 3: reportOf([3, 6]) };
  const { deviating, leaderless, complete, voters, view } = pictureOf(lookedOf(reports));
  assert.deepEqual([deviating, leaderless.size, complete], [[], 0, true]);
  assert.deepEqual(view.leaders, [1, 2, 3, 1, 2, 3].map(idOf));
  assert.deepEqual([view.replicasWanted, view.replicasPresent], [18, 18]);
  assert.deepEqual([view.deviating, view.moves, view.unavailable], [0, [], []]);
  assert.deepEqual([...view.held.values()], [6, 6, 6]);
  assert.equal(voters.get(4)!.length, 3);
});

Deno.test("a peer that does not answer has no replica that counts", () => {
  const { view } = pictureOf(lookedOf({ 1: reportOf([1, 2, 3]), 2: reportOf([4, 5, 6]) }));
  assert.deepEqual([view.replicasWanted, view.replicasPresent], [18, 12]);
});

Deno.test("what lay on a dead member is missing, until it is back or built elsewhere", () => {
  const members = [1, 2, 3].map((number) => memberOf(number, { dead: number === 3 }));
  const wanted = new WantedPlacement().of(members, P, 3);
  const reports = { 1: reportOf([1, 2, 3]), 2: reportOf([4, 5, 6]) };
  const { view } = pictureOf(lookedOf(reports, { wanted, peers: peersBut({ dead: [3] }) }));
  assert.deepEqual([view.replicasWanted, view.replicasPresent], [18, 12]);
});

Deno.test("deviations come with what is wanted; moves name from whom to whom", () => {
  const group = led({ group: 4, voters: [1, 2, 9], learners: [3], wanted: [], behind: [3] });
  const reports = {
    1: reportOf([1, 2, 3, 4, 5, 6], { deviating: [group] }),
    2: reportOf([]),
    3: reportOf([]),
  };
  const { deviating, voters, view } = pictureOf(lookedOf(reports));
  const wanted = WANTED.placements[3]!;
  assert.deepEqual(
    deviating.map(({ group, leader, wanted, preferredLeader }) => ({
      group,
      leader,
      wanted,
      preferredLeader,
    })),
    [{
      group: 4,
      leader: idOf(1),
      wanted: wanted.replicas.map(({ id }) => id),
      preferredLeader: wanted.leader!.id,
    }],
  );
  assert.deepEqual(view.moves, [
    { partition: 4, from: idOf(9), to: idOf(3), missingEntries: 9_000 },
  ]);
  assert.deepEqual([view.replicasPresent, view.deviating], [18, 1], "wherever they lie");
  const away = lookedOf(reports, { peers: peersBut({ away: [9] }) });
  assert.equal(pictureOf(away).view.replicasPresent, 17);
  assert.deepEqual(voters.get(4), [1, 2, 9].map(idOf));
  assert.deepEqual([view.held.get(idOf(9)), view.held.get(idOf(3))], [1, 6]);
});

Deno.test("a report of other members is believed in who leads, and in nothing else", () => {
  const deviating = [led({ group: 4, voters: [1], wanted: [] })];
  for (const revision of [REVISION - 1, REVISION + 1]) {
    const reports = { 1: reportOf([4], { revision, deviating }), 2: reportOf([]) };
    const picture = pictureOf(lookedOf(reports));
    assert.deepEqual([picture.deviating, picture.complete], [[], false]);
    assert.equal(picture.view.leaders[3], idOf(1));
  }
  const removed = reportOf([4], { revision: null, deviating });
  const picture = pictureOf(lookedOf({ 4: removed, 2: reportOf([1, 2, 3, 5, 6]) }));
  assert.deepEqual(picture.deviating.map(({ leader }) => leader), [idOf(4)]);
  assert.equal(picture.complete, true);
});

Deno.test("where a leader does not answer that is known of, the picture is not complete", () => {
  const reports = { 1: reportOf([1, 4]), 2: reportOf([2, 5]) };
  assert.equal(pictureOf(lookedOf(reports)).complete, false);
  const unknown = { knows: new Set([1, 2, 4, 5]) };
  const lost = { 1: reportOf([1, 4], unknown), 2: reportOf([2, 5], unknown) };
  const picture = pictureOf(lookedOf(lost));
  assert.deepEqual([picture.complete, [...picture.leaderless.keys()]], [true, [3, 6]]);
});

Deno.test("of two that say they lead a partition the one of the higher term is believed", () => {
  const old = reportOf([4], {
    deviating: [led({ group: 4, voters: [1, 2], wanted: [], term: 3 })],
  });
  const now = reportOf([4], {
    deviating: [led({ group: 4, voters: [1, 2], leader: 2, wanted: [], term: 4 })],
  });
  for (const reports of [{ 1: old, 2: now }, { 1: now, 2: old }] as const) {
    const [view, ...others] = pictureOf(lookedOf(reports)).deviating;
    assert.deepEqual([view!.term, others], [4, []]);
  }
});

Deno.test("deviations that did not fit a report are counted, and the picture is not complete", () => {
  const { view, complete } = pictureOf(lookedOf({ 1: reportOf([1], { more: 5 }) }));
  assert.deepEqual([view.deviating, complete], [5, false]);
});

Deno.test("a partition that nobody knows a leader of has none, with what its replicas know", () => {
  const knows = new Set([1, 2, 3, 5, 6]);
  const leaderless = [{ group: 4, voters: [1, 2, 3].map(idOf) }];
  const reports = {
    1: reportOf([1, 2, 3, 5, 6], { knows, leaderless }),
    2: reportOf([], { knows: new Set() }),
  };
  const picture = pictureOf(lookedOf(reports));
  assert.deepEqual([...picture.leaderless], [[4, [1, 2, 3].map(idOf)]]);
  assert.equal(picture.voters.has(4), false);
  assert.deepEqual(picture.view.unavailable, [{
    partition: 4,
    replicas: [1, 2, 3].map(idOf),
    answering: [1, 2].map(idOf),
  }]);
  assert.equal(picture.view.replicasPresent, 10);
  const patient = pictureOf(lookedOf(reports, { isLost: () => false }));
  assert.deepEqual([patient.view.unavailable, patient.leaderless.size], [[], 1]);
});

Deno.test("a partition whose leader does not answer, but is known, is not without one", () => {
  const { leaderless, view } = pictureOf(lookedOf({ 1: reportOf([1, 2, 3, 5, 6]) }));
  assert.equal(leaderless.size, 0);
  assert.deepEqual([view.leaders[3], view.unavailable], [null, []]);
});
