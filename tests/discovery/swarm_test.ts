/** Peers that meet over a real DHT on the loopback: over which way they talk, and what becomes of it. */
import assert from "node:assert/strict";
import { formatAddress } from "../../src/codec/address.ts";
import { eventually } from "../eventually.ts";
import { openDht, SwarmPeer, type SwarmPeerOptions } from "./swarm_peer.ts";

const CLUSTER_MS = 5_000;

async function withPeers(
  count: number,
  options: Partial<SwarmPeerOptions>,
  run: (peers: SwarmPeer[], bootstrap: string) => Promise<void>,
): Promise<void> {
  const dht = await openDht();
  const bootstrap = formatAddress(dht.address);
  const peers: SwarmPeer[] = [];
  try {
    for (let at = 0; at < count; at++) {
      peers.push(await SwarmPeer.start({ bootstrap, expect: count, ...options }));
    }
    await run(peers, bootstrap);
  } finally {
    await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
    await dht.close();
  }
}

function allTalk(peers: readonly SwarmPeer[], way: "tcp" | "swarm"): void {
  for (const peer of peers) {
    assert.deepEqual(peer.ways(), Array.from({ length: peers.length - 1 }, () => way));
  }
}

Deno.test("three peers that know a DHT alone are connected over TCP, where they can be dialled", async () => {
  await withPeers(3, { tellsAddress: true }, async (peers) => {
    await eventually("all over TCP", CLUSTER_MS, () => allTalk(peers, "tcp"));
    assert.equal(await peers[0]!.echo(peers[2]!, "hello"), "hello");
    for (const peer of peers) {
      assert.deepEqual(peer.transport.statistics().links.map(({ foundBy }) => foundBy), [
        ["swarm"],
        [
          "swarm",
        ],
      ]);
    }
  });
});

Deno.test("three peers that cannot be dialled are connected over the swarm", async () => {
  await withPeers(3, {}, async (peers) => {
    await eventually("all over the swarm", CLUSTER_MS, () => allTalk(peers, "swarm"));
    const body = Uint8Array.from({ length: 4_000_000 }, (_, at) => at * 31 >> 3);
    const answers = await Promise.all(
      peers.map((peer, at) => peer.echo(peers[(at + 1) % 3]!, body)),
    );
    for (const answer of answers) assert.deepEqual(answer, body);
    const [link] = peers[0]!.transport.statistics().links;
    assert.ok(link!.roundTripMs! > 0);
    assert.ok(link!.congestionWindowPackets! > 0);
    assert.ok(link!.retransmissions! >= 0);
  });
});

Deno.test("TCP takes the place of the swarm once it can be had, and the swarm's when it is lost", async () => {
  await withPeers(2, {}, async (peers) => {
    const [one, other] = peers as [SwarmPeer, SwarmPeer];
    await eventually("over the swarm", CLUSTER_MS, () => allTalk(peers, "swarm"));
    one.tell(one.address);
    await eventually("over TCP", 10_000, () => allTalk(peers, "tcp"));
    assert.equal(await one.echo(other, 1), 1);
    assert.equal(await other.echo(one, 2), 2);
  });
});
