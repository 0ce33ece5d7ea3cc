import assert from "node:assert/strict";
import { FirstCampaigns } from "../../src/members/first_campaigns.ts";
import { areFirstReplicas, firstReplicasOf } from "../../src/members/first_replicas.ts";
import { makePlan, parsePlan, PLAN_BYTES_MAX, planBytes } from "../../src/members/plan.ts";
import { LIMITS } from "../../src/limits.ts";
import { placePartitions } from "../../src/ring/placement.ts";
import { Ring } from "../../src/ring/ring.ts";
import { idOf, infoOf } from "./peers.ts";

function planOf(founders: number, partitions: number, replicas: number) {
  const members = Array.from({ length: founders }, (_, index) => infoOf(index + 1));
  const parameters = { partitions, replicas, systemVoters: 3 };
  return makePlan({ proposer: idOf(1), attempt: 1 }, "c".repeat(32), members, parameters);
}

Deno.test("partitions begin where the ring wants them, each with its preferred leader first", () => {
  for (const [founders, partitions, replicas] of [[1, 16, 3], [5, 16, 3], [64, 100, 7]] as const) {
    const plan = planOf(founders, partitions, replicas);
    const peers = plan.members.map(({ id, name, zone }) => ({ id, name, zone, weight: 1 }));
    const wanted = placePartitions({ ring: new Ring(peers), partitions, replicas });
    for (const { partition, leader, replicas } of wanted) {
      const first = firstReplicasOf(plan, partition);
      assert.equal(first[0], leader!.id);
      assert.deepEqual(first.toSorted(), replicas.map(({ id }) => id).toSorted());
    }
    assert.equal(areFirstReplicas(plan), true);
    assert.deepEqual(parsePlan(structuredClone(plan)), plan);
  }
});

Deno.test("a plan that places a partition twice at a peer, at none, or not at all is none", () => {
  const plan = planOf(4, 5, 3);
  const { firstReplicas } = plan;
  const wrong = [
    "",
    firstReplicas.slice(3),
    firstReplicas + "ABC",
    firstReplicas.slice(0, -1),
    "AAB" + firstReplicas.slice(3),
    "ABE" + firstReplicas.slice(3),
    "AB " + firstReplicas.slice(3),
  ];
  for (const placed of wrong) {
    assert.equal(parsePlan({ ...plan, firstReplicas: placed }), null, placed);
  }
  assert.notEqual(parsePlan({ ...plan, firstReplicas: "CBA" + firstReplicas.slice(3) }), null);
  assert.equal(parsePlan({ ...plan, firstReplicas: undefined }), null);
});

Deno.test("where the partitions begin is part of what is signed", () => {
  const plan = planOf(4, 5, 3);
  const other = { ...plan, firstReplicas: "CBA" + plan.firstReplicas.slice(3) };
  assert.notDeepEqual(planBytes(plan), planBytes(other));
});

Deno.test("as many first replicas as there may be fit a plan of as many members as there may be", () => {
  for (const replicas of [3, 8, 64]) {
    const fitting = Math.floor(LIMITS.firstReplicasMax / replicas);
    const partitions = Math.min(LIMITS.groupsMax - 1, fitting);
    const plan = planOf(LIMITS.membersMax, partitions, replicas);
    assert.ok(planBytes(plan).length <= PLAN_BYTES_MAX);
    assert.notEqual(parsePlan(plan), null);
  }
});

Deno.test("a preferred leader calls for votes once, when a majority has begun", () => {
  const plan = planOf(5, 64, 3);
  const self = idOf(2);
  const campaigns = new FirstCampaigns(plan, self);
  const begun = new Set([self]);
  const clusterOf = (peer: string) => begun.has(peer) ? plan.clusterId : null;
  const all = Array.from({ length: 64 }, (_, place) => place + 1)
    .filter((partition) => firstReplicasOf(plan, partition)[0] === self);
  assert.ok(all.length > 5);
  assert.deepEqual(campaigns.due(clusterOf), [], "one of three is no majority");
  assert.deepEqual(campaigns.due((peer) => peer === self ? plan.clusterId : "another"), []);
  begun.add(idOf(4));
  const withFourth = all.filter((partition) => firstReplicasOf(plan, partition).includes(idOf(4)));
  assert.deepEqual(campaigns.due(clusterOf), withFourth);
  assert.deepEqual(campaigns.due(clusterOf), []);
  for (const other of [1, 3, 5]) begun.add(idOf(other));
  assert.deepEqual(campaigns.due(clusterOf), all.filter((one) => !withFourth.includes(one)));
  assert.deepEqual(campaigns.due(clusterOf), []);
});

Deno.test("who is alone leads every partition at once", () => {
  const plan = planOf(1, 16, 3);
  const due = new FirstCampaigns(plan, idOf(1)).due(() => plan.clusterId);
  assert.equal(due.length, 16);
});
