/**
 * What every implementation of `Transport` must do, as one suite. `tcp_transport_test.ts` runs it over real
 * sockets; the simulator's transport can run it over virtual ones, with its faults turned off. A cluster
 * under test says how time passes, by `until`.
 */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { RequestError, type Transport } from "../../src/net/transport.ts";
import { helloOf, RecordingHandlers } from "./transports.ts";

export interface ClusterUnderTest {
  /** In the order of their ids; not started. */
  readonly transports: readonly Transport[];
  /** Makes every transport find every other, once all are started. */
  connect(): void;
  /** Lets time pass until the condition holds. @throws {Error} by rejection when it never does */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Breaks the connection between two of them, as a network would; it may come back at once. */
  sever(left: Transport, right: Transport): void;
  close(): Promise<void>;
}

interface Started {
  readonly cluster: ClusterUnderTest;
  readonly transports: readonly Transport[];
  readonly handlers: readonly RecordingHandlers[];
}

/** @param create a cluster of so many transports, all with the hello `helloOf(String(index))` */
export function testTransport(
  name: string,
  create: (count: number) => Promise<ClusterUnderTest>,
): void {
  const test = (what: string, count: number, run: (started: Started) => Promise<void>): void => {
    Deno.test(`${name}: ${what}`, async () => {
      const cluster = await create(count);
      try {
        const { transports } = cluster;
        const handlers = transports.map(() => new RecordingHandlers());
        await Promise.all(transports.map((transport, at) => transport.start(handlers[at]!)));
        cluster.connect();
        const isMesh = (): boolean =>
          transports.every((transport) => transport.peers().length === count - 1);
        await cluster.until(isMesh, "every transport is connected to every other");
        await run({ cluster, transports, handlers });
      } finally {
        await cluster.close();
      }
    });
  };

  test("all meet, and each hears of each other once, with its hello", 4, async ({
    transports,
    handlers,
  }) => {
    for (const [at, transport] of transports.entries()) {
      const others = transports.filter((other) => other !== transport).map(({ self }) => self);
      assert.deepEqual(transport.peers().map(({ id }) => id).sort(), others.sort());
      assert.equal(handlers[at]!.count("connected"), others.length);
      for (const { id, hello } of transport.peers()) {
        const index = transports.findIndex(({ self }) => self === id);
        assert.deepEqual(hello, helloOf(String(index)));
      }
    }
    await Promise.resolve();
  });

  test("messages arrive whole, in order, from whom they are", 2, async ({
    cluster,
    transports: [left, right],
    handlers: [, heard],
  }) => {
    const bodies = Array.from({ length: 500 }, (_, index) => ({
      index,
      text: "ü".repeat(index),
      bytes: new Uint8Array(index).fill(index),
    }));
    for (const body of bodies) assert(left!.send(right!.self, "topic", body));
    await cluster.until(() => heard!.bodies().length === bodies.length, "all messages arrived");
    assert.deepEqual(heard!.bodies(), bodies);
    for (const one of heard!.heard) {
      if (one.kind !== "message") continue;
      assert.equal(one.from, left!.self);
      assert.equal(one.topic, "topic");
    }
  });

  test("what is sent is the value at that moment", 2, async ({
    cluster,
    transports: [left, right],
    handlers: [, heard],
  }) => {
    const body = { bytes: Uint8Array.of(1, 2, 3) };
    left!.send(right!.self, "topic", body);
    body.bytes.fill(9);
    await cluster.until(() => heard!.bodies().length === 1, "the message arrived");
    assert.deepEqual(heard!.bodies(), [{ bytes: Uint8Array.of(1, 2, 3) }]);
  });

  test("requests are answered, each with its own answer, in both directions", 2, async ({
    cluster,
    transports: [left, right],
    handlers,
  }) => {
    for (const each of handlers) {
      each.answer = (from, method, body) => Promise.resolve({ from, method, body });
    }
    const asked = Array.from({ length: 200 }, (_, index) => {
      const [from, to] = index % 2 === 0 ? [left!, right!] : [right!, left!];
      const expected = { from: from.self, method: `method ${index}`, body: [index] };
      const answer = from.request(to.self, expected.method, expected.body, 60_000);
      return { expected, answer };
    });
    let answered = 0;
    for (const { answer } of asked) answer.then(() => answered++, () => answered++);
    await cluster.until(() => answered === asked.length, "all requests were answered");
    for (const { expected, answer } of asked) assert.deepEqual(await answer, expected);
  });

  test("a refusal carries code, message and details; other errors say nothing", 2, async ({
    cluster,
    transports: [left, right],
    handlers: [, handlers],
  }) => {
    handlers!.answer = (_from, method) =>
      Promise.reject(
        method === "expected"
          ? new SkeinError("NOT_LEADER", "ask the leader", { leader: "x" })
          : new Error("a secret of the implementation"),
      );
    const expected = await rejectionOf(cluster, left!.request(right!.self, "expected", 1, 60_000));
    assert.deepEqual(
      [expected.reason, expected.code, expected.message, expected.details],
      ["refused", "NOT_LEADER", "ask the leader", { leader: "x" }],
    );
    const bug = await rejectionOf(cluster, left!.request(right!.self, "bug", 1, 60_000));
    assert.deepEqual([bug.reason, bug.code], ["refused", "INTERNAL"]);
    assert(!bug.message.includes("secret"));
  });

  test("a request without an answer ends at its timeout", 2, async ({
    cluster,
    transports: [left, right],
    handlers: [, handlers],
  }) => {
    handlers!.answer = () => new Promise(() => {});
    const error = await rejectionOf(cluster, left!.request(right!.self, "silence", null, 50));
    assert.equal(error.reason, "timeout");
  });

  test("whom nobody knows cannot be reached", 2, async ({ cluster, transports: [left] }) => {
    const stranger = "0".repeat(64);
    assert.equal(left!.send(stranger, "topic", 1), false);
    const error = await rejectionOf(cluster, left!.request(stranger, "method", 1, 1_000));
    assert.equal(error.reason, "unreachable");
  });

  test("a changed hello reaches everyone", 3, async ({ cluster, transports, handlers }) => {
    const hello = helloOf("new", { clusterId: "formed", addresses: ["10.0.0.1:7001"] });
    transports[0]!.announce(hello);
    const others = handlers.slice(1);
    await cluster.until(() => others.every((each) => each.count("updated") === 1), "all heard");
    for (const other of transports.slice(1)) {
      const seen = other.peers().find(({ id }) => id === transports[0]!.self);
      assert.deepEqual(seen!.hello, hello);
    }
  });

  test("a broken connection is told, its requests are lost, and it comes back", 2, async ({
    cluster,
    transports: [left, right],
    handlers: [leftHandlers, rightHandlers],
  }) => {
    let wasAsked = false;
    rightHandlers!.answer = () => {
      wasAsked = true;
      return new Promise(() => {});
    };
    const open = left!.request(right!.self, "never answered", null, 60_000);
    const lost = rejectionOf(cluster, open);
    await cluster.until(() => wasAsked, "the request arrived");
    cluster.sever(left!, right!);
    assert.equal((await lost).reason, "lost");
    await cluster.until(
      () => leftHandlers!.count("connected") === 2 && rightHandlers!.count("connected") === 2,
      "both are connected again",
    );
    assert.equal(leftHandlers!.count("disconnected"), 1);
    assert.equal(rightHandlers!.count("disconnected"), 1);
    assert(left!.send(right!.self, "topic", "again"));
    await cluster.until(() => rightHandlers!.bodies().includes("again"), "it carries messages");
  });

  test("one that closes is missed by the others and hears nothing more", 3, async ({
    cluster,
    transports,
    handlers,
  }) => {
    const [leaving, ...staying] = transports;
    await leaving!.close();
    await cluster.until(
      () => staying.every((transport) => transport.peers().length === 1),
      "the others noticed",
    );
    for (const each of handlers.slice(1)) assert.equal(each.count("disconnected"), 1);
    const heard = handlers[0]!.heard.length;
    for (const transport of staying) assert.equal(transport.send(leaving!.self, "topic", 1), false);
    assert.equal(handlers[0]!.heard.length, heard);
  });
}

/** The error that a request ends with, time passing meanwhile. */
async function rejectionOf(
  cluster: ClusterUnderTest,
  request: Promise<unknown>,
): Promise<RequestError> {
  let outcome: { error: unknown } | null = null;
  request.then(
    (answer) => outcome = { error: new Error(`it was answered: ${JSON.stringify(answer)}`) },
    (error) => outcome = { error },
  );
  await cluster.until(() => outcome !== null, "the request ended");
  const { error } = outcome!;
  assert(error instanceof RequestError, String(error));
  return error;
}
