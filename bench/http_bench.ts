/**
 * What HTTP adds to an operation on a lock or the queue. `deno bench -A bench/http_bench.ts`. The application alone, without a
 * socket (the Request is made anew each time, and "Request and Response alone" says what that costs);
 * then over loopback, one request after another on one connection, so the socket's round trip is in it.
 */
import { buildApp } from "../src/http/app.ts";
import { startHttp } from "../src/http/server.ts";
import type { Locks } from "../src/locks/locks.ts";
import type { PublishedItem, Queue, SettleResult } from "../src/queue/queue.ts";
import { delivery } from "../tests/http/fake_queue.ts";
import { FakePeer, GRANT, HOLDER, httpOptions } from "../tests/http/fake_peer.ts";

const NATIVE = '{"resource":"resource-1","owner":"client-1","timeout":0,"ttl":30}';
const SECOND = '{"lock_name":"resource-1","client_id":"client-1","timeout":30}';
const HEADERS = { "content-length": String(NATIVE.length) };

const PUBLISHED: PublishedItem = { ok: true, id: "skein-3-0-17", duplicate: false };
const SETTLED: SettleResult = { ok: true };

/** The fake without its memory, which would grow with every iteration. */
function forgetful(): FakePeer {
  const fake = new FakePeer();
  const deliveries = Array(100).fill(delivery(JSON.stringify("x".repeat(98))));
  const queue: Partial<Queue> = {
    publish: ({ items }) => Promise.resolve(items.map(() => PUBLISHED)),
    consume: () => Promise.resolve(deliveries),
    acknowledge: (request) => Promise.resolve(request.deliveries.map(() => SETTLED)),
  };
  Object.assign(fake.queue, queue);
  const answers: Partial<Locks> = {
    acquire: () => Promise.resolve(GRANT),
    status: () => Promise.resolve({ resource: "resource-1", holders: [HOLDER], waiters: [] }),
  };
  Object.assign(fake.locks, answers);
  return fake;
}

const app = buildApp(forgetful().asPeer(), httpOptions());

function request(body: string): Request {
  return new Request("http://127.0.0.1:8001/lock/acquire", {
    method: "POST",
    headers: HEADERS,
    body,
  });
}

Deno.bench("Request and Response alone", { group: "app", baseline: true }, async () => {
  const read = await request(NATIVE).arrayBuffer();
  await new Response(read.byteLength > 0 ? NATIVE : "").text();
});

Deno.bench("acquire, native fields", { group: "app" }, async () => {
  await (await app.fetch(request(NATIVE))).text();
});

Deno.bench("acquire, second dialect", { group: "app" }, async () => {
  await (await app.fetch(request(SECOND))).text();
});

Deno.bench("acquire, refused by its schema", { group: "app" }, async () => {
  await (await app.fetch(request('{"resource":"resource-1","owner":7}'))).text();
});

Deno.bench("lock status", { group: "app" }, async () => {
  const response = await app.fetch(
    new Request("http://127.0.0.1:8001/lock/status?resource=resource-1&stale=true"),
  );
  await response.text();
});

const DATA = "x".repeat(98);
const ONE = JSON.stringify({ topic: "orders", data: DATA });
const HUNDRED = JSON.stringify({ topic: "orders", messages: Array(100).fill({ data: DATA }) });
const HUNDRED_WITH_IDS = JSON.stringify({
  topic: "orders",
  messages: Array.from({ length: 100 }, (_, place) => ({ id: `order-${place}`, data: DATA })),
});
const CONSUME = '{"topic":"orders","max":100}';
const ACK = JSON.stringify({
  topic: "orders",
  deliveries: Array.from({ length: 100 }, (_, place) => ({ receipt: `3-0-${place}-21` })),
});

function queueRequest(path: string, body: string): Request {
  return new Request(`http://127.0.0.1:8001/queue/${path}`, {
    method: "POST",
    headers: { "content-length": String(body.length) },
    body,
  });
}

for (
  const [name, path, body] of [
    ["publish", "publish", ONE],
    ["publish 100", "publish", HUNDRED],
    ["publish 100 with ids", "publish", HUNDRED_WITH_IDS],
    ["consume 100", "consume", CONSUME],
    ["acknowledge 100", "ack", ACK],
  ] as const
) {
  Deno.bench(
    `queue, ${name}: Request and Response alone`,
    { group: name, baseline: true },
    async () => {
      const read = await queueRequest(path, body).arrayBuffer();
      await new Response(read.byteLength > 0 ? body : "").text();
    },
  );
  Deno.bench(`queue, ${name}`, { group: name }, async () => {
    await (await app.fetch(queueRequest(path, body))).text();
  });
}

const constant = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  () => new Response('{"success":true}', { headers: { "content-type": "application/json" } }),
);
const server = await startHttp(
  forgetful().asPeer(),
  // 127.1 is this machine as well, but served by node:http.
  httpOptions({ listeners: [{ host: "127.0.0.1", port: 0 }, { host: "127.1", port: 0 }] }),
);

/** One keep-alive connection; every answer fits one read. */
async function roundTrips(port: number): Promise<() => Promise<void>> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay();
  const head =
    `POST /lock/acquire HTTP/1.1\r\nHost: here\r\nContent-Length: ${NATIVE.length}\r\n\r\n`;
  const bytes = new TextEncoder().encode(head + NATIVE);
  const buffer = new Uint8Array(4096);
  return async () => {
    await connection.write(bytes);
    await connection.read(buffer);
  };
}

const [loopback, network] = server.addresses;
const overConstant = await roundTrips(constant.addr.port);
const overLoopback = await roundTrips(loopback!.port);
const overNetwork = await roundTrips(network!.port);

Deno.bench("a constant answer, Deno.serve", { group: "loopback", baseline: true }, overConstant);
Deno.bench("acquire, Deno.serve", { group: "loopback" }, overLoopback);
Deno.bench("acquire, node:http", { group: "loopback" }, overNetwork);
