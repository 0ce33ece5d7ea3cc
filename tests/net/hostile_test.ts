/**
 * What strangers and broken peers can do to a real port: nothing but be refused, counted, and bounded.
 * In every test two honest peers stay connected and go on answering each other.
 */
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { LIMITS } from "../../src/limits.ts";
import { createIdentity, type Identity } from "../../src/net/identity.ts";
import { KIND } from "../../src/net/protocol.ts";
import { openSecretStream } from "../../src/net/secret_stream.ts";
import type { TcpTransport } from "../../src/net/tcp_transport.ts";
import { RawPeer, RawSocket } from "./raw_peer.ts";
import { fasterClock, REAL_CLOCK, until } from "./real_time.ts";
import { TcpProxy } from "./tcp_proxy.ts";
import { addressOf, newTransport, RecordingHandlers } from "./transports.ts";

interface Scene {
  /** Who is attacked. */
  readonly victim: TcpTransport;
  readonly handlers: RecordingHandlers;
  readonly port: number;
  refused(reason: string): number;
  /** An honest round trip between the victim and its neighbour. */
  answersOthers(): Promise<void>;
}

async function withVictim(
  run: (scene: Scene) => Promise<void>,
  clock = REAL_CLOCK,
): Promise<void> {
  const victim = newTransport({ clock });
  const neighbour = newTransport({ clock });
  const handlers = new RecordingHandlers();
  try {
    await victim.start(handlers);
    await neighbour.start(new RecordingHandlers());
    neighbour.discovered([addressOf(victim)]);
    await until(() => victim.peers().length === 1, "the neighbour is connected");
    let serial = 0;
    const answersOthers = async (): Promise<void> => {
      serial++;
      assert.equal(await neighbour.request(victim.self, "echo", serial, 5_000), serial);
      assert.equal(await victim.request(neighbour.self, "echo", serial, 5_000), serial);
      const isLost = handlers.heard.some((heard) =>
        heard.kind === "disconnected" && heard.id === neighbour.self
      );
      assert(!isLost, "the honest connection never broke");
    };
    await run({
      victim,
      handlers,
      port: victim.listeningPort,
      refused: (reason) => victim.statistics().handshakesRefused[reason] ?? 0,
      answersOthers,
    });
    await answersOthers();
  } finally {
    await Promise.all([victim.close(), neighbour.close()]);
  }
}

