/**
 * What strangers who learned the topic can do to a peer through the DHT and its streams: be refused, counted, and
 * bounded, while two honest peers go on answering each other.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import "../../src/discovery/no_udx_native.ts";
import HyperDHT from "hyperdht";
import { formatAddress, parseAddress } from "../../src/codec/address.ts";
import type { SwarmStream } from "../../src/discovery/guarded_dht.ts";
import { openSwarm } from "../../src/discovery/hyperswarm.ts";
import type { Swarm } from "../../src/discovery/swarm.ts";
import { createIdentity, type Identity } from "../../src/net/identity.ts";
import { deriveTopic } from "../../src/net/topic.ts";
import { sodium } from "../../src/net/sodium.ts";
import { UDX, type UDXStream } from "../../src/udx/mod.ts";
import { eventually } from "../eventually.ts";
import { REAL_CLOCK, until } from "../net/real_time.ts";
import { CLUSTER_KEY } from "../net/transports.ts";
import { openDht, SwarmPeer } from "./swarm_peer.ts";
import { udpPorts } from "./udp_ports.ts";

/** The secret stream, as an attacker holds it. */
interface HostileStream extends SwarmStream {
  readonly rawStream: UDXStream;
  on(event: "error" | "close" | "open", listener: () => void): void;
  write(message: Uint8Array): void;
}

interface Scene {
  readonly bootstrap: string;
  /** Who is attacked; another honest peer is connected. */
  readonly victim: SwarmPeer;
  /** That of the other. */
  readonly neighbour: Identity;
  refused(reason: string): number;
  /** Streams of a stranger to each of the two. */
  attack(begin: (stream: HostileStream) => void): Promise<void>;
}

async function withVictim(run: (scene: Scene) => Promise<void>): Promise<void> {
  const dht = await openDht();
  const bootstrap = formatAddress(dht.address);
  const identity = createIdentity();
  const peers = [
    await SwarmPeer.start({ bootstrap, expect: 2 }),
    await SwarmPeer.start({ bootstrap, expect: 2, identity }),
  ] as const;
  const [victim, neighbour] = peers;
  const strangers: Swarm[] = [];
  try {
    await eventually("they are connected", 10_000, () => assert.equal(victim.ways().length, 1));
    await run({
      bootstrap,
      victim,
      neighbour: identity,
      refused: (reason) => victim.transport.statistics().handshakesRefused[reason] ?? 0,
      async attack(begin) {
        const stranger = await openSwarm({
          keyPair: createIdentity(),
          topic: deriveTopic(CLUSTER_KEY),
          bootstrap: [dht.address],
          gate: (stream) => stream,
          found(stream) {
            const hostile = stream as HostileStream;
            hostile.on("error", () => {});
            begin(hostile);
          },
          isConnected: () => false,
          clock: REAL_CLOCK,
        });
        strangers.push(stranger);
        await stranger.refresh();
      },
    });
    assert.equal(await victim.echo(neighbour, "still here"), "still here");
    assert.equal(victim.handlers.count("disconnected"), 0, "the honest connection never broke");
  } finally {
    await Promise.all(strangers.map((stranger) => stranger.destroy()));
    await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
    await dht.close();
  }
}

Deno.test("who has another cluster key is refused over the swarm, and told so", async () => {
  await withVictim(async ({ bootstrap, refused }) => {
    const clusterKey = new TextEncoder().encode("another key of a cluster");
    await using stranger = await SwarmPeer.start({ bootstrap, clusterKey, expect: 3 });
    // Whoever has the higher identity of a pair begins a stream as a rule, and only who is begun to refuses aloud.
    await until(() => refused("key") > 0 || told(stranger), "one of the two refused");
    assert.deepEqual(stranger.ways(), []);
  });
});

function told({ transport }: SwarmPeer): boolean {
  return (transport.statistics().handshakesRefused["key"] ?? 0) > 0;
}

Deno.test("a message of 16 MiB, or one of 5 KiB, before a proof ends the stream and allocates nothing", async () => {
  await withVictim(async ({ attack, refused }) => {
    const before = Deno.memoryUsage().rss;
    await attack((stream) => stream.rawStream.write(Uint8Array.of(0xff, 0xff, 0xff, 1, 2, 3)));
    await until(() => refused("size") === 1, "the claim was refused");
    await attack((stream) => stream.write(new Uint8Array(5_000)));
    await until(() => refused("size") === 2, "the message was refused");
    assert.ok(Deno.memoryUsage().rss - before < 100_000_000);
  });
});

Deno.test("garbage in place of a proof, and silence, end the stream", async () => {
  await withVictim(async ({ attack, refused }) => {
    await attack((stream) => stream.write(new Uint8Array(100)));
    await until(() => refused("garbage") === 1, "the garbage was refused");
    await attack(() => {});
    await until(() => refused("timeout") === 1, "silence was refused");
  });
});

