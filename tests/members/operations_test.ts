import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { foundingConfiguration } from "../../src/members/foundation.ts";
import { encodeMembersCommand } from "../../src/members/commands.ts";
import { Operations } from "../../src/members/operations.ts";
import { errorOf } from "../../src/groups/refusal.ts";
import type { ConnectedPeer } from "../../src/net/transport.ts";
import { ManualClock } from "../manual_clock.ts";
import { FakeGroups } from "./fake_groups.ts";
import { foundedMachine, idOf, infoOf, planOf } from "./peers.ts";

const CLUSTER_ID = "c".repeat(32);
const ADDRESS = "10.0.0.4:7004";

/** Peer 1 of three members is asked. */
function world() {
  const machine = foundedMachine(3);
  const groups = new FakeGroups(idOf(1), machine, foundingConfiguration(planOf(3)));
  const clock = new ManualClock();
  const connected: ConnectedPeer[] = [];
  const met = new Map<string, string>();
  const dialled: string[] = [];
  const checked: string[] = [];
  const refusals: SkeinError[] = [];
  const operations = new Operations({
    self: idOf(1),
    groups,
    machine,
    transport: { peers: () => connected, peerAt: (address) => met.get(address) ?? null },
    clock,
    dial: (address) => {
      dialled.push(address);
      return () => void dialled.splice(dialled.indexOf(address), 1);
    },
    checkRemoval: (peer) => {
      checked.push(peer);
      const refusal = refusals.shift();
      return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
    },
    propose: async (command, timeoutMs) => {
      const body = encodeMembersCommand(command);
      const answer = await groups.propose(0, "members", body, { timeoutMs, request: null });
      const error = errorOf(answer);
      if (error !== null) throw error;
    },
  });
  /** Peer 4 answers at the address, as one of this cluster, of none, or of another. */
  const meet = (clusterId: string | null, isLetIn = true) => {
    const { id, ...info } = infoOf(4);
    met.set(ADDRESS, id);
    if (isLetIn) connected.push({ id, hello: { ...info, clusterId, expect: 0 } });
  };
  const pass = async (byMs: number) => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    clock.advance(byMs);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const join = () =>
    groups.propose(
      0,
      "members",
      encodeMembersCommand({
        kind: "join",
        member: infoOf(4),
      }),
      { timeoutMs: 1_000, request: null },
    );
  return { operations, machine, groups, met, dialled, checked, refusals, meet, pass, join };
}

Deno.test("a member that something needs is not removed, except by force", async () => {
  const { operations, machine, checked, refusals } = world();
  refusals.push(new SkeinError("CONFLICT", "partition 5 cannot be without peer-3"));
  await assert.rejects(operations.remove("peer-3", false, 1_000), { code: "CONFLICT" });
  assert.ok(machine.member(idOf(3)) !== null);
  await operations.remove("peer-3", true, 1_000);
  assert.equal(machine.member(idOf(3)), null);
  assert.deepEqual(checked, [idOf(3)]);
});

Deno.test("a member that nothing needs is removed, from the list and the configuration", async () => {
  const { operations, machine, groups } = world();
  await operations.remove(idOf(2), false, 1_000);
  assert.equal(machine.member(idOf(2)), null);
  assert.ok(groups.configuration.voters.every(({ peer }) => peer !== idOf(2)));
});

Deno.test("drain is told by name or id, undone, and refused for a stranger and for the last", async () => {
  const { operations, machine } = world();
  await operations.drain("peer-2", true, 1_000);
  assert.equal(machine.member(idOf(2))!.draining, true);
  await operations.drain(idOf(2), false, 1_000);
  assert.equal(machine.member(idOf(2))!.draining, false);
  await assert.rejects(operations.drain("peer-9", true, 1_000), { code: "NOT_FOUND" });
  for (const name of ["peer-1", "peer-2"]) await operations.drain(name, true, 1_000);
  await assert.rejects(operations.drain("peer-3", true, 1_000), { code: "CONFLICT" });
});

Deno.test("a peer is dialled until it is a member", async () => {
  const { operations, dialled, meet, pass, join } = world();
  const added = operations.add(ADDRESS, 10_000);
  await pass(1_000);
  assert.deepEqual(dialled, [ADDRESS]);
  meet(null);
  await pass(1_000);
  await join();
  await pass(100);
  assert.deepEqual(await added, { id: idOf(4), name: "peer-4", wasMember: false });
  assert.deepEqual(dialled, []);
});

Deno.test("one that is a member already is named as such, this peer itself too", async () => {
  const { operations, meet, join } = world();
  await join();
  meet(CLUSTER_ID);
  assert.deepEqual(await operations.add(ADDRESS, 0), {
    id: idOf(4),
    name: "peer-4",
    wasMember: true,
  });
  const [own] = infoOf(1).addresses;
  assert.equal((await operations.add(own!, 0)).name, "peer-1");
});

Deno.test("what came of a peer that was not added is said", async () => {
  const rows: [(met: ReturnType<typeof world>["meet"]) => void, string, RegExp][] = [
    [() => {}, "UNAVAILABLE", /^no peer answers at 10\.0\.0\.4:7004$/],
    [(meet) => meet(null, false), "UNAVAILABLE", /is not let in: is its cluster key this/],
    [(meet) => meet(null), "UNAVAILABLE", /^peer-4 is connected, but has not joined$/],
    [(meet) => meet("d".repeat(32)), "CONFLICT", /^peer-4 at .* belongs to another cluster$/],
  ];
  for (const [arrange, code, message] of rows) {
    const { operations, dialled, meet, pass } = world();
    arrange(meet);
    const added = assert.rejects(operations.add(ADDRESS, 1_000), { code, message });
    for (let step = 0; step < 30; step++) await pass(50);
    await added;
    assert.deepEqual(dialled, [], "it is dialled no more");
  }
  await assert.rejects(world().operations.add("nowhere", 0), { code: "BAD_REQUEST" });
});
