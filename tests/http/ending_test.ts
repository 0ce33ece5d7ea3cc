/** The end of a server: what callers see of it who are idle, in the middle of a request, late, or new. */
import { equal, match, ok, rejects } from "node:assert/strict";
import { startHttp } from "../../src/http/server.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { FakePeer, GRANT, httpOptions } from "./fake_peer.ts";
import { post, RawClient } from "./raw_client.ts";

const VALID = '{"resource":"printer","owner":"bob"}';
const GRACE_MS = 300;
/** No wait of these tests is meant to last so long. */
const FAR_MS = 60_000;

/** 127.1 is this machine too, but is not taken for a loopback address: so node:http serves it. */
const KINDS = [
  { kind: "Deno.serve", host: "127.0.0.1" },
  { kind: "node:http", host: "127.1" },
] as const;

/** A server whose acquires are answered when the test says so; those of "never" are not. */
async function start(host: string) {
  const fake = new FakePeer();
  const gate = Promise.withResolvers<void>();
  fake.locks.acquireWith = async ({ resource }) => {
    await (resource === "never" ? new Promise(() => {}) : gate.promise);
    return GRANT;
  };
  const options = httpOptions({ listeners: [{ host, port: 0 }], clock: REAL_CLOCK });
  const server = await startHttp(fake.asPeer(), options);
  const { port } = server.addresses[0]!;
  /** A connection on which an acquire is in flight. */
  const inFlight = async (resource: string) => {
    const client = await RawClient.connect(port);
    const before = fake.locks.acquires.length;
    await client.send(post("/lock/acquire", VALID.replace("printer", resource)));
    while (fake.locks.acquires.length === before) await pause();
    return client;
  };
  const idle = async () => {
    const client = await RawClient.connect(port);
    await client.send("GET /health HTTP/1.1\r\nHost: here\r\n\r\n");
    match(await client.until(/\}$/), /^HTTP\/1\.1 200 /);
    return client;
  };
  return { fake, server, port, answerAll: gate.resolve, inFlight, idle };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether the promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  return await Promise.race([promise, pause().then(() => pending)]) !== pending;
}

for (const { kind, host } of KINDS) {
  Deno.test(`${kind}: draining closes idle connections, takes no new one, and waits for the others`, async () => {
    const { fake, server, port, answerAll, inFlight, idle } = await start(host);
    using waiting = await inFlight("printer");
    using resting = await idle();
    fake.draining = true;
    const drained = server.drain({ graceMs: FAR_MS });
    await resting.untilClosed();
    await rejects(Deno.connect({ hostname: "127.0.0.1", port }));
    ok(!await isSettled(drained), "a request is in flight");
    answerAll();
    const answer = await waiting.untilClosed();
    match(answer, /^HTTP\/1\.1 200 [^]*"success":true/);
    match(answer, /\r\nconnection: close\r\n/i);
    await drained;
    await server.stop({ graceMs: FAR_MS });
  });

  Deno.test(`${kind}: while the peer drains each answer says that its connection closes`, async () => {
    const { fake, server, port, answerAll } = await start(host);
    answerAll();
    const connectionOf = async (path: string, body = VALID) => {
      using client = await RawClient.connect(port);
      await client.send(post(path, body));
      const answer = await client.until(/\}$/);
      return /\r\nconnection: (\S+)\r\n/i.exec(answer)?.[1]?.toLowerCase() ?? "kept";
    };
    ok(await connectionOf("/lock/acquire") !== "close");
    fake.draining = true;
    equal(await connectionOf("/lock/acquire"), "close");
    equal(await connectionOf("/lock/renew"), "close");
    equal(await connectionOf("/lock/renew", "no JSON"), "close");
    await server.stop({ graceMs: FAR_MS });
  });

  Deno.test(`${kind}: draining gives up waiting for what is late, and so does stopping`, async () => {
    const { server, port, inFlight } = await start(host);
    using late = await inFlight("never");
    const beganMs = performance.now();
    await server.drain({ graceMs: GRACE_MS });
    await server.stop({ graceMs: GRACE_MS });
    const tookMs = performance.now() - beganMs;
    ok(tookMs > 1.5 * GRACE_MS && tookMs < 20 * GRACE_MS, `${tookMs} ms`);
    await rejects(Deno.connect({ hostname: "127.0.0.1", port }));
    if (kind === "node:http") equal(await late.untilClosed(), "");
  });

  Deno.test(`${kind}: who stops without draining waits for what is in flight all the same`, async () => {
    const { server, answerAll, inFlight } = await start(host);
    using waiting = await inFlight("printer");
    const stopped = server.stop({ graceMs: FAR_MS });
    ok(!await isSettled(stopped));
    answerAll();
    match(await waiting.untilClosed(), /^HTTP\/1\.1 200 /);
    await stopped;
  });
}
