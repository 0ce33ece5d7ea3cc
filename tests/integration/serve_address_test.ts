/**
 * Deno.serve listens elsewhere where DENO_SERVE_ADDRESS says so, or there as well: a peer whose loopback listener
 * asks for no token would be open to the network. A peer listens where it was told, whatever that variable says.
 */
import assert from "node:assert/strict";
import { RunningSkein } from "../cli/running_skein.ts";
import { freePorts } from "./skein_process.ts";

const NAME = "ann";
const DEADLINE_MS = 10_000;

async function answersAt(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const response = await fetch(`http://127.0.0.1:${port}/health`, { signal });
  const { node_id } = await response.json();
  return node_id === NAME;
}

for (const prefix of ["tcp:", "duplicate,tcp:"]) {
  Deno.test(`a peer listens where it was told, whatever DENO_SERVE_ADDRESS=${prefix}… says`, async () => {
    const [loopback, network, metrics, peers, elsewhere] = freePorts(5);
    const directory = await Deno.makeTempDir({ prefix: "skein-test-" });
    // deno-fmt-ignore
    const args = [
      "run", "--json", `--name=${NAME}`, `--data=${directory}/data`, `--listen=127.0.0.1:${peers}`,
      `--http=127.0.0.1:${loopback}`, `--http=0.0.0.0:${network}`, "--http-open", `--metrics-port=${metrics}`,
    ];
    try {
      await using peer = new RunningSkein(args, {
        DENO_SERVE_ADDRESS: `${prefix}127.0.0.1:${elsewhere}`,
      });
      await peer.wrote(/"success":true/);
      for (const port of [loopback!, network!, metrics!]) assert.ok(await answersAt(port));
      await assert.rejects(
        Deno.connect({ hostname: "127.0.0.1", port: elsewhere! }),
        Deno.errors.ConnectionRefused,
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
