import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { startHttp } from "../../src/http/server.ts";
import type { HttpOptions, HttpServer } from "../../src/http/server.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { FakePeer, GRANT, httpOptions } from "./fake_peer.ts";
import { post, RawClient } from "./raw_client.ts";

const VALID = '{"resource":"printer","owner":"bob"}';

/** 127.1 is this machine too, but is not taken for a loopback address: so node:http serves it. */
const KINDS = [
  { kind: "Deno.serve", host: "127.0.0.1" },
  { kind: "node:http", host: "127.1" },
] as const;

class Running implements AsyncDisposable {
  readonly port: number;

  constructor(readonly fake: FakePeer, readonly server: HttpServer) {
    this.port = server.addresses[0]!.port;
  }

  static async start(host: string, changes: Partial<HttpOptions> = {}): Promise<Running> {
    const fake = new FakePeer();
    const listeners = [{ host, port: 0 }];
    const options = httpOptions({ listeners, clock: REAL_CLOCK, ...changes });
    return new Running(fake, await startHttp(fake.asPeer(), options));
  }

  /** Proves that others are served while something bad goes on. */
  async assertServes(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}/lock/acquire`, {
      method: "POST",
      body: VALID,
    });
    deepEqual([response.status, (await response.json()).success], [200, true]);
  }

  async errorCount(code: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`);
    const line = new RegExp(`skein_http_errors_total\\{code="${code}"\\} (\\d+)`);
    return Number(line.exec(await response.text())?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop({ graceMs: 0 });
  }
}

for (const { kind, host } of KINDS) {
  Deno.test(`${kind}: requests one after another on one connection`, async () => {
    await using running = await Running.start(host);
    using client = await RawClient.connect(running.port);
    await client.send(post("/lock/acquire", VALID));
    const first = await client.until(/\}$/);
    match(first, /^HTTP\/1\.1 200 /);
    match(first, /\r\ncontent-type: application\/json\r\n/i);
    await client.send("GET /nowhere HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    const both = await client.untilClosed();
    match(both.slice(first.length), /^HTTP\/1\.1 404 [^]*"error":"NOT_FOUND"/);
  });

  Deno.test(`${kind}: a body in chunks is read, and given up past its bound`, async () => {
    await using running = await Running.start(host, { bodyBytesMax: 100 });
    const head = "POST /lock/acquire HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    using fine = await RawClient.connect(running.port);
    await fine.send(head + chunk(VALID.slice(0, 9)) + chunk(VALID.slice(9)) + "0\r\n\r\n");
    match(await fine.until(/\}$/), /^HTTP\/1\.1 200 /);

    using large = await RawClient.connect(running.port);
    await large.send(head + chunk(" ".repeat(60)));
    await large.send(chunk(" ".repeat(60)));
    match(await lastAnswer(kind, large), /^HTTP\/1\.1 413 [^]*PAYLOAD_TOO_LARGE/);
    await running.assertServes();
  });

  Deno.test(`${kind}: a length past the bound is refused before the body comes`, async () => {
    await using running = await Running.start(host);
    for (const length of ["1048577", "4294967296", "999999999999999"]) {
      using client = await RawClient.connect(running.port);
      await client.send(
        `POST /lock/acquire HTTP/1.1\r\nHost: here\r\nContent-Length: ${length}\r\n\r\n{`,
      );
      match(await lastAnswer(kind, client), /^HTTP\/1\.1 413 [^]*PAYLOAD_TOO_LARGE/);
    }
    equal(await running.errorCount("PAYLOAD_TOO_LARGE"), 3);
    await running.assertServes();
  });

  Deno.test(`${kind}: a body that does not come is given up, and counted`, async () => {
    await using running = await Running.start(host, { bodyTimeoutMs: 60 });
    using client = await RawClient.connect(running.port);
    await client.send(post("/lock/acquire", VALID).slice(0, -5));
    await running.assertServes();
    const answer = await lastAnswer(kind, client);
    match(answer, /^HTTP\/1\.1 400 [^]*did not arrive within 60 ms/);
    equal(await running.errorCount("BAD_REQUEST"), 1);
  });

  Deno.test(`${kind}: half a body and then nobody harms nobody`, async () => {
    await using running = await Running.start(host);
    for (let count = 0; count < 20; count++) {
      using client = await RawClient.connect(running.port);
      await client.send(post("/lock/acquire", VALID).slice(0, -count - 1));
    }
    await running.assertServes();
    const isRead = () => running.fake.locks.acquires.length;
    equal(isRead(), 1, "no half request was taken for a whole one");
  });

  Deno.test(`${kind}: what is not HTTP is refused`, async () => {
    await using running = await Running.start(host);
    const garbage = ["\x16\x03\x01\x02\x00\x01", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"];
    for (const bytes of garbage) {
      using client = await RawClient.connect(running.port);
      await client.send(`${bytes}\r\n\r\n`);
      const answer = await client.untilClosed();
      ok(answer === "" || /^HTTP\/1\.1 [45]\d\d /.test(answer), answer);
    }
    await running.assertServes();
  });

  Deno.test(`${kind}: an acquire that waits is cancelled when its client goes away`, async () => {
    await using running = await Running.start(host);
    const cancelled = Promise.withResolvers<void>();
    running.fake.locks.acquireWith = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener("abort", () => {
          cancelled.resolve();
          reject(signal!.reason);
        });
      });
    using client = await RawClient.connect(running.port);
    await client.send(post("/lock/acquire", VALID));
    while (running.fake.locks.acquires.length === 0) await pause();
    client.close();
    await cancelled.promise;
    running.fake.locks.acquireWith = () => Promise.resolve(GRANT);
    await running.assertServes();
    equal(await running.errorCount("INTERNAL"), 0, "that somebody went away is no bug");
    deepEqual(running.fake.logged, []);
  });

  Deno.test(`${kind}: an acquire that was answered is never cancelled`, async () => {
    await using running = await Running.start(host);
    await running.assertServes();
    using client = await RawClient.connect(running.port);
    await client.send(post("/lock/acquire", VALID, "Connection: close"));
    await client.untilClosed();
    const signals = running.fake.locks.acquires.map(({ signal }) => signal!.aborted);
    deepEqual(signals, [false, false]);
  });

  Deno.test(`${kind}: idle connections harm nobody`, async () => {
    await using running = await Running.start(host);
    const idle: RawClient[] = [];
    for (let count = 0; count < 500; count++) {
      const client = await RawClient.connect(running.port);
      if (count % 2 === 0) await client.send("POST /lock/acq");
      idle.push(client);
    }
    await running.assertServes();
    for (const client of idle) client.close();
  });
}

