/** Peers that meet over a real DHT on the loopback: over which way they talk, and what becomes of it. */
import assert from "node:assert/strict";
import { formatAddress } from "../../src/codec/address.ts";
import { createIdentity } from "../../src/net/identity.ts";
import { eventually } from "../eventually.ts";
import { TcpProxy } from "../net/tcp_proxy.ts";
import { limitMs } from "../speed_limit.ts";
import { openDht, SwarmPeer, type SwarmPeerOptions } from "./swarm_peer.ts";
import { udpPorts } from "./udp_ports.ts";

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

Deno.test("TCP takes the place of the swarm once it can be had, and the swarm TCP's once it is lost", async () => {
  await withPeers(2, {}, async (peers) => {
    const [one, other] = peers as [SwarmPeer, SwarmPeer];
    await eventually("over the swarm", CLUSTER_MS, () => allTalk(peers, "swarm"));
    one.tell(one.address);
    await eventually("over TCP", 10_000, () => allTalk(peers, "tcp"));
    assert.equal(await one.echo(other, 1), 1);
    assert.equal(await other.echo(one, 2), 2);
  });
  await withPeers(2, {}, async (peers) => {
    const [one, other] = peers as [SwarmPeer, SwarmPeer];
    const proxy = await TcpProxy.open(() => one.transport.listeningPort);
    one.tell(proxy.address);
    await eventually("over TCP", 10_000, () => allTalk(peers, "tcp"));
    await proxy.close();
    await eventually("over the swarm", 20_000, () => allTalk(peers, "swarm"));
    assert.equal(await one.echo(other, 3), 3);
  });
});

Deno.test("leaving takes a second or two where the DHT does not answer any more", async () => {
  const dht = await openDht();
  const bootstrap = formatAddress(dht.address);
  const peers = [
    await SwarmPeer.start({ bootstrap, expect: 2 }),
    await SwarmPeer.start({ bootstrap, expect: 2 }),
  ];
  await eventually("over the swarm", CLUSTER_MS, () => allTalk(peers, "swarm"));
  await dht.close();
  const beganMs = performance.now();
  await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
  assert.ok(performance.now() - beganMs < limitMs(3_000));
});

Deno.test("who has left has no socket any more", async () => {
  const dht = await openDht();
  const before = udpPorts();
  const peer = await SwarmPeer.start({ bootstrap: formatAddress(dht.address), expect: 2 });
  await eventually(
    "it has sockets",
    CLUSTER_MS,
    () => assert.ok(udpPorts().length > before.length),
  );
  await peer[Symbol.asyncDispose]();
  await eventually("it has none", CLUSTER_MS, () => assert.deepEqual(udpPorts(), before));
  await dht.close();
});

Deno.test("a peer that returns with its identity is known for itself, over the swarm", async () => {
  const identity = createIdentity();
  await withPeers(1, { expect: 2 }, async ([stayer], bootstrap) => {
    for (let round = 1; round <= 3; round++) {
      const peer = await SwarmPeer.start({ bootstrap, identity, expect: 2 });
      await eventually("they talk", 15_000, () => allTalk([stayer!, peer], "swarm"));
      assert.equal(await stayer!.echo(peer, round), round);
      await peer[Symbol.asyncDispose]();
    }
  });
});