Deno.test("garbage is refused and counted", async () => {
  await withVictim(async ({ port, refused }) => {
    const short = new RawSocket(port);
    short.write(8, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    await until(() => short.isClosed && refused("garbage") === 1, "the garbage was refused");
    const http = new RawSocket(port);
    http.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until(() => http.isClosed && refused("size") === 1, "a browser was refused");
  });
});

Deno.test("a length of 4 GiB, or of 16 MiB, from a stranger is refused before anything is allocated", async () => {
  await withVictim(async ({ port, refused }) => {
    const before = Deno.memoryUsage().rss;
    const sockets = Array.from({ length: 100 }, () => new RawSocket(port));
    for (const socket of sockets) socket.write(0xff, 0xff, 0xff, 0xff, 1, 2, 3);
    await until(() => sockets.every(({ isClosed }) => isClosed), "all were refused");
    assert.equal(refused("size"), 100);
    assert(Deno.memoryUsage().rss - before < 200 * 1024 * 1024);
  });
});

Deno.test("more than 4 KiB before a proof is refused, in small messages as well", async () => {
  await withVictim(async ({ port, refused }) => {
    const socket = new RawSocket(port);
    socket.write(0x00, 0x10, 0x00);
    await until(() => socket.isClosed && refused("size") === 1, "it was refused");
  });
});

Deno.test("half a handshake times out, dripped byte by byte or not", async () => {
  await withVictim(async ({ port, refused }) => {
    const half = new RawSocket(port);
    half.write(32, 0, 0, 1);
    const dripping = new RawSocket(port);
    const drip = setInterval(() => dripping.write(0), 20);
    await until(() => half.isClosed && dripping.isClosed, "both were given up");
    clearInterval(drip);
    assert(refused("timeout") >= 1);
    const gone = new RawSocket(port);
    gone.write(32, 0, 0, 1);
    gone.socket.end();
    await until(() => refused("aborted") >= 1, "one that leaves is counted too");
  }, fasterClock(10));
});

Deno.test("a peer with another cluster key is refused on both sides", async () => {
  await withVictim(async ({ victim, handlers, refused }) => {
    const lines: string[] = [];
    const stranger = newTransport({
      clusterKey: new TextEncoder().encode("another cluster's key"),
      peers: [addressOf(victim)],
      logger: { log: (level, line) => void lines.push(`${level} ${line}`) },
    });
    try {
      await stranger.start(new RecordingHandlers());
      await until(() => refused("key") > 0, "it was refused");
      await until(() => lines.includes("warn a peer refuses this peer: key"), "it was told why");
      victim.dial([addressOf(stranger)]);
      const refusedThere = (): number => stranger.statistics().handshakesRefused.key ?? 0;
      await until(() => refusedThere() > 0, "the other way round it is refused as well");
      assert.equal(stranger.peers().length, 0);
      assert.equal(handlers.count("connected"), 1);
      victim.dial([]);
    } finally {
      await stranger.close();
    }
  });
});

Deno.test("a peer of the protocol version before is welcome, an older or unknown one is refused", async () => {
  const upgraded = newTransport({ versions: { oldest: 2, newest: 3 } });
  await upgraded.start(new RecordingHandlers());
  try {
    for (
      const [oldest, newest, isWelcome] of [[1, 2, true], [1, 1, false], [4, 5, false]] as const
    ) {
      const other = newTransport({ versions: { oldest, newest }, peers: [addressOf(upgraded)] });
      try {
        await other.start(new RecordingHandlers());
        const before = upgraded.statistics().handshakesRefused.version ?? 0;
        const isRefused = (): boolean =>
          (upgraded.statistics().handshakesRefused.version ?? 0) > before;
        await until(() => other.peers().length === 1 || isRefused(), "it was decided");
        assert.equal(other.peers().length === 1, isWelcome, `versions ${oldest} to ${newest}`);
      } finally {
        await other.close();
      }
    }
  } finally {
    await upgraded.close();
  }
});

Deno.test("a handshake that was recorded and is replayed is refused", async () => {
  await withVictim(async ({ victim, handlers, port, refused }) => {
    const proxy = await TcpProxy.open(() => port);
    const honest = newTransport({ peers: [proxy.address] });
    try {
      await honest.start(new RecordingHandlers());
      await until(() => victim.peers().length === 2, "the honest peer was recorded");
      await honest.close();
      await until(() => victim.peers().length === 1, "it left");
      const before = handlers.count("connected");
      const replay = new RawSocket(port);
      for (const chunk of proxy.recorded[0]!) replay.socket.write(chunk);
      await until(() => replay.isClosed && refused("garbage") === 1, "the replay was refused");
      assert.equal(handlers.count("connected"), before);
    } finally {
      await honest.close();
      await proxy.close();
    }
  });
});

Deno.test("a relay between two honest peers cannot pass their proofs on", async () => {
  await withVictim(async ({ victim, port, refused }) => {
    const relay = createServer((near) => {
      const far = connect({ port, host: "127.0.0.1" });
      const identity = createIdentity();
      const [left, right] = [
        openSecretStream(false, near, identity),
        openSecretStream(true, far, identity),
      ];
      for (const [from, to] of [[left, right], [right, left]] as const) {
        from.on("data", (message) => to.write(message));
        from.on("error", () => {});
        from.on("close", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(relay.address() as { port: number }).port}`;
    const honest = newTransport({ peers: [address] });
    try {
      await honest.start(new RecordingHandlers());
      await until(() => refused("key") > 0, "the proof that was passed on was refused");
      assert.equal(honest.peers().length, 0);
      assert.equal(victim.peers().length, 1);
    } finally {
      await honest.close();
      await new Promise<void>((resolve) => relay.close(() => resolve()));
    }
  });
});

Deno.test("a trusted peer that should speak first and says nothing is given up", async () => {
  await withVictim(async ({ victim, port }) => {
    const peer = await RawPeer.authenticate(port, identityWhere((id) => id < victim.self));
    await until(() => peer.isClosed, "its silence was not waited for");
    assert.equal(victim.peers().length, 1);
  }, fasterClock(10));
});

Deno.test("requests of one peer that are open at once are bounded, and further ones told so", async () => {
  await withVictim(async ({ victim, handlers, port }) => {
    const open: (() => void)[] = [];
    const peer = await RawPeer.join(port, highIdentity(victim.self));
    await until(() => victim.peers().length === 2, "it is taken for a peer");
    handlers.answer = (_from, method, body) =>
      method === "echo"
        ? Promise.resolve(body)
        : new Promise((resolve) => open.push(() => resolve(null)));
    const before = peer.receivedBytes;
    for (let id = 0; id <= LIMITS.peerRequestsMax; id++) {
      peer.sendFrame([KIND.request, id, "wait", null]);
    }
    await until(() => peer.receivedBytes > before, "the last was answered");
    assert.equal(open.length, LIMITS.peerRequestsMax);
    for (const finish of open) finish();
    peer.close();
    await until(() => victim.peers().length === 1, "it left");
  });
});

Deno.test("5,000 idle connections are bounded, and honest peers still get in", async () => {
  await withVictim(async ({ victim, port, refused, answersOthers }) => {
    const sockets: RawSocket[] = [];
    try {
      for (let count = 0; count < 5_000; count++) {
        sockets.push(new RawSocket(port));
        if (count % 100 !== 99) continue;
        const opened = sockets.length;
        await until(
          () => refused("too_many") >= opened - LIMITS.handshakesMax - 1,
          "those beyond the bound were displaced",
        );
        if (count % 1_000 === 999) await answersOthers();
      }
      const open = sockets.filter(({ isClosed }) => !isClosed).length;
      assert(open <= LIMITS.handshakesMax + 100, `${open} of them are open`);
      const honest = newTransport({ peers: [addressOf(victim)] });
      try {
        await honest.start(new RecordingHandlers());
        await until(() => honest.peers().length === 1, "an honest peer gets in meanwhile");
      } finally {
        await honest.close();
      }
    } finally {
      for (const { socket } of sockets) socket.destroy();
      await until(() => sockets.every(({ isClosed }) => isClosed), "all sockets are closed");
    }
  });
});

const MALFORMED: readonly (readonly [string, (peer: RawPeer) => void])[] = [
  ["a frame of 4 GiB", (peer) => peer.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1))],
  ["no msgpack", (peer) => peer.send(Uint8Array.of(0, 0, 0, 1, 0xc1))],
  ["an empty frame", (peer) => peer.send(Uint8Array.of(0, 0, 0, 0))],
  [
    "an array of 4 G elements",
    (peer) => peer.send(Uint8Array.of(0, 0, 0, 5, 0xdd, 0xff, 0xff, 0xff, 0xff)),
  ],
  ["nesting without end", (peer) => {
    const bytes = new Uint8Array(4 + 100_000).fill(0x91);
    new DataView(bytes.buffer).setUint32(0, 100_000);
    peer.send(bytes);
  }],
  ["no array", (peer) => peer.sendFrame({ kind: 0 })],
  ["an unknown kind", (peer) => peer.sendFrame([99])],
  ["a topic that is no text", (peer) => peer.sendFrame([KIND.message, 5, null])],
  ["a request without an id", (peer) => peer.sendFrame([KIND.request, "x", "method", null])],
  ["a hello of the wrong form", (peer) => peer.sendFrame([KIND.hello, { name: 5 }])],
];

for (const [what, attack] of MALFORMED) {
  Deno.test(`${what} from an authenticated peer costs it the connection, and is counted`, async () => {
    await withVictim(async ({ victim, handlers, port }) => {
      // Above every other id, so that the victim speaks first and this peer answers.
      const peer = await RawPeer.join(port, highIdentity(victim.self));
      await until(() => victim.peers().length === 2, "it is taken for a peer");
      attack(peer);
      await until(() => peer.isClosed && victim.peers().length === 1, "it was thrown out");
      assert.equal(victim.statistics().framesMalformed, 1);
      assert.equal(handlers.count("message"), 0);
    });
  });
}

Deno.test("a frame before the hello costs the connection", async () => {
  await withVictim(async ({ victim, port }) => {
    const peer = await RawPeer.authenticate(port, highIdentity(victim.self));
    peer.sendFrame([KIND.message, "topic", 1]);
    await until(() => peer.isClosed, "it was thrown out");
    assert.equal(victim.statistics().framesMalformed, 1);
    assert.equal(victim.peers().length, 1);
  });
});

Deno.test("answers to requests that nobody asked are ignored", async () => {
  await withVictim(async ({ victim, port }) => {
    const peer = await RawPeer.join(port, highIdentity(victim.self));
    for (let id = 0; id < 10; id++) {
      peer.sendFrame([KIND.answer, id, "forged"]);
      peer.sendFrame([KIND.refusal, id, "CODE", "forged", {}]);
    }
    peer.sendFrame([KIND.request, 1, "echo", "still here"]);
    const before = peer.receivedBytes;
    await until(() => peer.receivedBytes > before, "its own request was answered");
    assert.equal(victim.statistics().framesMalformed, 0);
    peer.close();
    await until(() => victim.peers().length === 1, "it left");
  });
});

Deno.test("a frame that comes slowly does not hold up others", async () => {
  await withVictim(async ({ victim, handlers, port, answersOthers }) => {
    const peer = await RawPeer.join(port, highIdentity(victim.self));
    await until(() => victim.peers().length === 2, "it is taken for a peer");
    peer.send(Uint8Array.of(0, 0, 0, 8));
    for (const byte of [0x93, 0x00, 0xa3, 0x61, 0x62, 0x63, 0xcc]) {
      peer.send(Uint8Array.of(byte));
      await answersOthers();
      assert.equal(handlers.count("message"), 0);
    }
    peer.send(Uint8Array.of(200));
    await until(() => handlers.count("message") === 1, "the message arrived at last");
    assert.deepEqual(handlers.bodies(), [200]);
    peer.close();
    await until(() => victim.peers().length === 1, "it left");
  });
});

Deno.test("a peer that stops reading costs a bounded queue: messages are dropped, requests refused", async () => {
  await withVictim(async ({ victim, port, answersOthers }) => {
    const identity = highIdentity(victim.self);
    const peer = await RawPeer.join(port, identity);
    await until(() => victim.peers().length === 2, "it is taken for a peer");
    peer.stopReading();
    const body = new Uint8Array(1024 * 1024);
    let sentBytes = 0;
    while (victim.send(identity.id, "bulk", body)) {
      sentBytes += body.length;
      assert(sentBytes < 2 * LIMITS.sendQueueBytesMax, "the queue has no end");
    }
    await answersOthers();
    while (victim.send(identity.id, "bulk", body)) sentBytes += body.length;
    assert(sentBytes < 2 * LIMITS.sendQueueBytesMax);
    assert(victim.statistics().messagesDropped >= 2);
    await assert.rejects(victim.request(identity.id, "echo", body, 5_000), {
      reason: "unreachable",
    });
    peer.close();
    await until(() => victim.peers().length === 1, "it left");
  });
});

/** An identity above another's, so that the other one decides about the connection. */
function highIdentity(than: string): Identity {
  return identityWhere((id) => id > than);
}

function identityWhere(accepts: (id: string) => boolean): Identity {
  while (true) {
    const identity = createIdentity();
    if (accepts(identity.id)) return identity;
  }
}
