/**
 * `skein queue worker` and `skein queue publish` on real peers: workers and peers that are killed, commands that fail or
 * take long, and every message worked off in the end.
 */
import assert from "node:assert/strict";
import { RunningSkein } from "../cli/running_skein.ts";
import { skein } from "../cli/skein_process.ts";
import { SkeinClient } from "../../src/client/mod.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];
const TOPIC = "jobs";
const LINES = 800;

interface Scene {
  readonly cluster: SkeinCluster;
  readonly queue: SkeinClient["queue"];
  /** Every line that a command has written to it, in order. */
  readonly linesWritten: () => Promise<readonly string[]>;
  /** A worker whose command is this script; what it appends to $OUT is `linesWritten`. */
  readonly work: (script: string, ...options: readonly string[]) => RunningSkein;
  readonly url: string;
}

async function onPeers(peers: number, test: (scene: Scene) => Promise<void>): Promise<void> {
  await SkeinCluster.with({ peers, flags: FLAGS }, async (cluster) => {
    const urls = cluster.peers.map(({ url }) => url);
    const written = `${cluster.directory}/written`;
    await Deno.writeTextFile(written, "");
    const url = urls.join(",");
    await test({
      cluster,
      url,
      queue: new SkeinClient({ urls }).queue,
      linesWritten: async () => (await Deno.readTextFile(written)).split("\n").slice(0, -1),
      work: (script, ...options) => {
        const args = ["queue", "worker", TOPIC, "--url", url, ...options];
        return new RunningSkein([...args, "--", "sh", "-c", script], { OUT: written });
      },
    });
  });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

Deno.test("a worker is killed with messages in flight: another one has them after the visibility timeout", async () => {
  await onPeers(1, async ({ queue, work, linesWritten }) => {
    await queue.publishBatch(TOPIC, numbers(4).map((data) => ({ data })));
    const hangs = 'cat >> "$OUT"; sleep 2';
    await using first = work(hangs, "--concurrency", "4", "--visibility", "1");
    await eventually("all are worked on", 20_000, async () => {
      assert.equal((await linesWritten()).length, 4);
    });
    first.kill("SIGKILL");
    const { totals } = await queue.stats(TOPIC);
    assert.deepEqual([totals.delivered, totals.acknowledged], [4, 0]);
    await using second = work('cat >> "$OUT"', "--max-messages", "4");
    assert.equal(await second.ended(), 0);
    assert.deepEqual((await linesWritten()).toSorted(), [..."00112233"]);
    const after = await queue.stats(TOPIC);
    assert.deepEqual([after.totals.acknowledged, after.totals.redelivered], [4, 4]);
    assert.deepEqual([after.ready, after.inFlight, after.delayed], [0, 0, 0]);
  });
});

Deno.test("Ctrl-C drains: what runs is acknowledged, and what was asked for in vain is nobody's", async () => {
  await onPeers(1, async ({ queue, work, linesWritten }) => {
    await queue.publishBatch(TOPIC, numbers(2).map((data) => ({ data })));
    await using worker = work('cat >> "$OUT"; sleep 1', "--concurrency", "5");
    await eventually("both are worked on", 20_000, async () => {
      assert.equal((await linesWritten()).length, 2);
    });
    worker.kill("SIGINT");
    await worker.wrote(/taking no more; 2 commands/);
    await queue.publish(TOPIC, 2);
    assert.equal(await worker.ended(), 0);
    const { ready, inFlight, totals } = await queue.stats(TOPIC);
    assert.deepEqual([ready, inFlight, totals.acknowledged], [1, 0, 2]);
  });
});

Deno.test("a command that always fails: handed back with the topic's back-off, and dead after its attempts", async () => {
  await onPeers(1, async ({ queue, work }) => {
    await queue.configure(TOPIC, { maxAttempts: 3, backoffMs: [200, 400] });
    const { id } = await queue.publish(TOPIC, { will: "fail" });
    const startedMs = performance.now();
    await using worker = work("exit 7", "--max-messages", "3");
    assert.equal(await worker.ended(), 8);
    assert.ok(performance.now() - startedMs >= 600, "both back-offs were waited for");
    const [letter, ...others] = await queue.dead(TOPIC);
    assert.deepEqual(others, []);
    assert.deepEqual([letter?.id, letter?.attempts, letter?.data], [id, 3, { will: "fail" }]);
    assert.match(letter!.reason, /exit code 7/);
    const { ready, delayed, inFlight, dead } = await queue.stats(TOPIC);
    assert.deepEqual([ready, delayed, inFlight, dead], [0, 0, 0, 1]);
  });
});

Deno.test("a command that takes longer than the visibility timeout has its message to itself", async () => {
  await onPeers(1, async ({ queue, work, linesWritten }) => {
    await queue.publish(TOPIC, 1);
    const options = ["--visibility", "1.5", "--until-empty"];
    await using slow = work('cat >> "$OUT"; sleep 4', ...options);
    await eventually("it is worked on", 20_000, async () => {
      assert.equal((await linesWritten()).length, 1);
    });
    await using other = work('cat >> "$OUT"', "--visibility", "1.5");
    assert.equal(await slow.ended(), 0);
    const { totals } = await queue.stats(TOPIC);
    assert.deepEqual([totals.delivered, totals.redelivered, totals.acknowledged], [1, 0, 1]);
    other.kill("SIGTERM");
    assert.equal(await other.ended(), 0);
    assert.deepEqual(await linesWritten(), ["1"]);
  });
});

Deno.test("a message that is acknowledged elsewhere ends its command", async () => {
  await onPeers(1, async ({ queue, work, linesWritten }) => {
    const { id } = await queue.publish(TOPIC, 1);
    const script = 'cat >> "$OUT"; exec sleep 30';
    await using worker = work(script, "--visibility", "0.5", "--max-messages", "1");
    await eventually("it is worked on", 20_000, async () => {
      assert.equal((await linesWritten()).length, 1);
    });
    assert.deepEqual(await queue.ack(TOPIC, [{ id }]), [{ ok: true }]);
    assert.equal(await worker.ended(), 0);
    assert.match(
      worker.output,
      /lost id=\S+ attempts=1 reason=the cluster knows the message no more/,
    );
  });
});

Deno.test("peers are killed and come back while lines are published and worked off: none is missing", async () => {
  await onPeers(3, async ({ cluster, queue, url, work, linesWritten }) => {
    const lines = numbers(LINES).map((number) => `{"number":${number}}\n`);
    const retry = ["--retry", "30", "--url", url];
    const publishing = skein(
      ["queue", "publish", TOPIC, "--batch", "4", "--id-from", "number", ...retry],
      {},
      lines.join(""),
    );
    await using worker = work('cat >> "$OUT"', "--concurrency", "4", "--visibility", "3");
    for (const peer of cluster.peers) {
      const before = (await linesWritten()).length;
      await peer.kill();
      await eventually(`work goes on without ${peer.name}`, 30_000, async () => {
        assert.ok((await linesWritten()).length > before);
      });
      peer.start();
      await cluster.ready();
    }
    const { code, stdout, stderr } = await publishing;
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^published ${LINES} messages`));
    await eventually("all is worked off", 120_000, async () => {
      const { totals, ready, inFlight, delayed } = await queue.stats(TOPIC);
      assert.deepEqual([ready, inFlight, delayed, totals.acknowledged], [0, 0, 0, LINES]);
    });
    worker.kill("SIGTERM");
    assert.equal(await worker.ended(), 0);
    const worked = new Set((await linesWritten()).map((line) => JSON.parse(line).number));
    assert.equal(worked.size, LINES);
  });
});
