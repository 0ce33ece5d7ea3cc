/** `skein run`: one real peer, how it stops, and what it says when it cannot start. */
import assert from "node:assert/strict";
import { limitMs } from "../speed_limit.ts";
import { freeFirstPort } from "./free_ports.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";
import { logTest } from "../tested_state.ts";

async function withPeer(
  use: (peer: RunningSkein, url: string, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-run-" });
  try {
    await using peer = new RunningSkein(runArgs(freeFirstPort(1), directory));
    const [, url = ""] = await peer.wrote(/answers on (http:\/\/127\.0\.0\.1:\d+)/);
    await use(peer, url, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function runArgs(port: number, directory: string): string[] {
  return ["run", "--name=ann", `--http=${port}`, `--data=${directory}/peer`, "--heartbeat=0.05"];
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} stops a peer cleanly within five seconds`, async () => {
    await withPeer(async (peer) => {
      const startedMs = performance.now();
      peer.kill(signal);
      assert.equal(await peer.ended(), 0);
      assert.ok(performance.now() - startedMs < limitMs(5_000));
    });
  });
}

logTest(
  "a data directory behind a link is what the link is allowed for, the second time too",
  "it is about a data directory",
  async () => {
    const directory = await Deno.makeTempDir({ prefix: "skein-run-" });
    try {
      await Deno.mkdir(`${directory}/real`);
      await Deno.symlink("real", `${directory}/peer`, { type: "dir" });
      for (const start of ["first", "second"]) {
        await using peer = new RunningSkein(runArgs(freeFirstPort(1), directory));
        await peer.wrote(/answers on http:/);
        peer.kill("SIGTERM");
        assert.equal(await peer.ended(), 0, start);
      }
      assert.ok((await Deno.stat(`${directory}/real/identity.json`)).isFile);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

Deno.test("an address or a directory in use is exit code 5", async () => {
  await withPeer(async (peer, url, directory) => {
    const port = Number(new URL(url).port);
    const taken = await skein([...runArgs(port, `${directory}/other`), "--listen=0"]);
    assert.equal(taken.code, 5, taken.stderr);
    assert.match(taken.stderr, new RegExp(`skein: cannot listen on 127\\.0\\.0\\.1:${port}: `));
    const shared = await skein(runArgs(freeFirstPort(1), directory));
    assert.equal(shared.code, 5, shared.stderr);
    peer.kill("SIGTERM");
    await peer.ended();
  });
});

Deno.test("bad configuration is exit code 2, with all that is wrong", async () => {
  const { code, stderr } = await skein(["run", "--http", "host"], { LOG_LEVEL: "loud" });
  assert.equal(code, 2);
  assert.match(stderr, /^skein: --http: cannot use "host" from the flag --http; allowed: /m);
  assert.match(stderr, /^skein: --log-level: cannot use "loud" from the environment variable /m);
});
