import assert from "node:assert/strict";
import { forgottenGroups } from "../../src/groups/forgotten_replicas.ts";
import { FORGOTTEN_METHOD } from "../../src/groups/leader_requests.ts";
import type { ConfigurationOperation } from "../../src/raft/ready.ts";
import { Fleet } from "./fleet.ts";

const GROUP = 3;
/** Elections last up to 2 s here, and two looks are needed. */
const LEADERLESS_MS = 12_000;

/** Three peers have the group, the first leads it. */
async function fleetOfThree() {
  const fleet = await Fleet.led({ groups: [GROUP] });
  const [first, second, third] = fleet.peers;
  return { fleet, first: first!, second: second!, third: third! };
}

async function change(fleet: Fleet, operation: ConfigurationOperation): Promise<void> {
  const { service } = fleet.leader(GROUP)!;
  const expectedIndex = service.status(GROUP)!.configuration.index;
  const work = service.changeConfiguration(
    GROUP,
    { expectedIndex, operations: [operation] },
    5_000,
  );
  await fleet.settle(work, 5_000);
}

Deno.test("a replica that was taken out while its peer was away ends when the peer is back", async () => {
  const { fleet, third } = await fleetOfThree();
  fleet.network.isolate("p3");
  await change(fleet, { kind: "remove", peer: "p3" });
  // The leader has given up telling it.
  await fleet.run(LEADERLESS_MS);
  assert.ok(third.host.group(GROUP) !== undefined);
  fleet.network.heal();
  await fleet.until("it ends", () => third.host.group(GROUP) === undefined, LEADERLESS_MS);
  // Where it ended, it may come to be again, under another id.
  await change(fleet, { kind: "addLearner", peer: "p3" });
  await fleet.until("it has a leader", () => third.service.status(GROUP)?.leader === "p1", 1_000);
  fleet.check();
});

Deno.test("a replica whose leader is away stays, however often it asks", async () => {
  const { fleet, first, second, third } = await fleetOfThree();
  first.crash();
  second.crash();
  await second.start();
  fleet.network.cut("p2", "p3");
  fleet.network.counts.clear();
  await fleet.run(4 * LEADERLESS_MS);
  assert.ok((fleet.network.counts.get(FORGOTTEN_METHOD) ?? 0) > 5, "they ask");
  for (const peer of [second, third]) assert.ok(peer.host.group(GROUP) !== undefined);
  fleet.network.heal();
  await fleet.until("there is a leader", () => fleet.leader(GROUP) !== null, 10_000);
  await fleet.run(LEADERLESS_MS);
  fleet.network.counts.clear();
  await fleet.run(LEADERLESS_MS);
  assert.equal(fleet.network.counts.get(FORGOTTEN_METHOD) ?? 0, 0, "nobody asks any more");
  fleet.check();
});

Deno.test("only a configuration that is committed, by a log that is committed past the replica's beginning, is proof", async () => {
  const { fleet, first } = await fleetOfThree();
  const status = first.service.status(GROUP)!;
  const isForgotten = (
    replica: number,
    { index, commitIndex, voters = 2 }: { index: number; commitIndex: number; voters?: number },
  ) => {
    const { configuration } = status;
    const without = { ...configuration, index, voters: configuration.voters.slice(0, voters) };
    const group = { status: () => ({ ...status, commitIndex, configuration: without }) };
    return forgottenGroups("p3", [[GROUP, replica]], () => group).includes(GROUP);
  };
  assert.ok(isForgotten(1, { index: 5, commitIndex: 5 }));
  assert.ok(!isForgotten(1, { index: 5, commitIndex: 4 }), "it may never be");
  assert.ok(!isForgotten(7, { index: 5, commitIndex: 6 }), "it may have been added since");
  assert.ok(isForgotten(7, { index: 5, commitIndex: 7 }), "what was to add it came to nothing");
  assert.ok(!isForgotten(1, { index: 5, commitIndex: 5, voters: 3 }), "it is there");
  assert.ok(isForgotten(4, { index: 5, commitIndex: 5, voters: 3 }), "its successor is there");
  assert.deepEqual(forgottenGroups("p3", [[GROUP, 1]], () => undefined), []);
  fleet.check();
});