Deno.test("forged and random packets to a peer's sockets harm nobody", async () => {
  await withVictim(async ({ victim }) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    try {
      for (const port of udpPorts()) {
        for (let at = 0; at < 500; at++) {
          const packet = crypto.getRandomValues(new Uint8Array(1 + (at * 37) % 1_400));
          // Of all kinds: a request, a reply, a packet of UDX, and none of them.
          packet[0] = [0x03, 0x13, 0xff, packet[0]!][at % 4]!;
          if (packet.length > 1 && at % 4 === 2) packet[1] = 1;
          await socket.send(packet, { transport: "udp", hostname: "127.0.0.1", port });
        }
      }
    } finally {
      socket.close();
    }
    assert.equal(victim.ways().length, 1);
  });
});

/** A node of the DHT that asks what it likes. */
interface AskingNode {
  fullyBootstrapped(): Promise<void>;
  connect(key: Buffer, options: object): HostileStream;
  createServer(): { createHandshake(keyPair: object, key: Buffer): HostileHandshake };
  session(): { destroy(): void };
  request(
    request: { token: Buffer | null; command: number; target: Buffer; value: Buffer | null },
    to: { host: string; port: number },
    options: { retry: boolean; session: unknown },
  ): Promise<unknown>;
  destroy(): Promise<void>;
}

interface HostileHandshake {
  send(payload: object): Buffer;
}

const AskingNode = HyperDHT as unknown as new (options: object) => AskingNode;

async function openAskingNode(bootstrap: string): Promise<AskingNode> {
  const node = new AskingNode({
    udx: new UDX(),
    port: [0, 0],
    bootstrap: [parseAddress(bootstrap)],
  });
  await node.fullyBootstrapped();
  return node;
}

function keysOf({ publicKey, secretKey }: Identity): object {
  return { publicKey: Buffer.from(publicKey), secretKey: Buffer.from(secretKey) };
}

Deno.test("requests of every kind, for the peer itself or others, with made-up values harm nobody", async () => {
  await withVictim(async ({ bootstrap, victim }) => {
    const { host } = parseAddress(bootstrap)!;
    const ports = udpPorts();
    const node = await openAskingNode(bootstrap);
    const own = Buffer.alloc(32);
    sodium.crypto_generichash(own, Buffer.from(victim.id, "hex"));
    let answered = 0;
    for (let round = 0; round < 40; round++) {
      const session = node.session();
      const asked = Array.from({ length: 60 }, (_, at) => {
        const value = random((round * 97 + at * 31) % 700);
        // A message begins with its mode, and flags for what it has.
        if (value.length > 2) [value[0], value[1]] = [at % 8, round % 8];
        return node.request(
          {
            token: at % 4 === 0 ? random(32) : null,
            command: at % 12,
            target: at % 2 === 0 ? own : random(32),
            value: at % 10 === 0 ? null : value,
          },
          { host, port: ports[at % ports.length]! },
          { retry: false, session },
        )
          .then(() => answered++, () => {});
      });
      // Most that are for the peer itself are not worth an answer.
      const patience = setTimeout(() => session.destroy(), 50);
      await Promise.all(asked);
      clearTimeout(patience);
    }
    assert.ok(answered > 100, "they reach somebody");
    await node.destroy();
  });
});

function random(bytes: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)));
}

Deno.test("a handshake that is cut short harms nobody", async () => {
  await withVictim(async ({ bootstrap, victim }) => {
    const node = await openAskingNode(bootstrap);
    const { createHandshake } = node.createServer();
    let sent = 0;
    const stream = node.connect(Buffer.from(victim.id, "hex"), {
      keyPair: keysOf(createIdentity()),
      createHandshake(keyPair: object, key: Buffer) {
        const handshake = createHandshake(keyPair, key);
        const send = handshake.send.bind(handshake);
        // Up to the stranger's key all is as it should be; what it says of itself is less than its seal.
        handshake.send = (payload) => {
          sent++;
          return send(payload).subarray(0, 32 + 48 + 5);
        };
        return handshake;
      },
    });
    stream.on("error", () => {});
    await until(() => sent > 0, "it left");
    const whole = node.connect(Buffer.from(victim.id, "hex"), {
      keyPair: keysOf(createIdentity()),
    });
    whole.on("error", () => {});
    await new Promise<void>((resolve) => whole.on("open", resolve));
    whole.destroy();
    stream.destroy();
    await node.destroy();
  });
});

Deno.test("who repeats a peer's handshake, or has its keys and not the cluster's, does not end its stream", async () => {
  await withVictim(async ({ bootstrap, victim, neighbour, refused }) => {
    const node = await openAskingNode(bootstrap);
    const stream = node.connect(Buffer.from(victim.id, "hex"), { keyPair: keysOf(neighbour) });
    stream.on("error", () => {});
    await until(() => refused("timeout") === 1, "it was refused");
    stream.destroy();
    await node.destroy();
  });
});

Deno.test("the addon that is bound to libuv is never loaded, the encryption's is", () => {
  const loaded = Deno.readTextFileSync("/proc/self/maps");
  assert.match(loaded, /sodium-native\.node/);
  assert.doesNotMatch(loaded, /udx-native\.node/);
});
