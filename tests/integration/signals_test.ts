/**
 * Signals to real peers, at every time of their life: the first SIGTERM or SIGINT ends one cleanly, the second at once,
 * SIGHUP never, and nobody who stops reading what it writes.
 */
import assert from "node:assert/strict";
import { freeFirstPort } from "../cli/free_ports.ts";
import { RunningSkein } from "../cli/running_skein.ts";
import { skeinCommand } from "../skein_command.ts";
import { limitMs } from "../speed_limit.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

/** Windows has no signals that another process could send, but those that end it. */
const ignore = Deno.build.os === "windows";
const STOP_LIMIT_MS = limitMs(5_000);
const STARTS = 12;
const START_STEP_MS = 25;
const CPU_WINDOW_MS = 1_000;

async function withDirectory(test: (directory: string, args: string[]) => Promise<void>) {
  const directory = await Deno.makeTempDir({ prefix: "skein-signals-" });
  const port = freeFirstPort(1);
  try {
    await test(directory, ["run", `--http=${port}`, `--data=${directory}/peer`, "--name=ann"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Sends a signal over and over until the process has ended. */
async function signalUntilEnded(
  { signal, ended }: { signal: (signal: Deno.Signal) => void; ended: Promise<unknown> },
  name: Deno.Signal,
): Promise<void> {
  let hasEnded = false;
  void ended.then(() => hasEnded = true);
  await eventually("it has ended", 5_000, () => {
    if (hasEnded) return;
    signal(name);
    throw new Error("it has not ended");
  });
}

/**
 * A peer whose clean stop takes two seconds: it leads, who could take over from it sleeps, and one request is
 * under way that needs them.
 */
async function withSlowStop(test: (peer: SkeinProcess) => Promise<void>): Promise<void> {
  await SkeinCluster.with({ flags: ["--election-timeout", "10,20"] }, async (cluster) => {
    const leader = await cluster.leader();
    const followers = await cluster.followers();
    for (const peer of followers) peer.signal("SIGSTOP");
    const open = leader.post("/lock/acquire", { resource: "r", owner: "a" }).catch(() => null);
    try {
      await test(leader);
    } finally {
      await open;
      for (const peer of followers) peer.signal("SIGCONT");
    }
  });
}

const ORDERS = [["SIGTERM", "SIGINT", 130], ["SIGINT", "SIGTERM", 143]] as const;
for (const [first, second, code] of ORDERS) {
  Deno.test(
    `${first} begins a clean stop, ${second} behind it ends that at once`,
    { ignore },
    async () => {
      await withSlowStop(async (peer) => {
        const { ended } = peer;
        peer.signal(first);
        await eventually("it is stopping", 5_000, async () => {
          const { body } = await peer.get("/ready");
          assert.deepEqual(body.reasons, ["the peer is stopping"]);
        });
        // Within half a second it counts as the same key press, and from then on as another one.
        await signalUntilEnded({ signal: (name) => peer.signal(name), ended }, second);
        assert.equal((await ended).code, code);
        assert.equal(peer.logged(/stops: /), 1);
        assert.equal(peer.logged(new RegExp(`stops: ${first}`)), 1);
      });
    },
  );
}

Deno.test("both signals within half a second are one", { ignore }, async () => {
  await withDirectory(async (_directory, args) => {
    await using peer = new RunningSkein(args);
    await peer.wrote(/answers on/);
    for (const signal of ["SIGINT", "SIGTERM", "SIGINT"] as const) peer.kill(signal);
    assert.equal(await peer.ended(), 0);
    assert.match(peer.output, /stops: SIG(?:INT|TERM)/);
  });
});

Deno.test("SIGHUP does not end a peer, whether it runs or stops", { ignore }, async () => {
  await withSlowStop(async (peer) => {
    const { ended } = peer;
    for (let times = 1; times <= 3; times++) {
      peer.signal("SIGHUP");
      await eventually("it is told", 20_000, () => {
        assert.equal(peer.logged(/SIGHUP: nothing to reload/), times);
      });
    }
    peer.signal("SIGTERM");
    await signalUntilEnded({ signal: (name) => peer.signal(name), ended }, "SIGHUP");
    assert.equal((await ended).code, 0);
  });
});

/** A peer that is starting: it waits for its token, which stands in a pipe that nobody has written to. */
async function withStarting(
  test: (peer: RunningSkein, goOn: () => Promise<void>) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory, args) => {
    const pipe = `${directory}/token`;
    assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    await using peer = new RunningSkein(args, { TOKEN_FILE: pipe });
    const token = await Deno.open(pipe, { write: true });
    await test(peer, async () => {
      await token.write(new TextEncoder().encode("hush\n"));
      token.close();
    });
  });
}

Deno.test(
  "asked to stop while it reads its settings, a peer ends cleanly",
  { ignore },
  async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await withStarting(async (peer, goOn) => {
        peer.kill(signal);
        await goOn();
        assert.equal(await peer.ended(), 0);
        // It may be told of the signal before it begins to start, or behind that.
        assert.ok(peer.output === "" || peer.output.includes(`stops: ${signal}`), peer.output);
      });
    }
  },
);

