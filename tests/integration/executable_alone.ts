/**
 * What an executable must do on a machine that has nothing else: executable_test.ts runs this on a lone machine. One
 * peer becomes healthy, three form a cluster, and what they hold outlives kill -9 of one and of all.
 */
import assert from "node:assert/strict";
import { skeinCommand, testedExecutable } from "../skein_command.ts";
import { SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const FLAGS = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05"];
const LOCKS = ["one", "two", "three"];

interface Held {
  readonly owner: string;
  readonly fencing_token: number;
}

async function state(peer: SkeinProcess): Promise<Held[]> {
  const held: Held[] = [];
  for (const resource of LOCKS) {
    const { status, body } = await peer.get(`/lock/status?resource=${resource}`);
    assert.equal(status, 200, JSON.stringify(body));
    for (const { owner, fencing_token } of body.holders) held.push({ owner, fencing_token });
  }
  return held;
}

async function assertHeldEverywhere(cluster: SkeinCluster, held: readonly Held[]): Promise<void> {
  await cluster.ready();
  for (const peer of cluster.peers) assert.deepEqual(await state(peer), held, peer.name);
}

async function onePeer(): Promise<void> {
  await SkeinCluster.with({ peers: 1 }, async ({ peers: [peer] }) => {
    assert.equal((await peer!.get("/health")).status, 200);
    const { code, stdout, stderr } = await skeinCommand(["status", "--url", peer!.url]).output();
    const said = new TextDecoder();
    assert.equal(code, 0, said.decode(stderr));
    assert.match(said.decode(stdout), /^health +healthy$/m);
    console.log("a peer alone is healthy");
  });
}

async function threePeers(): Promise<void> {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const { peers } = cluster;
    for (const [place, resource] of LOCKS.entries()) {
      const lock = { resource, owner: `owner-${place}`, ttl: 600 };
      const { status, body } = await peers[place]!.post("/lock/acquire", lock);
      assert.equal(status, 200, JSON.stringify(body));
    }
    const held = await state(peers[0]!);
    assert.equal(held.length, LOCKS.length);
    await assertHeldEverywhere(cluster, held);
    console.log("three form a cluster");

    const leader = await cluster.leader();
    await leader.kill();
    const next = await cluster.leader();
    assert.deepEqual(await state(next), held);
    leader.start();
    await assertHeldEverywhere(cluster, held);
    console.log("the leader was killed, and is back with the same state");

    await Promise.all(peers.map((peer) => peer.kill()));
    for (const peer of peers) peer.start();
    await assertHeldEverywhere(cluster, held);
    console.log("all were killed, and are back with the same state");
  });
}

assert.ok(testedExecutable() !== null, "SKEIN_TEST_EXECUTABLE names what is run");
assert.deepEqual([...new Set(Deno.networkInterfaces().map(({ name }) => name))], ["lo"]);
for (const runtime of ["deno", "node", "npx"]) {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${runtime}`] })
    .output();
  assert.ok(!success, `no ${runtime} can be found`);
}
await onePeer();
await threePeers();
