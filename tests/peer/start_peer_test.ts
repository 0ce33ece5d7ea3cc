import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { loadConfig } from "../../src/config/mod.ts";
import { SILENT } from "../../src/logger.ts";
import { startPeer } from "../../src/peer/start_peer.ts";

function configOf(dataDirectory: string, port: number) {
  return loadConfig({
    flags: { data: dataDirectory, listen: `127.0.0.1:${port}`, http: "0" },
    environment: {},
    readFile: () => "",
    hostName: "here",
    terminal: false,
  });
}

Deno.test("a peer that can not listen leaves its data directory to the next attempt", async () => {
  const directory = await Deno.makeTempDir();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  try {
    await assert.rejects(startPeer(configOf(directory, port), { logger: SILENT }), /EADDRINUSE/);
    taken.close();
    await once(taken, "close");
    const peer = await startPeer(configOf(directory, port), { logger: SILENT });
    await peer.stop();
  } finally {
    taken.close();
    await Deno.remove(directory, { recursive: true });
  }
});
