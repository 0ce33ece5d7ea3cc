/** `skein dht`: where it listens and what it says, what it refuses, and that it stops. */
import assert from "node:assert/strict";
import { openSwarm } from "../../src/discovery/hyperswarm.ts";
import { createIdentity } from "../../src/net/identity.ts";
import { REAL_CLOCK } from "../net/real_time.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

Deno.test("a DHT says where it is, serves peers, and stops when it is asked to", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using dht = new RunningSkein(["dht", "--listen", "127.0.0.1:0", "--json"]);
    const [line] = await dht.wrote(/^\{.*\}\n/);
    const { success, address } = JSON.parse(line);
    assert.equal(success, true);
    const [, port] = address.match(/^127\.0\.0\.1:(\d+)$/)!;
    const swarm = await openSwarm({
      keyPair: createIdentity(),
      topic: new Uint8Array(32),
      bootstrap: [{ host: "127.0.0.1", port: Number(port) }],
      gate: (stream) => stream,
      found() {},
      isConnected: () => false,
      clock: REAL_CLOCK,
    });
    assert.equal(await swarm.refresh(), true);
    dht.kill(signal);
    assert.equal(await dht.ended(), 0);
    await swarm.destroy();
  }
});

Deno.test("for people it is one line", async () => {
  await using dht = new RunningSkein([
    "dht",
    ...["--listen", "0.0.0.0:0", "--advertise", "127.0.0.1"],
  ]);
  await dht.wrote(/^the DHT is at 127\.0\.0\.1:\d+\n$/);
  dht.kill("SIGTERM");
  assert.equal(await dht.ended(), 0);
});

Deno.test("an address that it cannot use is refused in words", async () => {
  const cases = [
    [["--listen", "[::1]:1"], 2, /^skein: --listen: cannot use ::1; allowed: an IPv4 address\n$/],
    [["--listen", "localhost:1"], 2, /^skein: --listen: cannot use localhost; allowed: an IPv4/],
    [["--listen", "0.0.0.0:0"], 2, /^skein: --advertise: none is given, and --listen 0\.0\.0\.0/],
    [
      ["--listen", "127.0.0.1:65533"],
      2,
      /^skein: --listen: cannot use port 65533; .* at most 65532/,
    ],
    [["--advertise", "a-name"], 2, /^skein: --advertise: cannot use a-name; allowed: an IPv4/],
    [["--advertise", "0.0.0.0"], 2, /^skein: --advertise: cannot use 0\.0\.0\.0; allowed: an IPv4/],
    [
      ["--listen", "192.0.2.77:0"],
      2,
      /^skein: cannot listen on 192\.0\.2\.77:0 \(UDP\): this mach/,
    ],
    [["--listen", "soon"], 2, /^skein: option '--listen <\[HOST:\]PORT>' .*Allowed: \[HOST:\]PORT/],
  ] as const;
  for (const [args, code, expected] of cases) {
    const ended = await skein(["dht", ...args]);
    assert.match(ended.stderr, expected);
    assert.equal(ended.code, code);
  }
});

Deno.test("an address that does not lead to itself is refused in words", async () => {
  const elsewhere = ["dht", "--listen", "127.0.0.1:0", "--advertise", "192.0.2.77"];
  const { code, stderr } = await skein(elsewhere);
  assert.match(
    stderr,
    /^skein: --advertise: cannot use 192\.0\.2\.77: nothing answers at 192\.0\.2\.77:\d+, /,
  );
  assert.equal(code, 2);
});

Deno.test("a port that another process has is exit code 5", async () => {
  const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = taken.addr as Deno.NetAddr;
    const { code, stdout } = await skein(["dht", "--listen", `127.0.0.1:${port}`, "--json"]);
    assert.equal(code, 5);
    assert.equal(JSON.parse(stdout).error, "ADDRESS_IN_USE");
  } finally {
    taken.close();
  }
});
