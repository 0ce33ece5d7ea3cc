import assert from "node:assert/strict";
import { type Faults, World, type WorldPeer, worldSigner } from "./formation_harness.ts";
import { PLAN_TIMEOUT_MS, TURN_MS } from "../../src/members/proposer.ts";
import { abortBytes } from "../../src/members/plan.ts";

/** @returns a world of `count` started peers that each expect `expect` */
function worldOf(count: number, expect: number, seed = 1): World {
  const world = new World(seed);
  for (let number = 0; number < count; number++) world.add(expect);
  for (const peer of world.peers) world.start(peer);
  return world;
}

function settled(peers: readonly WorldPeer[]): boolean {
  return peers.every((peer) => peer.clusterId !== null);
}

function memberNames(world: World): string[] {
  const [plan] = [...world.committed.values()];
  assert.ok(plan !== undefined, "nothing was committed");
  return JSON.parse(plan).members.map((member: { name: string }) => member.name);
}

Deno.test("one peer forms alone, at once, and campaigns", () => {
  const world = worldOf(1, 1);
  assert.ok(world.run(10, () => settled(world.peers)));
  assert.equal(world.peers[0]!.campaigned, 1);
});

Deno.test("three peers form without waiting for any timer", () => {
  const world = worldOf(3, 3);
  assert.ok(world.run(50, () => settled(world.peers)), "not formed within 50 ms");
  const [lowest, ...others] = world.peers;
  world.run(50, () => lowest!.campaigned > 0);
  assert.equal(lowest!.campaigned, 1, "the preferred leader campaigns");
  assert.ok(others.every((peer) => peer.campaigned === 0));
  const { state } = lowest!.record;
  assert.ok(state.kind === "formed");
  assert.equal(state.plan.voters[0], lowest!.id);
});

Deno.test("the preferred leader campaigns only once a majority of voters has begun", () => {
  const world = worldOf(3, 3);
  world.deliver = (_from, _to, message) => message.kind !== "commit";
  assert.ok(world.run(1_000, () => world.peers[0]!.clusterId !== null));
  world.run(2_000, () => false);
  assert.equal(world.peers[0]!.campaigned, 0);
  world.deliver = () => true;
  assert.ok(world.run(2_000, () => world.peers[0]!.campaigned === 1));
});

Deno.test("of four peers the three lowest form, and the fourth joins", () => {
  const world = worldOf(4, 3);
  assert.ok(world.run(10_000, () => settled(world.peers)));
  assert.deepEqual(memberNames(world), ["peer-1", "peer-2", "peer-3"]);
  assert.ok(world.peers[3]!.joined);
});

Deno.test("five founders: three voters of group 0, two learners", () => {
  const world = worldOf(5, 5);
  assert.ok(world.run(1_000, () => settled(world.peers)));
  const { state } = world.peers[4]!.record;
  assert.ok(state.kind === "formed");
  assert.deepEqual(state.plan.voters, world.peers.slice(0, 3).map((peer) => peer.id));
});

Deno.test("peers with another N are not counted", () => {
  const world = new World(1);
  for (const expect of [3, 3, 4]) world.start(world.add(expect));
  assert.equal(world.run(60_000, () => world.committed.size > 0), false);
  assert.match(world.peers[0]!.formation!.statusLine(), /has met 2 of 3/);
});

Deno.test("a peer with N = 0 only joins", () => {
  const world = worldOf(2, 0);
  assert.equal(world.run(30_000, () => world.committed.size > 0), false);
  world.start(world.add(1));
  assert.ok(world.run(5_000, () => settled(world.peers)));
  assert.deepEqual(memberNames(world), ["peer-3"]);
});

Deno.test("when the lowest cannot see enough peers, the next lowest proposes after five seconds", () => {
  const world = worldOf(2, 3);
  const [first, second] = world.peers;
  const third = world.add(3);
  world.cut(first!, third);
  world.start(third);
  assert.equal(world.run(TURN_MS - 100, () => world.committed.size > 0), false);
  assert.ok(world.run(5_000, () => world.committed.size > 0));
  const { state } = second!.record;
  assert.ok(state.kind === "formed" && state.plan.proposer === second!.id);
  assert.ok(world.run(5_000, () => settled(world.peers)), "the commit reaches both ends");
});

Deno.test("a proposer aborts when not all accept in time, and proposes anew", () => {
  const world = worldOf(3, 3);
  world.deliver = (_from, to, message) => message.kind !== "plan" || to !== world.peers[2];
  assert.equal(world.run(PLAN_TIMEOUT_MS + 500, () => world.committed.size > 0), false);
  assert.ok(world.peers[0]!.logs.some((line) => /aborted: not all accepted/.test(line)));
  world.deliver = () => true;
  assert.ok(world.run(20_000, () => settled(world.peers)));
  const { state } = world.peers[0]!.record;
  assert.ok(state.kind === "formed" && state.plan.attempt > 1);
});

