import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { Member } from "../../src/members/state.ts";
import { WantedPlacement } from "../../src/members/wanted.ts";
import { RequestError } from "../../src/net/transport.ts";
import { PlacementDriver } from "../../src/placement/driver.ts";
import { parseView, type PlacementView } from "../../src/placement/placement_view.ts";
import { encodeReport, type LedGroup, type Report } from "../../src/placement/report.ts";
import type { ConfigurationChange } from "../../src/raft/ready.ts";
import { ManualClock } from "../manual_clock.ts";
import { idOf, infoOf, memberOf } from "../members/peers.ts";
import { groupOf, type GroupWords } from "./views.ts";

const P = 4;
const REVISION = 7;
const ELECTION_TIMEOUT_MS = 1_000;
/** After so long peers take leadership. */
const STEADY_MS = 5 * ELECTION_TIMEOUT_MS;

/** Peer 1 drives; the others answer with what a test has them report, and null does not answer. */
class World {
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly asked: { readonly to: string; readonly view: PlacementView | null }[] = [];
  /** Changes and transfers, in words. */
  readonly done: string[] = [];
  readonly reports = new Map<number, Report | null>();
  members: readonly Member[] = [1, 2, 3, 4].map((number) => memberOf(number));
  connected: readonly number[] = [2, 3, 4];
  leads = true;
  term = 5;
  heard: PlacementView | null = null;
  /** What the next change comes to; each once. */
  readonly refusals: SkeinError[] = [];
  /** Set: changes wait for it. */
  gate: Promise<void> | null = null;
  readonly driver: PlacementDriver;

  constructor() {
    const placement = new WantedPlacement();
    const members = () => this.members;
    this.driver = new PlacementDriver({
      self: idOf(1),
      groups: {
        status: () => this.#systemStatus(),
        changeConfiguration: (group, change) => this.#act(group, wordsOf(change)),
        transferLeadership: (group, to) => this.#act(group, `lead ${numberOf(to)}`),
      },
      members: { clusterId: "c1", revision: REVISION, members },
      wanted: () => placement.of(members(), P, 3),
      reporter: {
        report: () => this.reports.get(1) ?? reportOf([]),
        hear: (_term, view) => void (this.heard = view),
      },
      transport: {
        request: (to, _method, body) => this.#answer(to, body),
        peers: () =>
          this.connected.map((number) => {
            const { id, ...info } = infoOf(number);
            return { id, hello: { ...info, clusterId: "c1", expect: 0 } };
          }),
      },
      clock: this.clock,
      logger: { log: (level, message) => void this.lines.push(`${level}: ${message}`) },
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
    });
  }

  #systemStatus(): GroupStatus {
    const role = this.leads ? "leader" : "follower";
    return { role, term: this.term } as unknown as GroupStatus;
  }

  #answer(to: string, body: unknown): Promise<unknown> {
    const [, view] = body as [number, unknown];
    this.asked.push({ to, view: parseView(view) });
    const report = this.reports.get(numberOf(to));
    if (report === null) return Promise.reject(new RequestError("timeout", "no answer"));
    return Promise.resolve(encodeReport(report ?? reportOf([])));
  }

  async #act(group: number, words: string): Promise<void> {
    this.done.push(`${group}: ${words}`);
    await this.gate;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
  }

  /** Time passes, and whatever it brings is done. */
  async pass(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  async look(): Promise<void> {
    this.driver.tick();
    await this.pass(0);
  }

  /** What was logged at info and above since the last call. */
  told(): string[] {
    return this.lines.splice(0).filter((line) => !line.startsWith("debug"));
  }
}

const numberOf = (peer: string) => parseInt(peer.slice(0, 2), 16);

function wordsOf({ expectedIndex, operations }: ConfigurationChange): string {
  const words = operations.map(({ kind, peer }) => `${kind} ${numberOf(peer)}`);
  return `${words.join(", ")} at ${expectedIndex}`;
}

const PARTITIONS = new Set([1, 2, 3, 4]);

/** That each partition is led by somebody who answers is enough, as a rule. */
function reportOf(deviating: readonly LedGroup[], changes: Partial<Report> = {}): Report {
  return {
    revision: REVISION,
    steady: true,
    leads: PARTITIONS,
    knows: PARTITIONS,
    deviating,
    more: 0,
    leaderless: [],
    ...changes,
  };
}

function led(words: GroupWords): LedGroup {
  const { group, term, configuration, followers } = groupOf(words);
  return { group, term, configuration, followers };
}

/** Peers that partition 1 is wanted on, in order, and the one that is not. */
const [A, B, C, OTHER] = (() => {
  const members = [1, 2, 3, 4].map((number) => memberOf(number));
  const { replicas } = new WantedPlacement().of(members, P, 3).placements[0]!;
  const wanted = replicas.map(({ id }) => numberOf(id));
  return [...wanted, [1, 2, 3, 4].find((number) => !wanted.includes(number))!];
})() as [number, number, number, number];

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
