/** Whom Hyperswarm tries where the topic is full of peers that are none, on a DHT that only remembers what it is asked. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { BoundedSwarm } from "../../src/discovery/bounded_swarm.ts";

const TOPIC = Buffer.alloc(32);
const TRUE_PEER = keyOf(1_000_000);

function keyOf(number: number): Buffer {
  const key = Buffer.alloc(32);
  key.writeUInt32LE(number);
  return key;
}

class Attempt extends EventEmitter {
  readonly remotePublicKey: Buffer;

  constructor(remotePublicKey: Buffer) {
    super();
    this.remotePublicKey = remotePublicKey;
  }

  sendKeepAlive(): void {}
}

/** A swarm, and the attempts that it makes. */
function createScene(isConnected: (peer: string) => boolean = () => false) {
  const open = new Set<Attempt>();
  const tried: string[] = [];
  const dht = Object.assign(new EventEmitter(), {
    createServer: () => ({ close() {} }),
    /** Nobody is named but by the test. */
    lookup: () => Object.assign([], { closestNodes: [], destroy() {} }),
    destroy() {},
    connect(key: Buffer) {
      const attempt = new Attempt(key);
      open.add(attempt);
      tried.push(key.toString("hex"));
      return attempt;
    },
  });
  const swarm = new BoundedSwarm(isConnected, {
    dht,
    keyPair: { publicKey: Buffer.alloc(32, 1), secretKey: Buffer.alloc(64, 1) },
  });
  swarm.join(TOPIC, { client: true, server: false });
  return {
    swarm,
    open,
    tried,
    name: (key: Buffer) => swarm._handlePeer({ publicKey: key }, TOPIC),
    /** The attempts that are under way come to nothing. */
    fail() {
      for (const attempt of [...open]) {
        open.delete(attempt);
        attempt.emit("close");
      }
    },
  };
}

Deno.test("peers that are none, without end: those that are known and those that are tried are bounded", async () => {
  const { swarm, open, name, fail } = createScene();
  for (let number = 0; number < 5_000; number++) {
    name(keyOf(number));
    if (number % 100 === 0) fail();
    assert.ok(swarm.peers.size <= 256 && open.size <= 16);
  }
  assert.equal(open.size, 16);
  await swarm.destroy();
});

Deno.test("a true peer among them has its turn, and few of them another before", async () => {
  const { swarm, open, tried, name, fail } = createScene();
  for (let number = 0; number < 200; number++) name(keyOf(number));
  name(TRUE_PEER);
  while (open.size > 0) fail();
  assert.equal(tried.length, 201);
  assert.ok(tried.includes(TRUE_PEER.toString("hex")));
  // The first of them came when there was no crowd yet; they are tried again, the others forgotten.
  assert.ok(swarm.peers.size > 0 && swarm.peers.size <= 64, `${swarm.peers.size} are known`);
  await swarm.destroy();
});

Deno.test("a peer that is connected is not tried, however often the DHT names it", async () => {
  const connected = TRUE_PEER.toString("hex");
  const { swarm, tried, name } = createScene((peer) => peer === connected);
  for (let round = 0; round < 5; round++) name(TRUE_PEER);
  assert.deepEqual([tried, swarm.peers.size], [[], 0]);
  await swarm.destroy();
});
