import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { Logger } from "../../src/logger.ts";
import { foundingConfiguration } from "../../src/members/foundation.ts";
import { JOIN_METHOD, joinRequest } from "../../src/members/join_request.ts";
import { MemberService } from "../../src/members/service.ts";
import type { ConnectedPeer } from "../../src/net/transport.ts";
import { ManualClock } from "../manual_clock.ts";
import { FakeGroups } from "./fake_groups.ts";
import { MembersMachine } from "../../src/members/machine.ts";
import { foundedMachine, idOf, infoOf, planOf } from "./peers.ts";

const CLUSTER_ID = "c".repeat(32);
const FRONT = 'a Redis (prefix "app:", database 0, write back)';

function serviceOf(founders: number, machine = foundedMachine(founders)) {
  const groups = new FakeGroups(idOf(1), machine, foundingConfiguration(planOf(founders)));
  const clock = new ManualClock();
  const requests: { to: string; method: string; body: unknown }[] = [];
  const connected: ConnectedPeer[] = [];
  const lines: string[] = [];
  const logger: Logger = { log: (level, message) => void lines.push(`${level}: ${message}`) };
  const service = new MemberService({
    self: idOf(1),
    groups,
    machine,
    liveness: { state: (peer) => peer === idOf(3) ? "suspect" : "alive" },
    transport: {
      request: (to, method, body) => {
        requests.push({ to, method, body });
        return Promise.resolve(null);
      },
      peers: () => connected,
      peerAt: () => null,
    },
    cacheFront: FRONT,
    dial: () => () => {},
    checkRemoval: () => Promise.resolve(),
    clock,
    logger,
  });
  groups.onEffects = (effects) => service.effects(effects);
  return { service, machine, groups, clock, requests, connected, lines };
}

async function idle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

function peerOf(number: number, clusterId: string | null): ConnectedPeer {
  const { id, ...info } = infoOf(number);
  return { id, hello: { ...info, clusterId, expect: 0 } };
}

Deno.test("the view joins the list with opinions, roles and leadership", async () => {
  const { service, groups } = serviceOf(4);
  const { clusterId, partitions, replicas, members, warnings } = service.view();
  assert.deepEqual([clusterId, partitions, replicas, warnings], [CLUSTER_ID, 16, 3, []]);
  assert.deepEqual(members.map(({ name, state, role, leads }) => [name, state, role, leads]), [
    ["peer-1", "alive", "voter", [0]],
    ["peer-2", "alive", "voter", []],
    ["peer-3", "suspect", "voter", []],
    ["peer-4", "alive", "learner", []],
  ]);
  const dead = { timeoutMs: 1, request: null };
  await groups.propose(0, "members", ["markDead", idOf(2), "boot-2"], dead);
  assert.equal(service.find(idOf(2))!.state, "dead");
  assert.equal(service.find(idOf(9)), null);
});

Deno.test("a founder's view is whole before the founding entry is applied", () => {
  const { service } = serviceOf(3, new MembersMachine(planOf(3)));
  const { clusterId, partitions, members } = service.view();
  assert.deepEqual([clusterId, partitions, members.length], [CLUSTER_ID, 16, 3]);
  assert.equal(service.find(idOf(2))!.name, "peer-2");
});

Deno.test("what the ring wants is the same before the founding entry and after it, and to a later joiner", () => {
  const { service: founder, machine } = serviceOf(3, new MembersMachine(planOf(3)));
  const before = founder.wanted()!;
  assert.deepEqual([before.ring.owners, before.replicas, before.placements.length], [3, 3, 16]);
  machine.apply({ kind: "found", plan: planOf(3) }, { group: 0, index: 3, term: 2, timeMs: 5 });
  assert.deepEqual(founder.wanted(), before);
  const joined = new MembersMachine();
  const { service: joiner } = serviceOf(3, joined);
  assert.equal(joiner.wanted(), null);
  joined.restore({ [Symbol.iterator]: () => machine.snapshot() });
  assert.deepEqual(joiner.wanted(), before);
});

Deno.test("whom an entry calls dead, the ring leaves out; an opinion alone changes nothing", async () => {
  const { service, groups } = serviceOf(4);
  const weightOf = (number: number) =>
    service.wanted()!.ring.peers.find(({ id }) => id === idOf(number))!.weight;
  assert.equal(service.find(idOf(3))!.state, "suspect");
  assert.deepEqual([weightOf(2), weightOf(3)], [1, 1]);
  const options = { timeoutMs: 1, request: null };
  await groups.propose(0, "members", ["markDead", idOf(2), "boot-2"], options);
  assert.deepEqual([weightOf(2), weightOf(3)], [0, 1]);
});

Deno.test("a cluster of two is warned of", () => {
  assert.match(serviceOf(2).service.view().warnings[0]!, /cluster of two stops when either/);
});

