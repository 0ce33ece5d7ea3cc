import assert from "node:assert/strict";
import { Deadlines } from "../../src/groups/deadlines.ts";
import { LeaderDirectory } from "../../src/groups/leader_directory.ts";
import type { ConnectedPeer } from "../../src/net/transport.ts";
import { ManualClock } from "../manual_clock.ts";
import { settled } from "./fleet.ts";

const GROUP = 3;

/** A directory of a peer without a replica, and the answers of those whom it asks. */
function directoryOf(peers: readonly string[]) {
  const clock = new ManualClock();
  const answers = new Map<string, (claim: unknown) => void>();
  const found: string[] = [];
  const deadlines = new Deadlines(clock);
  const directory = new LeaderDirectory({
    self: "me",
    clock,
    deadlines,
    transport: {
      peers: () => peers.map((id): ConnectedPeer => ({ id, hello: HELLO })),
      request: (peer) => new Promise((resolve) => void answers.set(peer, resolve)),
    },
    candidates: () => [],
    group: () => undefined,
    found: (_group, leader) => void found.push(leader),
  });
  const answer = async (peer: string, claim: readonly [string | null, number]) => {
    answers.get(peer)!(claim);
    await settled();
  };
  return { directory, answer, found, deadlines };
}

const HELLO = {
  name: "",
  bootId: "",
  addresses: [],
  httpUrl: "",
  zone: "",
  clusterId: null,
  expect: 0,
  version: "",
};

Deno.test("an answer that comes late is believed only if its term is later", async () => {
  const { directory, answer, found, deadlines } = directoryOf(["a", "b", "c", "d"]);
  const asked = directory.find(GROUP, 1_000);
  await answer("b", ["b", 5]);
  assert.equal(await asked, "b");
  await answer("a", ["a", 4]);
  assert.equal(directory.leaderOf(GROUP), "b", "an older term");
  await answer("c", [null, 9]);
  assert.equal(directory.leaderOf(GROUP), "b", "nobody");
  await answer("d", ["d", 6]);
  assert.equal(directory.leaderOf(GROUP), "d");
  assert.deepEqual(found, ["b", "d"]);
  directory.close();
  deadlines.close();
});