Deno.test("an acceptor holds on to its plan until the proposer is back, and names it", () => {
  const world = worldOf(3, 3);
  const [proposer, ...others] = world.peers;
  world.deliver = (_from, _to, message) => message.kind !== "accepted";
  world.run(1_000, () => others.every((peer) => peer.record.state.kind === "held"));
  world.crash(proposer!);
  assert.equal(world.run(120_000, () => world.committed.size > 0), false);
  for (const peer of others) {
    assert.equal(peer.record.state.kind, "held");
    assert.match(
      peer.formation!.statusLine(),
      /only its proposer can end it: peer-1 .*127\.0\.0\.1/,
    );
    assert.ok(peer.logs.some((line) => line.includes(proposer!.id)), "the log names it too");
  }
  world.heal();
  assert.ok(world.run(20_000, () => settled(world.peers)));
});

Deno.test("a lower identity's plan makes a higher proposer abort its own", () => {
  const world = new World(1);
  const [first, ...others] = [3, 3, 3, 3].map((expect) => world.add(expect));
  for (const peer of others) world.start(peer);
  const [second, third, fourth] = others;
  // The plan of the second reaches the third alone, so that it is still open when the first appears.
  world.deliver = (_from, to) => to !== fourth;
  world.run(1_000, () => third!.record.state.kind === "held");
  world.start(first!);
  world.deliver = () => true;
  assert.ok(world.run(30_000, () => settled(world.peers)));
  assert.equal(world.committed.size, 1);
  assert.ok(second!.record.attempts >= 1);
});

Deno.test("an abort or commit that its proposer did not sign changes nothing", () => {
  const world = worldOf(3, 3);
  const [proposer, victim] = world.peers;
  world.deliver = (_from, _to, message) => message.kind !== "accepted";
  world.run(1_000, () => victim!.record.state.kind === "held");
  const { state } = victim!.record;
  assert.ok(state.kind === "held");
  const signature = new Uint8Array(64).fill(7);
  const { formation } = victim!;
  const plan = { proposer: proposer!.id, attempt: state.plan.attempt };
  const forgeries = [
    { kind: "abort", plan, signature },
    { kind: "commit", plan: state.plan, signature },
  ] as const;
  for (const forged of forgeries) {
    const effects = formation!.received(proposer!.id, forged, world.nowMs);
    assert.deepEqual(effects.map((effect) => effect.kind), ["log"]);
    assert.equal(formation!.record.state.kind, "held");
  }
});

Deno.test("any founder passes the commit on to one whom the proposer does not reach", () => {
  const world = worldOf(3, 3);
  const [first, , third] = world.peers;
  world.deliver = (_from, to, message) => message.kind !== "commit" || to !== third;
  assert.ok(world.run(1_000, () => settled(world.peers.slice(0, 2))));
  world.cut(first!, third!);
  world.deliver = () => true;
  assert.ok(world.run(5_000, () => settled(world.peers)));
});

/** Two clusters of one peer each, which have not met yet. */
function twoClusters(): { world: World; first: WorldPeer; second: WorldPeer } {
  const world = new World(1);
  world.check = () => {};
  const [first, second] = [world.add(1), world.add(1)];
  world.start(first);
  world.run(1_000, () => first.clusterId !== null);
  world.crash(first);
  world.start(second);
  world.run(1_000, () => second.clusterId !== null);
  return { world, first, second };
}

Deno.test("two clusters that share a key refuse each other, loudly", () => {
  const { world, first, second } = twoClusters();
  world.start(first);
  for (const [self, other] of [[first, second], [second, first]] as const) {
    assert.ok(self.formation!.isForeign(other.id));
    assert.ok(self.logs.some((line) => /refused .* belongs to cluster/.test(line)));
  }
});

Deno.test("a peer that has asked one cluster to be added never turns to another", () => {
  const { world, first, second } = twoClusters();
  const empty = world.add(0);
  world.start(empty);
  world.run(1_000, () => empty.joined);
  world.crash(second);
  world.start(first);
  world.run(5_000, () => false);
  assert.equal(empty.clusterId, second.clusterId ?? empty.clusterId);
  assert.ok(empty.formation!.isForeign(first.id));
  assert.ok(empty.logs.some((line) => /refused .* belongs to cluster/.test(line)));
});