Deno.test("members whose caches stand in front of something else are warned of", () => {
  const { service, connected } = serviceOf(4);
  const peer = (number: number, cacheFront?: string): ConnectedPeer => {
    const { id, hello } = peerOf(number, CLUSTER_ID);
    return { id, hello: cacheFront === undefined ? hello : { ...hello, cacheFront } };
  };
  connected.push(peer(2, FRONT), peer(3), peer(9, ""));
  assert.deepEqual(service.view().warnings, [], "alike, of an earlier version, no member");
  const other = 'a Redis (prefix "b:", database 0, write back)';
  connected.splice(0, 3, peer(2, ""), peer(3, other), peer(4, ""));
  const [nothing, prefix, ...more] = service.view().warnings;
  assert.match(
    nothing!,
    /in front of a Redis \(prefix "app:".* here, and of nothing at peer-2, peer-4:/,
  );
  assert.match(prefix!, /and of a Redis \(prefix "b:", .*\) at peer-3: --cache-redis/);
  assert.deepEqual(more, []);
});

Deno.test("remove, by id or name, takes the member off the list and out of the configuration", async () => {
  for (const which of [idOf(3), "peer-3"]) {
    const { service, groups } = serviceOf(3);
    await service.remove(which, { force: false }, 1_000);
    assert.equal(service.find(idOf(3)), null);
    assert.ok(!groups.configuration.voters.some(({ peer }) => peer === idOf(3)));
  }
});

Deno.test("remove tries again when another change of the configuration comes first", async () => {
  const { service, groups, clock } = serviceOf(3);
  groups.conflicts.push(new SkeinError("CONFLICT", "another change"));
  const removed = service.remove("peer-3", { force: false }, 1_000);
  await idle();
  assert.equal(groups.configuration.voters.length, 3);
  clock.advance(100);
  await removed;
  assert.equal(groups.configuration.voters.length, 2);
});

Deno.test("remove refuses the unknown and the last", async () => {
  await assert.rejects(serviceOf(3).service.remove("nobody", { force: false }, 1_000), {
    code: "NOT_FOUND",
  });
  await assert.rejects(serviceOf(1).service.remove("peer-1", { force: false }, 1_000), {
    code: "CONFLICT",
  });
});

Deno.test("admit adds whom it is asked by, for this cluster only", async () => {
  const { service, machine } = serviceOf(3);
  const request = joinRequest(CLUSTER_ID, peerOf(4, null));
  assert.equal(await service.admit(idOf(4), request), null);
  assert.equal(machine.member(idOf(4))!.name, "peer-4");
  await assert.rejects(service.admit(idOf(5), request), { code: "BAD_REQUEST" });
  await assert.rejects(service.admit(idOf(4), { clusterId: CLUSTER_ID }), { code: "BAD_REQUEST" });
  const foreign = joinRequest("d".repeat(32), peerOf(5, null));
  await assert.rejects(service.admit(idOf(5), foreign), { code: "CONFLICT" });
  const namesake = { clusterId: CLUSTER_ID, member: infoOf(5, { name: "peer-1" }) };
  await assert.rejects(service.admit(idOf(5), namesake), { code: "CONFLICT", message: /peer-1/ });
});

Deno.test("register tells the cluster what this peer is now, and tries until it is taken", async () => {
  const { service, groups, machine, clock } = serviceOf(3);
  groups.leader = null;
  service.register(CLUSTER_ID, infoOf(1, { bootId: "later" }));
  await idle();
  assert.equal(machine.member(idOf(1))!.bootId, "boot-1");
  groups.leader = idOf(2);
  clock.advance(500);
  await idle();
  assert.equal(machine.member(idOf(1))!.bootId, "later");
  assert.equal(clock.timers, 0);
});

Deno.test("without a replica of group 0, register asks a member of the same cluster", async () => {
  const { service, groups, requests, connected } = serviceOf(3);
  groups.present = false;
  connected.push(peerOf(7, null), peerOf(8, "d".repeat(32)), peerOf(2, CLUSTER_ID));
  const member = infoOf(1, { bootId: "later" });
  service.register(CLUSTER_ID, member);
  await idle();
  assert.deepEqual(requests, [{
    to: idOf(2),
    method: JOIN_METHOD,
    body: { clusterId: CLUSTER_ID, member },
  }]);
});

Deno.test("a registration of an earlier boot that is applied late is corrected", async () => {
  const { service, groups, machine } = serviceOf(3);
  service.register(CLUSTER_ID, infoOf(1, { bootId: "later" }));
  await idle();
  await groups.propose(0, "members", ["join", infoOf(1)], { timeoutMs: 1, request: null });
  await idle();
  assert.equal(machine.member(idOf(1))!.bootId, "later");
  assert.deepEqual(machine.endedBoots(), [{ peer: idOf(1), bootId: "boot-1" }]);
});

Deno.test("a refused registration is logged as an error; stop ends it", async () => {
  const { service, lines, clock, groups } = serviceOf(3);
  service.register(CLUSTER_ID, infoOf(1, { name: "peer-2" }));
  await idle();
  assert.ok(
    lines.some((line) => /^error: this peer is not registered: the name peer-2/.test(line)),
  );
  service.stop();
  const before = groups.proposed.length;
  clock.advance(5_000);
  await idle();
  assert.equal(groups.proposed.length, before);
});
