/** Certificates of the listeners: which are refused, and how one takes another's place while requests come. */
import assert from "node:assert/strict";
import type { Answering, Listener } from "../../src/http/listener.ts";
import { listenOnNetwork, RENEWS_TLS } from "../../src/http/network_listener.ts";
import type { HttpOptions } from "../../src/http/options.ts";
import { RelayListener } from "../../src/http/relay_listener.ts";
import { startHttp } from "../../src/http/server.ts";
import { describeCertificate, requireUsable, TlsError } from "../../src/http/tls.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { makeCertificate, type TestCertificate } from "../certificates.ts";
import { eventually } from "../eventually.ts";
import { FakePeer, httpOptions } from "./fake_peer.ts";
import { post, RawClient } from "./raw_client.ts";

const RENEWALS = 20;
const CLIENTS = 4;
const NEVER = new Promise<void>(() => {});

interface Kind {
  readonly kind: string;
  readonly ignore: boolean;
  open(answering: Answering, options: HttpOptions): Promise<Listener>;
}

const ADDRESS = { host: "127.0.0.1", port: 0 };
const KINDS: readonly Kind[] = [
  {
    kind: "node:https",
    // Where it cannot, the other kind stands in for it.
    ignore: !RENEWS_TLS,
    open: (answering, options) => listenOnNetwork(ADDRESS, answering, options),
  },
  {
    kind: "relay",
    ignore: false,
    open: (answering, options) =>
      Promise.resolve(new RelayListener(ADDRESS, answering, options, () => {})),
  },
];

/** A connection whose server has one of these certificates. @throws by rejection where it has not */
async function connect(port: number, ...trusted: readonly TestCertificate[]) {
  const caCerts = trusted.map(({ cert }) => cert);
  const connection = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts });
  try {
    await connection.handshake();
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

async function ask(connection: Deno.TlsConn): Promise<string> {
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: here\r\n\r\n"));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let received = "";
  while (!received.endsWith("hello")) {
    const size = await connection.read(buffer);
    if (size === null) break;
    received += decoder.decode(buffer.subarray(0, size), { stream: true });
  }
  return received.slice(0, "HTTP/1.1 200".length);
}

for (const { kind, ignore, open } of KINDS) {
  const options = (tls: TestCertificate) => httpOptions({ clock: REAL_CLOCK, tls });
  const hello = () => new Response("hello");

  Deno.test(`${kind}: new connections get the new certificate, open ones go on`, {
    ignore,
  }, async () => {
    const [first, second] = [await makeCertificate("first"), await makeCertificate("second")];
    const listener = await open(hello, options(first));
    const { port } = listener.address;
    using before = await connect(port, first);
    assert.equal(await ask(before), "HTTP/1.1 200");
    listener.renewTls!(second);
    using after = await connect(port, second);
    assert.equal(await ask(after), "HTTP/1.1 200");
    await assert.rejects(connect(port, first));
    assert.equal(await ask(before), "HTTP/1.1 200", "the connection that was open goes on");
    await listener.cut();
  });

  Deno.test(`${kind}: over ${RENEWALS} renewals no connection is refused or cut`, {
    ignore,
  }, async () => {
    const pair = [await makeCertificate("even"), await makeCertificate("odd")] as const;
    const listener = await open(hello, options(pair[0]));
    let answered = 0;
    let over = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!over) {
        using connection = await connect(listener.address.port, ...pair);
        assert.equal(await ask(connection), "HTTP/1.1 200");
        answered++;
      }
    });
    for (let renewal = 1; renewal <= RENEWALS; renewal++) {
      const seen = answered;
      listener.renewTls!(pair[renewal % 2]!);
      const fresh = await connect(listener.address.port, pair[renewal % 2]!);
      fresh.close();
      await eventually("requests go on", 10_000, () => assert.ok(answered >= seen + CLIENTS));
    }
    over = true;
    await Promise.all(clients);
    await listener.cut();
  });

  Deno.test(`${kind}: a request that is under way when the certificate changes is answered`, {
    ignore,
  }, async () => {
    const [first, second] = [await makeCertificate("first"), await makeCertificate("second")];
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const listener = await open(async () => {
      asked.resolve();
      await gate.promise;
      return new Response("hello");
    }, options(first));
    using connection = await connect(listener.address.port, first);
    const answer = ask(connection);
    await asked.promise;
    listener.renewTls!(second);
    const closed = listener.close(NEVER);
    gate.resolve();
    assert.equal(await answer, "HTTP/1.1 200");
    await closed;
    await assert.rejects(connect(listener.address.port, second));
  });

  Deno.test(`${kind}: connections past the bound are closed`, { ignore }, async () => {
    const tls = await makeCertificate("bound");
    const listener = await open(hello, { ...options(tls), connectionsMax: 2 });
    const { port } = listener.address;
    const within = [await connect(port, tls), await connect(port, tls)];
    for (const connection of within) assert.equal(await ask(connection), "HTTP/1.1 200");
    await assert.rejects(connect(port, tls));
    within[0]!.close();
    const next = await eventually("a place is free", 10_000, () => connect(port, tls));
    next.close();
    within[1]!.close();
    await listener.cut();
  });
}

