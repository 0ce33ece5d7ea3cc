/** The transport over TCP: the suite of all transports, and what only sockets can show. */
import assert from "node:assert/strict";
import type { TcpTransport } from "../../src/net/tcp_transport.ts";
import { RequestError, type Transport } from "../../src/net/transport.ts";
import { LIMITS } from "../../src/limits.ts";
import { SkeinError } from "../../src/errors.ts";
import type { Clock, Timer } from "../../src/clock.ts";
import { limitMs } from "../speed_limit.ts";
import { fasterClock, REAL_CLOCK, until } from "./real_time.ts";
import { TcpProxy } from "./tcp_proxy.ts";
import { type ClusterUnderTest, testTransport } from "./transport_conformance.ts";
import {
  addressOf,
  helloOf,
  identitiesInOrder,
  newTransport,
  RecordingHandlers,
} from "./transports.ts";

/** Every transport is dialled through a proxy of its own, where connections can be broken. */
async function createCluster(count: number): Promise<ClusterUnderTest> {
  const transports = identitiesInOrder(count).map((identity, at) =>
    newTransport({ identity, hello: helloOf(String(at)) })
  );
  const proxies = await Promise.all(
    transports.map((transport) => TcpProxy.open(() => transport.listeningPort)),
  );
  const addresses = proxies.map(({ address }) => address);
  return {
    transports,
    connect: () => transports.forEach((transport) => transport.discovered(addresses)),
    until,
    sever: () => proxies.forEach((proxy) => proxy.sever()),
    async close() {
      await Promise.all(transports.map((transport) => transport.close()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

testTransport("tcp", createCluster);

interface Pair {
  readonly low: TcpTransport;
  readonly high: TcpTransport;
  readonly lowHandlers: RecordingHandlers;
  readonly highHandlers: RecordingHandlers;
}

async function withPair(
  run: (pair: Pair) => Promise<void>,
  clock: Clock = REAL_CLOCK,
): Promise<void> {
  const [low, high] = identitiesInOrder(2).map((identity) => newTransport({ identity, clock }));
  const [lowHandlers, highHandlers] = [new RecordingHandlers(), new RecordingHandlers()];
  try {
    await low!.start(lowHandlers);
    await high!.start(highHandlers);
    await run({ low: low!, high: high!, lowHandlers, highHandlers });
  } finally {
    await Promise.all([low!.close(), high!.close()]);
  }
}

function areConnected(...transports: readonly Transport[]): () => boolean {
  return () => transports.every((transport) => transport.peers().length === transports.length - 1);
}

Deno.test("both dialling at once ends with one connection and no loss, every time", async () => {
  for (let round = 0; round < 25; round++) {
    await withPair(async ({ low, high, lowHandlers, highHandlers }) => {
      low.discovered([addressOf(high)]);
      high.discovered([addressOf(low)]);
      await until(areConnected(low, high), "both are connected");
      const answers = Array.from({ length: 50 }, (_, index) => {
        low.send(high.self, "topic", index);
        return high.request(low.self, "echo", index, 10_000);
      });
      assert.deepEqual(await Promise.all(answers), answers.map((_, index) => index));
      await until(() => highHandlers.bodies().length >= 50, "all messages arrived");
      assert.deepEqual(highHandlers.bodies(), answers.map((_, index) => index));
      for (const handlers of [lowHandlers, highHandlers]) {
        assert.deepEqual(
          [handlers.count("connected"), handlers.count("disconnected")],
          [1, 0],
          `round ${round}`,
        );
      }
    });
  }
});

for (const dialler of ["low", "high"] as const) {
  Deno.test(`several addresses of one peer, dialled by the ${dialler} one, give one connection`, async () => {
    await withPair(async (pair) => {
      const other = dialler === "low" ? pair.high : pair.low;
      const port = other.listeningPort;
      pair[dialler].discovered([`127.0.0.1:${port}`, `localhost:${port}`]);
      await until(areConnected(pair.low, pair.high), "both are connected");
      const bothKnown = (): boolean =>
        [`127.0.0.1:${port}`, `localhost:${port}`].every((address) =>
          pair[dialler].peerAt(address) === other.self
        );
      await until(bothKnown, "both addresses were tried");
      assert.equal(await pair.low.request(pair.high.self, "echo", 1, 5_000), 1);
      for (const handlers of [pair.lowHandlers, pair.highHandlers]) {
        assert.deepEqual([handlers.count("connected"), handlers.count("disconnected")], [1, 0]);
      }
    });
  });
}

Deno.test("an address that leads to this peer itself is recognised and left alone", async () => {
  await withPair(async ({ low, high }) => {
    low.discovered([addressOf(low), addressOf(high)]);
    await until(() => low.ownAddresses.size === 1, "its own address is known");
    assert.deepEqual([...low.ownAddresses], [addressOf(low)]);
    assert.equal(low.statistics().handshakesRefused.self, 1);
    await until(areConnected(low, high), "the other is connected");
    low.discovered([addressOf(low), addressOf(high)]);
    await low.request(high.self, "echo", 1, 5_000);
    assert.equal(low.statistics().handshakesRefused.self, 1);
  });
});

Deno.test("another process with the same identity is refused, and the log says so", async () => {
  const [identity] = identitiesInOrder(1);
  const lines: string[] = [];
  const logger = { log: (_level: string, line: string) => void lines.push(line) };
  const first = newTransport({ identity: identity!, logger });
  const second = newTransport({ identity: identity!, logger });
  try {
    await first.start(new RecordingHandlers());
    await second.start(new RecordingHandlers());
    second.discovered([addressOf(first)]);
    await until(() => first.statistics().handshakesRefused.identity! > 0, "it was refused");
    assert(lines.some((line) => line.includes("another process has this peer's identity")));
    assert.deepEqual([...second.ownAddresses], []);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

Deno.test("a peer that is restarted with its identity replaces its former self", async () => {
  const [low, high] = identitiesInOrder(2);
  for (const [staying, returning] of [[low!, high!], [high!, low!]]) {
    const stayer = newTransport({ identity: staying! });
    const handlers = new RecordingHandlers();
    await stayer.start(handlers);
    const options = { identity: returning!, peers: [addressOf(stayer)] };
    const former = newTransport(options);
    const later = newTransport({ ...options, hello: helloOf("later") });
    try {
      await former.start(new RecordingHandlers());
      await until(areConnected(former, stayer), "the former process is connected");
      // The former process still holds its end, as one whose machine lost power would.
      await later.start(new RecordingHandlers());
      await until(() => stayer.peers()[0]?.hello.name === "later", "the new process replaced it");
      await former.close();
      await until(areConnected(later, stayer), "and stays connected");
      assert.equal(await stayer.request(later.self, "echo", "x", 5_000), "x");
      assert.equal(stayer.peers()[0]!.hello.name, "later");
    } finally {
      await Promise.all([stayer.close(), former.close(), later.close()]);
    }
  }
});

Deno.test("a connection that died without a word is noticed, and a new one carries on", async () => {
  await withPair(async ({ low, high, lowHandlers }) => {
    const proxy = await TcpProxy.open(() => high.listeningPort);
    try {
      low.discovered([proxy.address]);
      await until(areConnected(low, high), "both are connected");
      proxy.stalled = true;
      await until(() => lowHandlers.count("disconnected") === 1, "the silence was noticed");
      proxy.stalled = false;
      await until(areConnected(low, high), "they are connected again");
      assert.equal(await low.request(high.self, "echo", 5, 5_000), 5);
    } finally {
      await proxy.close();
    }
  }, fasterClock(10));
});

Deno.test("three that start together are all connected within a second", async () => {
  const transports = identitiesInOrder(3).map((identity) => newTransport({ identity }));
  const addresses: string[] = [];
  try {
    const begun = performance.now();
    for (const transport of transports) {
      await transport.start(new RecordingHandlers());
      addresses.push(addressOf(transport));
      for (const each of transports.slice(0, addresses.length)) each.discovered(addresses);
    }
    await until(areConnected(...transports), "all are connected");
    assert(performance.now() - begun < limitMs(1_000));
  } finally {
    await Promise.all(transports.map((transport) => transport.close()));
  }
});

Deno.test("a peer that comes late is found by those that kept dialling", async () => {
  const late = newTransport();
  await late.start(new RecordingHandlers());
  const address = addressOf(late);
  const { listeningPort } = late;
  await late.close();
  let timers = 0;
  const timer = (delayMs: number, fire: () => void): Timer => {
    timers++;
    return REAL_CLOCK.timer(delayMs, fire);
  };
  const early = newTransport({ peers: [address], clock: { ...REAL_CLOCK, timer } });
  const returned = newTransport({ listen: { host: "127.0.0.1", port: listeningPort } });
  try {
    await early.start(new RecordingHandlers());
    await until(() => timers > 8, "it was dialled in vain several times");
    await returned.start(new RecordingHandlers());
    await until(areConnected(early, returned), "it was found");
  } finally {
    await Promise.all([early.close(), returned.close()]);
  }
});

Deno.test("what is larger than a frame is refused where it is sent, and harms nothing", async () => {
  await withPair(async ({ low, high, highHandlers }) => {
    low.discovered([addressOf(high)]);
    await until(areConnected(low, high), "both are connected");
    const huge = new Uint8Array(LIMITS.frameBytesMax);
    assert.equal(low.send(high.self, "topic", huge), false);
    await assert.rejects(
      low.request(high.self, "echo", huge, 5_000),
      isRequestError("unreachable"),
    );
    highHandlers.answer = () => Promise.resolve(huge);
    await assert.rejects(low.request(high.self, "huge answer", null, 5_000), (error) => {
      assert(error instanceof RequestError);
      return error.code === "PAYLOAD_TOO_LARGE";
    });
    highHandlers.answer = () => Promise.resolve(huge.subarray(100));
    const answer = await low.request(high.self, "just fits", null, 5_000);
    assert.equal((answer as Uint8Array).length, huge.length - 100);
  });
});

Deno.test("requests past the bound are refused here, and others go on", async () => {
  await withPair(async ({ low, high, highHandlers }) => {
    low.discovered([addressOf(high)]);
    await until(areConnected(low, high), "both are connected");
    highHandlers.answer = () => new Promise(() => {});
    const open = Array.from(
      { length: LIMITS.peerRequestsMax },
      () => low.request(high.self, "wait", null, 60_000),
    );
    const lost = Promise.allSettled(open);
    await assert.rejects(
      low.request(high.self, "more", null, 60_000),
      isRequestError("unreachable"),
    );
    assert(low.send(high.self, "topic", "a message is no request"));
    await low.close();
    for (const { status } of await lost) assert.equal(status, "rejected");
  });
});

Deno.test("handlers that throw are our bug: logged, answered INTERNAL, and nobody is hurt", async () => {
  const lines: string[] = [];
  const logger = { log: (level: string, line: string) => void lines.push(`${level} ${line}`) };
  const left = newTransport({ logger });
  const right = newTransport();
  const handlers = new RecordingHandlers();
  handlers.message = () => {
    throw new Error("a broken handler");
  };
  handlers.answer = (_from, method, body) => {
    if (method === "throw") throw new SkeinError("CONFLICT", "thrown, not rejected");
    return Promise.resolve(method === "unencodable" ? () => {} : body);
  };
  try {
    await left.start(handlers);
    await right.start(new RecordingHandlers());
    right.discovered([addressOf(left)]);
    await until(areConnected(left, right), "both are connected");
    right.send(left.self, "topic", 1);
    await assert.rejects(right.request(left.self, "throw", 1, 5_000), { code: "CONFLICT" });
    await assert.rejects(right.request(left.self, "unencodable", 1, 5_000), { code: "INTERNAL" });
    assert.equal(await right.request(left.self, "echo", 1, 5_000), 1);
    assert(lines.some((line) => line.startsWith("error") && line.includes("a broken handler")));
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
});

Deno.test("what was sent before close still arrives", async () => {
  await withPair(async ({ low, high, highHandlers }) => {
    low.discovered([addressOf(high)]);
    await until(areConnected(low, high), "both are connected");
    for (let index = 0; index < 100; index++) low.send(high.self, "topic", index);
    await low.close();
    await until(() => highHandlers.bodies().length === 100, "all arrived");
  });
});

Deno.test("a port that is taken is an error of start", async () => {
  const first = newTransport();
  await first.start(new RecordingHandlers());
  const second = newTransport({ listen: { host: "127.0.0.1", port: first.listeningPort } });
  try {
    await assert.rejects(second.start(new RecordingHandlers()), { code: "EADDRINUSE" });
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

function isRequestError(reason: RequestError["reason"]): (error: unknown) => boolean {
  return (error) => error instanceof RequestError && error.reason === reason;
}