Deno.test("node:http: a head that does not come is given up", async () => {
  await using running = await Running.start("127.1", { headersTimeoutMs: 100 });
  using client = await RawClient.connect(running.port);
  await client.send("POST /lock/acquire HTTP/1.1\r\nHost: he");
  match(await client.untilClosed(), /^HTTP\/1\.1 408 |^$/);
  await running.assertServes();
});

Deno.test("node:http: connections past the bound are closed, and those within it served", async () => {
  await using running = await Running.start("127.1", { connectionsMax: 3 });
  const within = await Promise.all([1, 2, 3].map(() => RawClient.connect(running.port)));
  // The server sees connections in order, but later than connect returns: an answer proves it did.
  for (const client of within) {
    await client.send(post("/lock/acquire", VALID));
    match(await client.until(/\}$/), /^HTTP\/1\.1 200 /);
  }
  using fourth = await RawClient.connect(running.port);
  equal(await fourth.untilClosed(), "");
  within[0]!.close();
  for (;;) {
    using next = await RawClient.connect(running.port);
    await next.send(post("/lock/acquire", VALID)).catch(() => {});
    if (/^HTTP\/1\.1 200 /.test(await next.until(/\}$/))) break;
  }
  for (const client of within) client.close();
});

Deno.test("server: several listeners share one application; the metrics listener shows less", async () => {
  const fake = new FakePeer();
  const server = await startHttp(
    fake.asPeer(),
    httpOptions({
      listeners: [{ host: "127.0.0.1", port: 0 }, { host: "127.1", port: 0 }],
      metricsListener: { host: "127.0.0.1", port: 0 },
      clock: REAL_CLOCK,
    }),
  );
  const statusAt = async (port: number, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const text = await response.text();
    return { status: response.status, text };
  };
  const [first, second] = server.addresses;
  equal((await statusAt(first!.port, "/locks")).status, 200);
  equal((await statusAt(second!.port, "/locks")).status, 200);
  const { port } = server.metricsAddress!;
  match((await statusAt(port, "/metrics")).text, /route="\/locks",status="200"\} 2/);
  equal((await statusAt(port, "/health")).status, 200);
  equal((await statusAt(port, "/locks")).status, 404);
  await server.stop({ graceMs: 0 });
});

Deno.test("server: an address that is taken is an error, and nothing stays open", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  for (const host of ["127.0.0.1", "127.1"]) {
    const listeners = [{ host: "127.0.0.1", port: 0 }, { host, port }];
    await rejects(
      startHttp(new FakePeer().asPeer(), httpOptions({ listeners, clock: REAL_CLOCK })),
    );
  }
  taken.close();
});

/** The answer to what was not read to its end. Deno.serve says that it closes, but waits for the client. */
function lastAnswer(kind: string, client: RawClient): Promise<string> {
  return kind === "node:http" ? client.untilClosed() : client.until(/connection: close[^]*\}$/i);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
