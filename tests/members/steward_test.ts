import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { SILENT } from "../../src/logger.ts";
import { foundingConfiguration } from "../../src/members/foundation.ts";
import { MembersMachine } from "../../src/members/machine.ts";
import type { Liveness } from "../../src/members/members.ts";
import { Steward } from "../../src/members/steward.ts";
import { encodeMembersCommand } from "../../src/members/commands.ts";
import { FakeGroups } from "./fake_groups.ts";
import { foundedMachine, idOf, infoOf, planOf } from "./peers.ts";

const GRACE_MS = 10_000;

function stewardOf(founders: number, machine = foundedMachine(founders)) {
  const groups = new FakeGroups(idOf(1), machine, foundingConfiguration(planOf(founders)));
  const liveness = new Map<string, Liveness>();
  const detached: string[] = [];
  const options = {
    self: idOf(1),
    groups,
    machine,
    liveness: { state: (peer: string) => liveness.get(peer) ?? "alive" },
    logger: SILENT,
    detach: (peer: string, bootId: string): Promise<void> => {
      detached.push(`${peer.slice(0, 2)} ${bootId}`);
      return Promise.resolve();
    },
    votersTarget: 3,
    graceMs: GRACE_MS,
  };
  return { machine, groups, liveness, detached, options, steward: new Steward(options) };
}

/** Lets the steward finish what it began. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

async function join(groups: FakeGroups, number: number, bootId?: string): Promise<void> {
  const member = infoOf(number, bootId === undefined ? {} : { bootId });
  const options = { timeoutMs: 1_000, request: null };
  await groups.propose(0, "members", encodeMembersCommand({ kind: "join", member }), options);
}

const numbersOf = (replicas: readonly { peer: string }[]) =>
  replicas.map(({ peer }) => parseInt(peer.slice(0, 2), 16));

Deno.test("the first leader brings the founders", async () => {
  const { steward, machine } = stewardOf(3, new MembersMachine(planOf(3)));
  steward.tick(0);
  await idle();
  assert.deepEqual(machine.members().map(({ name }) => name), ["peer-1", "peer-2", "peer-3"]);
});

Deno.test("peers that join one that is alone become learners, then voters up to the target", async () => {
  const { steward, groups } = stewardOf(1);
  for (const number of [2, 3, 4]) await join(groups, number);
  steward.tick(0);
  await idle();
  assert.deepEqual(numbersOf(groups.configuration.voters), [1, 2, 3]);
  assert.deepEqual(numbersOf(groups.configuration.learners), [4]);
  for (const change of groups.changes) assert.equal(change.operations.length, 1);
});

Deno.test("a dead voter is marked after the grace, replaced, and its waiters are detached", async () => {
  const { steward, groups, liveness, detached, machine } = stewardOf(4);
  liveness.set(idOf(3), "dead");
  for (const nowMs of [0, GRACE_MS / 2, GRACE_MS - 1]) {
    steward.tick(nowMs);
    await idle();
  }
  assert.deepEqual([groups.proposed, groups.changes], [[], []]);
  steward.tick(GRACE_MS);
  await idle();
  assert.equal(machine.member(idOf(3))!.dead, true);
  assert.deepEqual(detached, ["03 boot-3"]);
  assert.deepEqual(machine.endedBoots(), []);
  assert.deepEqual(numbersOf(groups.configuration.voters), [1, 2, 4]);
  assert.deepEqual(numbersOf(groups.configuration.learners), [3]);
  liveness.set(idOf(3), "alive");
  steward.tick(GRACE_MS + 1);
  await idle();
  assert.equal(machine.member(idOf(3))!.dead, false);
});

Deno.test("the grace begins anew when the peer was in touch, and when this peer begins to lead", async () => {
  const { steward, groups, liveness } = stewardOf(3);
  liveness.set(idOf(3), "dead");
  steward.tick(0);
  liveness.set(idOf(3), "alive");
  steward.tick(GRACE_MS - 2);
  liveness.set(idOf(3), "dead");
  steward.tick(GRACE_MS - 1);
  steward.tick(GRACE_MS + 1);
  groups.leader = idOf(2);
  steward.tick(GRACE_MS + 2);
  groups.leader = idOf(1);
  steward.tick(2 * GRACE_MS);
  steward.tick(3 * GRACE_MS - 1);
  await idle();
  assert.deepEqual(groups.proposed, []);
});

Deno.test("a peer back with a new boot id has the waiters of its old one detached", async () => {
  const { steward, groups, detached, machine } = stewardOf(3);
  await join(groups, 2, "boot-later");
  steward.tick(0);
  await idle();
  assert.deepEqual(detached, ["02 boot-2"]);
  assert.deepEqual(machine.endedBoots(), []);
});

Deno.test("what could not be detached stays owed, for the next tick or the next leader", async () => {
  const { groups, detached, machine, options } = stewardOf(3);
  await join(groups, 2, "boot-later");
  const failing = new Steward({
    ...options,
    detach: () => Promise.reject(new SkeinError("NO_LEADER", "no leader")),
  });
  failing.tick(0);
  await idle();
  assert.equal(machine.endedBoots().length, 1);
  new Steward(options).tick(0);
  await idle();
  assert.deepEqual([detached.length, machine.endedBoots().length], [1, 0]);
});

Deno.test("only the leader acts; a refused change is decided anew at the next tick", async () => {
  const { steward, groups } = stewardOf(1);
  await join(groups, 2);
  groups.leader = idOf(9);
  steward.tick(0);
  await idle();
  assert.deepEqual(groups.changes, []);
  groups.leader = idOf(1);
  groups.conflicts.push(new SkeinError("CONFLICT", "another change"));
  steward.tick(1);
  await idle();
  assert.deepEqual(groups.changes, []);
  steward.tick(2);
  await idle();
  assert.deepEqual(numbersOf(groups.configuration.voters), [1, 2]);
});

Deno.test("one action at a time, and none after stop", async () => {
  const { steward, groups } = stewardOf(1);
  for (const number of [2, 3]) await join(groups, number);
  steward.tick(0);
  steward.tick(1);
  steward.stop();
  await idle();
  assert.ok(groups.changes.length <= 1);
  steward.tick(2);
  await idle();
  assert.ok(groups.changes.length <= 1);
});