Deno.test("an empty peer that has met two clusters joins neither", () => {
  const world = worldOf(3, 3);
  const [proposer, peer] = world.peers;
  world.deliver = (_from, _to, message) => message.kind !== "accepted";
  world.run(1_000, () => peer!.record.state.kind === "held");
  const { formation } = peer!;
  const foreign = (clusterId: string) => ({ ...world.hello(peer!), name: clusterId, clusterId });
  formation!.met("d".repeat(64), foreign("d".repeat(32)), world.nowMs);
  formation!.met("e".repeat(64), foreign("e".repeat(32)), world.nowMs);
  const plan = { proposer: proposer!.id, attempt: 1 };
  const signature = worldSigner(proposer!.id).sign(abortBytes(plan));
  formation!.received(proposer!.id, { kind: "abort", plan, signature }, world.nowMs);
  const effects = formation!.durable(world.nowMs);
  assert.ok(!effects.some((effect) => effect.kind === "makeDurable"));
  assert.match(formation!.statusLine(), /met 2 clusters with one key .* joins none/);
});

Deno.test("of two peers with one name only the lower counts, and the other says so", () => {
  const world = new World(1);
  const peers = [2, 2].map((expect) => world.add(expect));
  Object.assign(peers[1]!, { name: peers[0]!.name });
  for (const peer of peers) world.start(peer);
  assert.equal(world.run(20_000, () => world.committed.size > 0), false);
  assert.match(peers[1]!.formation!.statusLine(), /has this peer's name/);
});

/** How many durable writes a sound forming takes, so that each can be the one that a crash hits. */
function writesOf(count: number, expect: number): number {
  const world = worldOf(count, expect);
  assert.ok(world.run(20_000, () => settled(world.peers)));
  return world.peers.reduce((sum, peer) => sum + peer.writes, 0);
}

for (const [count, expect] of [[1, 1], [2, 2], [3, 3], [4, 3]] as const) {
  Deno.test(`a crash before or after any durable write: ${expect} of ${count} peers form all the same`, () => {
    const writes = writesOf(count, expect);
    assert.ok(writes >= 2 * expect, "each founder writes its acceptance and the commit");
    for (let hit = 1; hit <= writes; hit++) {
      for (const stage of ["before", "after"] as const) {
        for (const everybody of [false, true]) crashAt(count, expect, hit, stage, everybody);
      }
    }
  });
}

function crashAt(
  count: number,
  expect: number,
  hit: number,
  stage: "before" | "after",
  everybody: boolean,
): void {
  const world = new World(hit);
  for (let number = 0; number < count; number++) world.add(expect);
  let seen = 0;
  let crashed = false;
  world.onWrite = (peer, now) => {
    if (now !== stage || ++seen !== hit) return;
    crashed = true;
    for (const victim of everybody ? world.peers : [peer]) {
      if (victim.formation !== null) world.crash(victim);
      world.at(7_000, () => world.start(victim));
    }
  };
  for (const peer of world.peers) world.start(peer);
  const label = `crash ${stage} write ${hit}, everybody: ${everybody}`;
  const done = () => crashed && settled(world.peers);
  assert.ok(world.run(60_000, done), `${label}: ${describe(world)}`);
  assert.equal(world.committed.size, 1, label);
}

function describe(world: World): string {
  return world.peers.map((peer) => `${peer.name}: ${peer.formation?.statusLine() ?? "down"}`)
    .join("; ");
}

const SEEDS = 1_000;

Deno.test(`${SEEDS} seeds of loss, delay, crashes and cuts: never two clusters, and after healing all finish`, () => {
  let formedUnderFaults = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(seed);
    const { random } = world;
    const expect = random.integer(1, 5);
    const count = random.integer(expect, Math.max(expect, 2 * expect - 1));
    const faults: Faults = {
      loss: random.pick([0, 0.1, 0.5]),
      delayMsMax: random.pick([1, 50, 2_000]),
      writeMsMax: random.pick([1, 100]),
      crash: random.pick([0, 0.01, 0.05]),
      restartMsMax: random.pick([100, 10_000]),
      flap: random.pick([0, 0.05]),
    };
    world.faults = faults;
    for (let number = 0; number < count; number++) {
      const peer = world.add(expect);
      world.at(random.pick([0, random.integer(0, 12_000)]), () => {
        if (peer.formation === null) world.start(peer);
      });
    }
    if (world.run(25_000, () => settled(world.peers))) formedUnderFaults++;
    world.heal();
    const finished = world.run(120_000, () => settled(world.peers));
    assert.ok(finished, `seed ${seed} did not finish: ${describe(world)}`);
  }
  assert.ok(formedUnderFaults > SEEDS / 4, `only ${formedUnderFaults} formed before healing`);
});