Deno.test(
  "SIGHUP while a peer starts does not end it, and is done once it has started",
  { ignore },
  async () => {
    await withStarting(async (peer, goOn) => {
      peer.kill("SIGHUP");
      peer.kill("SIGHUP");
      await goOn();
      await peer.wrote(/SIGHUP: nothing to reload/);
      await peer.wrote(/answers on/);
      peer.kill("SIGTERM");
      assert.equal(await peer.ended(), 0);
    });
  },
);

Deno.test("whenever SIGTERM comes while a peer starts, it ends in time and its data is sound", {
  ignore,
}, async () => {
  await withDirectory(async (_directory, args) => {
    const codes = new Map<number, number>();
    for (let start = 0; start < STARTS; start++) {
      await using peer = new RunningSkein(args);
      await new Promise((resolve) => setTimeout(resolve, start * START_STEP_MS));
      const beganMs = performance.now();
      peer.kill("SIGTERM");
      const code = await peer.ended();
      assert.ok(performance.now() - beganMs < STOP_LIMIT_MS);
      // 143: it came before the program had begun.
      assert.ok(code === 0 || (code === 143 && peer.output === ""), `${code}: ${peer.output}`);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    await using peer = new RunningSkein(args);
    await peer.wrote(/answers on/);
    peer.kill("SIGTERM");
    assert.equal(await peer.ended(), 0);
    console.log(
      `exit codes: ${[...codes].map(([code, times]) => `${code} ${times} ×`).join(", ")}`,
    );
  });
});

Deno.test(
  "who stops reading its output neither ends a peer nor makes it spin",
  { ignore },
  async () => {
    await withDirectory(async (_directory, args) => {
      const child = skeinCommand([...args, "--json"]).spawn();
      // Before it can have written a word.
      await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
      const url = `http://127.0.0.1:${args[1]!.split("=")[1]}`;
      const metric = async (name: string) => {
        const response = await fetch(`${url}/metrics`);
        const [, value] = new RegExp(`^${name} (\\S+)$`, "m").exec(await response.text()) ?? [];
        return Number(value);
      };
      try {
        await eventually("it is healthy", 20_000, async () => {
          const response = await fetch(`${url}/health`);
          await response.body?.cancel();
          assert.equal(response.status, 200);
        });
        for (let line = await metric("skein_log_lines_lost_total"); line < 5; line++) {
          child.kill("SIGHUP");
          await eventually("the line is lost", 20_000, async () => {
            assert.ok(await metric("skein_log_lines_lost_total") > line);
          });
        }
        child.kill("SIGPIPE");
        const [cpuSeconds, beganMs] = [
          await metric("process_cpu_seconds_total"),
          performance.now(),
        ];
        await new Promise((resolve) => setTimeout(resolve, CPU_WINDOW_MS));
        const spentMs = (await metric("process_cpu_seconds_total") - cpuSeconds) * 1_000;
        assert.ok(
          spentMs < (performance.now() - beganMs) / 2,
          `it used ${spentMs} ms of a processor`,
        );
      } finally {
        child.kill("SIGTERM");
      }
      assert.equal((await child.status).code, 0);
    });
  },
);
