/**
 * SIGHUP to a real peer that serves HTTPS on loopback, on the network's addresses and for its metrics: the certificate
 * in its files takes the place of the one before, in front of clients that never stop connecting.
 */
import assert from "node:assert/strict";
import { makeCertificate, type TestCertificate } from "../certificates.ts";
import { RunningSkein } from "../cli/running_skein.ts";
import { eventually, freePorts } from "./skein_process.ts";

const CLIENTS_PER_LISTENER = 2;
const RENEWALS = 6;
/** Windows has no SIGHUP. */
const ignore = Deno.build.os === "windows";

interface Served {
  readonly peer: RunningSkein;
  /** Of its listeners: loopback, network, metrics. */
  readonly ports: readonly number[];
  /** Puts a pair into the files that it was started with. */
  install(pair: { readonly cert?: string; readonly key?: string }): void;
}

async function withTlsPeer(
  first: TestCertificate,
  test: (served: Served) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-reload-" });
  const files = { cert: `${directory}/cert.pem`, key: `${directory}/key.pem` };
  const install = ({ cert, key }: { readonly cert?: string; readonly key?: string }) => {
    if (cert !== undefined) Deno.writeTextFileSync(files.cert, cert);
    if (key !== undefined) Deno.writeTextFileSync(files.key, key);
  };
  const [loopback, network, metrics, listen] = freePorts(4) as [number, number, number, number];
  try {
    install(first);
    await using peer = new RunningSkein([
      ...["run", "--name", "ann", "--data", `${directory}/data`, "--listen", String(listen)],
      ...["--http", `127.0.0.1:${loopback}`, "--http", `0.0.0.0:${network}`, "--http-open"],
      ...["--metrics-port", String(metrics), "--tls-cert", files.cert, "--tls-key", files.key],
    ]);
    await peer.wrote(/answers on https:/);
    await eventually("it is healthy", 20_000, async () => {
      assert.equal(await healthOf(loopback, first), 200);
    });
    await test({ peer, ports: [loopback, network, metrics], install });
    peer.kill("SIGTERM");
    assert.equal(await peer.ended(), 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** GET /health over a connection of its own. @throws by rejection where the certificate is none of these */
async function healthOf(port: number, ...trusted: readonly TestCertificate[]): Promise<number> {
  using client = Deno.createHttpClient({
    caCerts: trusted.map(({ cert }) => cert),
    poolMaxIdlePerHost: 0,
  });
  const response = await fetch(`https://127.0.0.1:${port}/health`, { client });
  await response.body?.cancel();
  return response.status;
}

Deno.test("SIGHUP renews the certificate of every listener, and no connection is refused", {
  ignore,
}, async () => {
  const pairs = [await makeCertificate("even"), await makeCertificate("odd")] as const;
  await withTlsPeer(pairs[0], async ({ peer, ports, install }) => {
    let answered = 0;
    let isOver = false;
    const clients = ports.flatMap((port) =>
      Array.from({ length: CLIENTS_PER_LISTENER }, async () => {
        while (!isOver) {
          assert.equal(await healthOf(port, ...pairs), 200);
          answered++;
        }
      })
    );
    for (let renewal = 1; renewal <= RENEWALS; renewal++) {
      const [next, former] = renewal % 2 === 1 ? [pairs[1], pairs[0]] : pairs;
      const before = answered;
      install(next);
      peer.kill("SIGHUP");
      for (const port of ports) {
        await eventually("the next certificate", 20_000, () => healthOf(port, next));
        await assert.rejects(healthOf(port, former));
      }
      await eventually("load", 20_000, () => assert.ok(answered > before + ports.length));
    }
    isOver = true;
    await Promise.all(clients);
    const renewals = peer.output.match(/new connections get the new certificate, of CN=\w+/g);
    assert.equal(renewals?.length, RENEWALS);
    console.log(`${answered} connections over ${RENEWALS} renewals`);
  });
});

Deno.test(
  "a pair that cannot be served with is refused, the former one stays, the next good one is taken",
  { ignore },
  async () => {
    const [first, second] = [await makeCertificate("first"), await makeCertificate("second")];
    await withTlsPeer(first, async ({ peer, ports, install }) => {
      const bad = [
        [{ cert: second.cert }, /the certificate stays as it was: .* the key is another cert/],
        [{ cert: "nothing" }, /the certificate stays as it was: --tls-cert: .*allowed: a PEM file/],
        [{ cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }, /stays as/],
        [{ cert: first.cert, key: "" }, /the certificate stays as it was: --tls-key: .*PEM file/],
        [{ key: first.key }, /certificate and key are what they were/],
      ] as const;
      for (const [pair, said] of bad) {
        const before = peer.output.length;
        install(pair);
        peer.kill("SIGHUP");
        await eventually(`it says ${said}`, 20_000, () => {
          assert.match(peer.output.slice(before), said);
        });
        for (const port of ports) assert.equal(await healthOf(port, first), 200);
      }
      const ended = await makeCertificate("ended", -3);
      for (const pair of [ended, second]) {
        install(pair);
        peer.kill("SIGHUP");
        const name = pair === second ? "second" : "ended";
        await peer.wrote(new RegExp(`new certificate, of CN=${name}`));
      }
      await peer.wrote(/"the certificate of CN=ended ended at 20/);
      for (const port of ports) assert.equal(await healthOf(port, second), 200);
    });
  },
);

Deno.test(
  "a request that waits is answered over the connection that was there before",
  { ignore },
  async () => {
    const [first, second] = [await makeCertificate("first"), await makeCertificate("second")];
    await withTlsPeer(first, async ({ peer, ports, install }) => {
      const [loopback, network] = ports;
      const post = async (port: number, path: string, body: unknown, trusted: TestCertificate) => {
        using client = Deno.createHttpClient({ caCerts: [trusted.cert], poolMaxIdlePerHost: 0 });
        const init = { method: "POST", body: JSON.stringify(body), client };
        const response = await fetch(`https://127.0.0.1:${port}${path}`, init);
        return { status: response.status, body: await response.json() };
      };
      await eventually("it grants", 20_000, async () => {
        const { status } = await post(loopback!, "/lock/acquire", lock("a"), first);
        assert.equal(status, 200);
      });
      const waiting = [loopback!, network!].map((port) =>
        post(port, "/lock/acquire", { ...lock(`of-${port}`), timeout: 30 }, first)
      );
      await eventually("both wait", 20_000, async () => {
        using client = Deno.createHttpClient({ caCerts: [first.cert], poolMaxIdlePerHost: 0 });
        const response = await fetch(`https://127.0.0.1:${loopback}/lock/status?resource=r`, {
          client,
        });
        assert.equal((await response.json()).waiters.length, 2);
      });
      install(second);
      peer.kill("SIGHUP");
      await peer.wrote(/new certificate, of CN=second/);
      await post(loopback!, "/lock/release", lock("a"), second);
      const granted = await Promise.race(waiting);
      assert.equal(granted.status, 200);
      await post(network!, "/lock/release", lock(granted.body.owner), second);
      const answers = await Promise.all(waiting);
      assert.deepEqual(answers.map(({ status }) => status), [200, 200]);
    });
  },
);

function lock(owner: string) {
  return { resource: "r", owner };
}
