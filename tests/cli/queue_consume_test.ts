/** `skein queue consume --follow`: goes on until it is told to stop, and acknowledges only what was printed. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { skeinCommand } from "../skein_command.ts";
import { FakePeer } from "./fake_peer.ts";
import { FakeQueue } from "./fake_queue.ts";
import { RunningSkein } from "./running_skein.ts";

function followArgs(peer: FakePeer, ...options: readonly string[]): string[] {
  const visible = ["--visibility", "60"];
  return ["queue", "consume", "jobs", "--follow", "--url", peer.url, ...visible, ...options];
}

Deno.test("messages are printed as they come, acknowledged, and Ctrl-C is a clean end", async () => {
  const queue = new FakeQueue(["one", { two: 2 }, "three"]);
  await using peer = new FakePeer(queue.answers);
  await using running = new RunningSkein(followArgs(peer, "--ack", "--raw", "--max", "2"));
  await running.wrote(/^one\n\{"two":2\}\nthree\n$/);
  await eventually("all are acknowledged", 10_000, () => {
    assert.deepEqual(queue.acknowledged, ["m0", "m1", "m2"]);
  });
  running.kill("SIGINT");
  assert.equal(await running.ended(), 0);
  assert.equal(running.output, 'one\n{"two":2}\nthree\n');
});

Deno.test("with --json a document each message; without --ack none is acknowledged", async () => {
  const queue = new FakeQueue([{ camelCase: 1 }, 2]);
  await using peer = new FakePeer(queue.answers);
  await using running = new RunningSkein(followArgs(peer, "--json"));
  await running.wrote(/\n.*\n/);
  running.kill("SIGTERM");
  assert.equal(await running.ended(), 0);
  const [first, second] = running.output.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([first.id, first.data, first.receipt], ["m0", { camelCase: 1 }, "m0-1"]);
  assert.deepEqual([second.id, second.data], ["m1", 2]);
  assert.deepEqual(queue.acknowledged, []);
});

Deno.test("a reader that goes away ends it, and what nobody read is not acknowledged", async () => {
  const queue = new FakeQueue(Array.from({ length: 3 }, () => "x".repeat(400_000)));
  await using peer = new FakePeer(queue.answers);
  const args = followArgs(peer, "--ack", "--raw", "--max", "1");
  const child = skeinCommand(args).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const { code } = await child.status;
  assert.equal(code, 141);
  await child.stderr.cancel();
  assert.deepEqual(queue.acknowledged, []);
});