Deno.test("a pair that cannot be served with is refused, with the reason", async () => {
  const [one, other] = [await makeCertificate("one"), await makeCertificate("other")];
  requireUsable(one);
  const body = one.cert.split("\n").slice(1, 3).join("\n");
  const broken = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  const refused: readonly [TestCertificate, RegExp][] = [
    [{ cert: one.cert, key: other.key }, /: the key is another certificate's$/],
    [{ cert: broken, key: one.key }, /cannot be served with: \S/],
    [{ cert: one.key, key: one.cert }, /: No certificates found/],
    [{ cert: one.cert, key: "" }, /: No keys found/],
  ];
  for (const [pair, reason] of refused) {
    assert.throws(() => requireUsable(pair), (error) => {
      assert.ok(error instanceof TlsError);
      assert.match(error.message, reason);
      return true;
    });
  }
});

Deno.test("a certificate is described by its name and its time", async () => {
  const ended = describeCertificate(await makeCertificate("ann.example.org", -3));
  assert.equal(ended?.subject, "CN=ann.example.org");
  assert.ok(ended.validFromMs < ended.validToMs && ended.validToMs < Date.now());
  assert.equal(describeCertificate({ cert: "nothing", key: "" }), null);
});

Deno.test("every listener is renewed at once, and none where the pair is refused", async () => {
  const [first, second] = [await makeCertificate("first"), await makeCertificate("second")];
  const server = await startHttp(
    new FakePeer().asPeer(),
    httpOptions({
      listeners: [ADDRESS, { host: "127.1", port: 0 }],
      metricsListener: ADDRESS,
      clock: REAL_CLOCK,
      tls: first,
    }),
  );
  const ports = [...server.addresses, server.metricsAddress!].map(({ port }) => port);
  const allServe = async (tls: TestCertificate) => {
    for (const port of ports) (await connect(port, tls)).close();
  };
  await allServe(first);
  assert.throws(() => server.renewTls({ cert: second.cert, key: first.key }), TlsError);
  await allServe(first);
  server.renewTls(second);
  await allServe(second);
  await server.stop({ graceMs: 0 });
});

Deno.test("requests are answered over TLS, and only there", async () => {
  const tls = await makeCertificate("both");
  const fake = new FakePeer();
  const server = await startHttp(fake.asPeer(), httpOptions({ clock: REAL_CLOCK, tls }));
  const [{ port } = ADDRESS] = server.addresses;
  const body = '{"resource":"printer","owner":"bob"}';
  using client = Deno.createHttpClient({ caCerts: [tls.cert], poolMaxIdlePerHost: 0 });
  const url = `https://127.0.0.1:${port}/lock/acquire`;
  const response = await fetch(url, { method: "POST", body, client });
  assert.deepEqual([response.status, (await response.json()).success], [200, true]);
  using plain = await RawClient.connect(port);
  await plain.send(post("/lock/acquire", body));
  assert.doesNotMatch(await plain.untilClosed(), /"success":true/);
  assert.equal(fake.locks.acquires.length, 1);
  await server.stop({ graceMs: 0 });
});

Deno.test("a server does not start with a pair that is none", async () => {
  const [one, other] = [await makeCertificate("one"), await makeCertificate("other")];
  const tls = { cert: one.cert, key: other.key };
  await assert.rejects(startHttp(new FakePeer().asPeer(), httpOptions({ tls })), TlsError);
});
