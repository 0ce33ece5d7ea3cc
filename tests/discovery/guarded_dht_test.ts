/** What strangers' handshakes can make a DHT keep, and throw. */
import assert from "node:assert/strict";
import { GuardedDht } from "../../src/discovery/guarded_dht.ts";
import { LIMITS } from "../../src/limits.ts";
import { UDX } from "../../src/udx/mod.ts";
import { REAL_CLOCK } from "../net/real_time.ts";

async function withDht(run: (dht: GuardedDht, udx: UDX) => Promise<void> | void): Promise<void> {
  const udx = new UDX();
  const options = { udx, port: [0, 0], host: "127.0.0.1", bootstrap: [] };
  const dht = new GuardedDht({ gate: (raw) => raw, found() {}, clock: REAL_CLOCK }, options);
  try {
    await run(dht, udx);
  } finally {
    await dht.destroy();
  }
}

Deno.test("an address that is none ends the stream, and nothing else", async () => {
  await withDht((dht, udx) => {
    for (const [port, host] of [[0, "192.0.2.1"], [70_000, "192.0.2.1"], [1, "nowhere"]] as const) {
      const stream = dht.createRawStream({ framed: true });
      stream.connect(udx.createSocket(), 1, port, host);
      assert.ok(stream.destroying && !stream.connected, `${host}:${port}`);
    }
  });
});

Deno.test("of streams that others asked for and that lead nowhere the newest displaces the oldest", async () => {
  await withDht(async (dht, udx) => {
    const socket = udx.createSocket();
    const first = dht.createRawStream({ framed: true });
    const connected = dht.createRawStream({ framed: true });
    connected.connect(socket, 1, 1, "127.0.0.1");
    for (let at = 1; at < LIMITS.handshakesMax; at++) dht.createRawStream({ framed: true });
    assert.ok(!first.destroying);
    dht.createRawStream({ framed: true });
    assert.ok(first.destroying);
    for (let at = 0; at < LIMITS.handshakesMax; at++) dht.createRawStream({ framed: true });
    assert.ok(!connected.destroying, "one that leads somewhere is not of them");
    connected.destroy();
    await socket.close();
  });
});
