/** Sockets and streams as users hold them, over the machine's own loopback. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { UDX } from "../../src/udx/mod.ts";
import { eventually } from "../eventually.ts";
import { ACCEPT, bound, closeAll, closeOf, connected } from "./loopback.ts";

Deno.test("udx: bytes both ways, an end each, and a close without error", async () => {
  const { left, right, sockets } = connected(new UDX());
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  const sent = new Uint8Array(5_000_000).map((_, at) => at * 7 + (at >> 8));
  const digest = (bytes: Uint8Array[]) => {
    const hash = createHash("sha256");
    for (const chunk of bytes) hash.update(chunk);
    return hash.digest("hex");
  };
  const received = [left, right].map((stream) => {
    const chunks: Uint8Array[] = [];
    stream.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
    return chunks;
  });
  left.end(sent);
  right.end(sent);
  assert.deepEqual(await closes, [null, null]);
  for (const chunks of received) assert.equal(digest(chunks), digest([sent]));
  assert.equal(left.connected, false);
  await closeAll(sockets);
});

Deno.test("udx: destroying one end is ECONNRESET at the other", async () => {
  const { left, right, sockets } = connected(new UDX());
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  left.destroy();
  const [, error] = await closes;
  assert.equal((error as Error & { code: string }).code, "ECONNRESET");
  await closeAll(sockets);
});

Deno.test("udx: datagrams that belong to no stream are the socket's messages", async () => {
  const udx = new UDX();
  const [one, other] = [bound(udx), bound(udx)];
  const got: string[] = [];
  other.on("message", (bytes: Uint8Array, from: { port: number; host: string }) => {
    got.push(`${new TextDecoder().decode(bytes)} ${from.host} ${from.port}`);
  });
  assert.equal(await one.send(new TextEncoder().encode("a"), other.address()!.port), true);
  one.trySend(new TextEncoder().encode("b"), other.address()!.port, "127.0.0.1", 5);
  const port = one.address()!.port;
  await eventually(
    "both datagrams",
    5_000,
    () => assert.deepEqual([...got].sort(), [`a 127.0.0.1 ${port}`, `b 127.0.0.1 ${port}`]),
  );
  await closeAll([one, other]);
  assert.equal(await one.send(new Uint8Array(1), 9), false);
});

Deno.test("udx: a port that is taken cannot be bound, and a socket binds once", async () => {
  const udx = new UDX();
  const one = bound(udx);
  assert.throws(() => udx.createSocket().bind(one.address()!.port, "127.0.0.1"));
  assert.throws(() => one.bind(0, "127.0.0.1"), /Already bound/);
  assert.throws(() => udx.createSocket().bind(0, "nowhere"), /not a valid IP address/);
  await one.close();
  const closed = udx.createSocket();
  await closed.close();
  assert.throws(() => closed.bind(0), /closed/);
});

Deno.test("udx: the firewall is asked of a stream without a socket, and may connect it then", async () => {
  const udx = new UDX();
  const [one, other] = [bound(udx), bound(udx)];
  const asked: string[] = [];
  const right = udx.createStream(2, {
    firewall(socket, port, host, family) {
      asked.push(`${socket === other} ${port} ${host} ${family}`);
      right.connect(socket, 1, port, host);
      return false;
    },
  });
  const left = udx.createStream(1);
  const closed = Promise.all([closeOf(left), closeOf(right)]);
  left.connect(one, 2, other.address()!.port);
  left.end("hello");
  let text = "";
  right.on("data", (chunk: Uint8Array) => void (text += new TextDecoder().decode(chunk)));
  right.on("end", () => void right.end());
  left.on("data", () => {});
  assert.deepEqual(await closed, [null, null]);
  assert.equal(text, "hello");
  assert.deepEqual(asked, [`true ${one.address()!.port} 127.0.0.1 4`]);
  await closeAll([one, other]);
});

Deno.test("udx: a stream without a firewall takes nothing before it is connected", async () => {
  const udx = new UDX();
  const [one, other] = [bound(udx), bound(udx)];
  const [left, right] = [udx.createStream(1), udx.createStream(2)];
  left.connect(one, 2, other.address()!.port);
  left.write("hello");
  await eventually("the packet came", 5_000, () => assert.ok(other.packetsReceived > 0));
  assert.equal(right.packetsReceived, 0);
  right.destroy();
  left.on("error", () => {});
  left.destroy();
  await closeAll([one, other]);
});

Deno.test("udx: flush tells that all was acknowledged", async () => {
  const { left, right, sockets } = connected(new UDX());
  right.on("data", () => {});
  left.write(new Uint8Array(300_000));
  assert.equal(await left.flush(), true);
  assert.equal(right.bytesReceived >= 300_000, true);
  right.on("error", () => {});
  left.destroy();
  assert.equal(await left.flush(), false);
  await eventually("both closed", 5_000, () => assert.ok(right.destroyed));
  await closeAll(sockets);
});

Deno.test("udx: a paused reader holds the writer back", async () => {
  const { left, right, sockets } = connected(new UDX());
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  right.pause();
  let written = 0;
  const total = 30_000_000;
  const more = () => {
    while (written < total) {
      written += 100_000;
      if (!left.write(new Uint8Array(100_000))) return void left.once("drain", more);
    }
    left.end();
  };
  more();
  await eventually("the window closed", 20_000, () => {
    assert.equal(left.core.sender.windowBytes, 0);
  });
  assert.ok(written < total);
  let received = 0;
  right.on("data", (chunk: Uint8Array) => void (received += chunk.length));
  right.on("end", () => void right.end());
  left.on("data", () => {});
  assert.deepEqual(await closes, [null, null]);
  assert.equal(received, total);
  await closeAll(sockets);
});

Deno.test("udx: a thousand streams share one socket", async () => {
  const udx = new UDX();
  const [one, other] = [bound(udx), bound(udx)];
  const streams = 1_000;
  const bytes = 20_000;
  const events: string[] = [];
  for (const event of ["busy", "idle"]) one.on(event, () => void events.push(event));
  const closes: Promise<Error | null>[] = [];
  let received = 0;
  for (let at = 0; at < streams; at++) {
    const left = udx.createStream(2 * at + 1, ACCEPT);
    const right = udx.createStream(2 * at + 2, ACCEPT);
    left.connect(one, 2 * at + 2, other.address()!.port);
    right.connect(other, 2 * at + 1, one.address()!.port);
    right.on("data", (chunk: Uint8Array) => void (received += chunk.length));
    right.on("end", () => void right.end());
    left.on("data", () => {});
    closes.push(closeOf(left), closeOf(right));
    left.end(new Uint8Array(bytes).fill(at));
  }
  assert.equal(one.streams.size, streams);
  assert.throws(() => udx.createStream(1), /exists/);
  for (const error of await Promise.all(closes)) assert.equal(error, null);
  assert.equal(received, streams * bytes);
  assert.deepEqual(events, ["busy", "idle"]);
  await closeAll([one, other]);
});

Deno.test("udx: a stream moves to another socket while it carries", async () => {
  const udx = new UDX();
  const [one, two, other] = [bound(udx), bound(udx), bound(udx)];
  const [left, right] = [udx.createStream(1), udx.createStream(2, ACCEPT)];
  left.connect(one, 2, other.address()!.port);
  right.connect(other, 1, one.address()!.port);
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  let received = 0;
  right.on("data", (chunk: Uint8Array) => void (received += chunk.length));
  right.on("end", () => void right.end());
  left.on("data", () => {});
  left.write(new Uint8Array(2_000_000));
  await eventually("some came", 5_000, () => assert.ok(received > 100_000));
  const firewalled = left.changeRemote(two, 2, other.address()!.port);
  const moved = right.changeRemote(other, 1, two.address()!.port);
  await Promise.all([firewalled, moved]);
  assert.equal(one.idle, true);
  assert.equal(left.localPort, two.address()!.port);
  left.end(new Uint8Array(1_000_000));
  assert.deepEqual(await closes, [null, null]);
  assert.equal(received, 3_000_000);
  await closeAll([one, two, other]);
});

Deno.test("udx: interfaces are told, watched and unwatched", async () => {
  const udx = new UDX();
  const loopback = udx.networkInterfaces().find(({ host }) => host === "127.0.0.1")!;
  assert.equal(loopback.internal, true);
  assert.equal(loopback.family, 4);
  const watch = udx.watchNetworkInterfaces();
  assert.ok([...watch].length > 0);
  await watch.destroy();
  assert.deepEqual(await udx.lookup("localhost", { family: 4 }), { host: "127.0.0.1", family: 4 });
});
