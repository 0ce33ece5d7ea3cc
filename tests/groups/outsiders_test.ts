/**
 * Peers without a replica write and ask while those that have one are killed, cut off and brought back, and while
 * leadership and the replicas themselves move. Whatever happens: what is acknowledged happened once, what is refused
 * never did, and when all is well again everybody finds the leader.
 */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { Fleet, type FleetPeer } from "./fleet.ts";

const NEVER_HAPPENED = ["NO_LEADER", "TOO_MANY_REQUESTS"];

class Outsider {
  acknowledged = 0;
  unknown = 0;
  answered = 0;
  #open = 0;

  constructor(readonly peer: FleetPeer) {}

  get isIdle(): boolean {
    return this.#open === 0;
  }

  add(): void {
    this.#await(this.peer.add("n", 1, { timeoutMs: 8_000 }), () => this.acknowledged++);
  }

  ask(): void {
    const asking = this.peer.service.ask(0, "name", null, 3_000);
    this.#await(asking, () => this.answered++, () => {});
  }

  #await(
    work: Promise<unknown>,
    done: () => void,
    unknown: () => void = () => void this.unknown++,
  ): void {
    this.#open++;
    work.then(done, (error) => {
      assert.ok(error instanceof SkeinError, String(error));
      if (error.code === "OUTCOME_UNKNOWN") unknown();
      else assert.ok(NEVER_HAPPENED.includes(error.code), error.code);
    }).finally(() => this.#open--);
  }
}

/** One thing that goes wrong, or right again. */
async function disturb(fleet: Fleet): Promise<void> {
  const { random } = fleet;
  const peer = random.pick(fleet.founders);
  const leader = fleet.leader();
  switch (random.integer(0, 5)) {
    case 0:
      if (fleet.founders.every(({ up }) => up)) peer.crash();
      return;
    case 1:
      fleet.network.heal();
      for (const founder of fleet.founders) if (!founder.up) await startAgain(founder);
      return;
    case 2:
      return fleet.network.isolate(peer.id);
    case 3:
      return fleet.network.cut(peer.id, random.pick(fleet.peers).id);
    default:
      leader?.service.transferLeadership(0, peer.id, 500).catch(() => {});
  }
}

async function startAgain(peer: FleetPeer): Promise<void> {
  await peer.start();
  answerName(peer);
}

function answerName(peer: FleetPeer): void {
  peer.service.answer("name", () => Promise.resolve(peer.id));
}

async function outsideOf(seed: number): Promise<void> {
  const fleet = await Fleet.led({ peers: 5, founders: 3, seed });
  fleet.founders.forEach(answerName);
  const outsiders = fleet.peers.slice(3).map((peer) => new Outsider(peer));
  for (let step = 0; step < 60; step++) {
    for (const outsider of outsiders) {
      if (fleet.random.chance(0.7)) outsider.add();
      if (fleet.random.chance(0.5)) outsider.ask();
    }
    if (fleet.random.chance(0.3)) await disturb(fleet);
    await fleet.run(fleet.random.integer(1, 200));
  }
  fleet.network.heal();
  for (const founder of fleet.founders) if (!founder.up) await startAgain(founder);
  await fleet.until("all are told", () => outsiders.every(({ isIdle }) => isIdle), 10_000);
  await fleet.until("one leads", () => fleet.leader() !== null, 10_000);
  for (const { peer } of outsiders) {
    const name = await fleet.settle(peer.service.ask(0, "name", null, 4_000), 4_500);
    assert.equal(name, fleet.leader()!.id);
  }
  const total = await fleet.settle(outsiders[0]!.peer.add("n", 0), 3_000) as number;
  const acknowledged = outsiders.reduce((sum, each) => sum + each.acknowledged, 0);
  const unknown = outsiders.reduce((sum, each) => sum + each.unknown, 0);
  assert.ok(
    total >= acknowledged && total <= acknowledged + unknown,
    `${acknowledged} acknowledged, ${unknown} unknown, ${total} happened`,
  );
  assert.ok(acknowledged > 10 && outsiders.every(({ answered }) => answered > 5));
  fleet.check();
}

for (const from of [1, 11, 21]) {
  Deno.test(`outsiders write once and find whoever leads: seeds ${from} to ${from + 9}`, async () => {
    for (let seed = from; seed < from + 10; seed++) {
      await outsideOf(seed).catch((error) => {
        throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
      });
    }
  });
}
