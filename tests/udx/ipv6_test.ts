/** The same over IPv6, and IPv4 on sockets of IPv6. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { UDX } from "../../src/udx/mod.ts";
import { eventually } from "../eventually.ts";
import { bound, closeAll, closeOf, connected } from "./loopback.ts";

const LOOPBACK = "::1";
const here = new UDX().networkInterfaces().some(({ host }) => host === LOOPBACK);

function test(name: string, run: () => Promise<void>): void {
  Deno.test({ name: `udx over IPv6: ${name}`, ignore: !here, fn: run });
}

test("bytes both ways, an end each, and every place tells the family", async () => {
  const { left, right, sockets } = connected(new UDX(), LOOPBACK);
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  const [one, other] = sockets as [typeof sockets[0], typeof sockets[0]];
  assert.deepEqual(one!.address(), { host: LOOPBACK, family: 6, port: one!.address()!.port });
  assert.deepEqual([left.remoteHost, left.remoteFamily], [LOOPBACK, 6]);
  assert.deepEqual([left.localHost, left.localFamily], [LOOPBACK, 6]);
  assert.equal(left.remotePort, other!.address()!.port);
  const bytes = 3_000_000;
  let [toLeft, toRight] = [0, 0];
  left.on("data", (chunk: Uint8Array) => void (toLeft += chunk.length));
  right.on("data", (chunk: Uint8Array) => void (toRight += chunk.length));
  left.write(new Uint8Array(bytes));
  assert.equal(await left.flush(), true);
  assert.ok(left.mtu > BOUNDS.mtuBaseBytes, `${left.mtu}`);
  left.end();
  right.end(new Uint8Array(bytes));
  assert.deepEqual(await closes, [null, null]);
  assert.deepEqual([toLeft, toRight], [bytes, bytes]);
  await closeAll(sockets);
});

test("datagrams, and the firewall, are told where they come from", async () => {
  const udx = new UDX();
  const [one, other] = [bound(udx, LOOPBACK), bound(udx, LOOPBACK)];
  const got: string[] = [];
  other.on("message", (bytes: Uint8Array, from: { host: string; family: number; port: number }) => {
    got.push(`${new TextDecoder().decode(bytes)} ${from.host} ${from.family} ${from.port}`);
  });
  const { port } = one.address()!;
  assert.equal(
    await one.send(new TextEncoder().encode("a"), other.address()!.port, LOOPBACK),
    true,
  );
  await eventually("the datagram", 5_000, () => assert.deepEqual(got, [`a ${LOOPBACK} 6 ${port}`]));

  const asked: unknown[] = [];
  const right = udx.createStream(2, {
    firewall(socket, from, host, family) {
      asked.push([from, host, family]);
      right.connect(socket, 1, from, host);
      return false;
    },
  });
  const left = udx.createStream(1);
  const closes = Promise.all([closeOf(left), closeOf(right)]);
  left.connect(one, 2, other.address()!.port, LOOPBACK);
  left.on("data", () => {});
  right.on("data", () => {});
  right.on("end", () => void right.end());
  left.end("hello");
  assert.deepEqual(await closes, [null, null]);
  assert.deepEqual(asked, [[port, LOOPBACK, 6]]);
  await closeAll([one, other]);
});

test("a socket of all addresses speaks both families, and shows IPv4 as such", async () => {
  const udx = new UDX();
  const both = udx.createSocket();
  both.bind(0);
  assert.deepEqual([both.address()!.host, both.address()!.family], ["::", 6]);
  const sockets = [bound(udx, "127.0.0.1"), bound(udx, LOOPBACK)] as const;
  const got: string[] = [];
  both.on("message", (_: Uint8Array, { host, family }: { host: string; family: number }) => {
    got.push(`${host} ${family}`);
  });
  for (const socket of sockets) {
    const { host } = socket.address()!;
    socket.trySend(new Uint8Array(1), both.address()!.port, host);
  }
  await eventually(
    "a datagram of each family",
    5_000,
    () => assert.deepEqual([...got].sort(), ["127.0.0.1 4", `${LOOPBACK} 6`]),
  );
  for (const [at, socket] of sockets.entries()) {
    const { host, family, port } = socket.address()!;
    const [left, right] = [udx.createStream(10 + at), udx.createStream(20 + at)];
    const closes = Promise.all([closeOf(left), closeOf(right)]);
    left.connect(both, 20 + at, port, host);
    right.connect(socket, 10 + at, both.address()!.port, host);
    assert.equal(left.remoteFamily, family);
    let received = 0;
    right.on("data", (chunk: Uint8Array) => void (received += chunk.length));
    left.on("data", () => {});
    left.end(new Uint8Array(100_000));
    right.end();
    assert.deepEqual(await closes, [null, null]);
    assert.equal(received, 100_000);
  }
  await closeAll([both, ...sockets]);
});

test("interfaces and names are found", async () => {
  const udx = new UDX();
  const loopback = udx.networkInterfaces().find(({ host }) => host === LOOPBACK)!;
  assert.deepEqual([loopback.family, loopback.internal], [6, true]);
  assert.deepEqual(await udx.lookup(LOOPBACK, { family: 6 }), { host: LOOPBACK, family: 6 });
  assert.deepEqual([UDX.isIP(LOOPBACK), UDX.isIPv6(LOOPBACK), UDX.isIPv4(LOOPBACK)], [
    6,
    true,
    false,
  ]);
});
