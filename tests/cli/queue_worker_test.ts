/** `skein queue worker`: what the command is given, what becomes of the message by its exit code, and how it ends. */
import assert from "node:assert/strict";
import { parseExactly } from "../../src/cli/exact_json.ts";
import { eventually } from "../eventually.ts";
import { type Answers, failed, FakePeer } from "./fake_peer.ts";
import { FakeQueue } from "./fake_queue.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

const UNTIL_EMPTY = ["--until-empty"];

function peerOf(queue: FakeQueue, changed: Answers = {}): FakePeer {
  return new FakePeer({ ...queue.answers, ...changed });
}

function workerArgs(peer: FakePeer, options: readonly string[], script: string): string[] {
  const command = ["sh", "-c", script];
  return ["queue", "worker", "jobs", "--url", peer.url, ...options, "--", ...command];
}

function worker(peer: FakePeer, options: readonly string[], script: string) {
  return skein(workerArgs(peer, options, script));
}

Deno.test("the command has the data on its standard input, and what else there is in its environment", async () => {
  const queue = new FakeQueue([{ camelCase: "ä" }, "text"]);
  await using peer = peerOf(queue);
  const script = 'cat; echo "$SKEIN_TOPIC $SKEIN_MESSAGE_ID $SKEIN_ATTEMPTS $SKEIN_RECEIPT"';
  const { code, stdout, stderr } = await worker(peer, UNTIL_EMPTY, script);
  assert.equal(code, 0);
  assert.equal(stdout, '{"camelCase":"ä"}\njobs m0 1 m0-1\n"text"\njobs m1 1 m1-1\n');
  assert.match(
    stderr,
    /^skein: working on jobs .*\nskein: ended acknowledged=2 failed=0 handed_back=0 lost=0\n$/,
  );
  assert.deepEqual(queue.acknowledged, ["m0", "m1"]);
});

Deno.test("with --raw a JSON string is the text that it says, and nothing besides", async () => {
  const queue = new FakeQueue(["two\nlines", [1]]);
  await using peer = peerOf(queue);
  const { stdout } = await worker(peer, [...UNTIL_EMPTY, "--raw"], "cat; echo .");
  assert.equal(stdout, "two\nlines.\n[1].\n");
});

Deno.test("large numbers reach the command as they were published", async () => {
  const text = '{"id":12345678901234567890}';
  const queue = new FakeQueue([parseExactly(text)]);
  await using peer = peerOf(queue);
  assert.equal((await worker(peer, UNTIL_EMPTY, "cat")).stdout, `${text}\n`);
});

Deno.test("a command need not read its standard input, however large the data is", async () => {
  const queue = new FakeQueue(["x".repeat(500_000)]);
  await using peer = peerOf(queue);
  assert.equal((await worker(peer, UNTIL_EMPTY, "exec 0<&-; exit 0")).code, 0);
  assert.deepEqual(queue.acknowledged, ["m0"]);
});

Deno.test("no more commands at once than --concurrency, and as many", async () => {
  const queue = new FakeQueue(Array.from({ length: 9 }, (_, at) => at));
  await using peer = peerOf(queue);
  const { code } = await worker(peer, [...UNTIL_EMPTY, "--concurrency", "3"], "sleep 0.05");
  assert.equal(code, 0);
  assert.equal(queue.acknowledged.length, 9);
  assert.equal(queue.inFlightMax, 3);
});

Deno.test("a command that fails hands the message back, with its exit code and the back-off", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  const script = 'test "$SKEIN_ATTEMPTS" = 3 || exit 7';
  const options = ["--max-messages", "3", "--backoff", "0.02,0.05"];
  const { code, stderr } = await worker(peer, options, script);
  assert.equal(code, 8);
  assert.deepEqual(queue.handedBack, [
    { id: "m0", delay: 0.02, reason: "exit code 7" },
    { id: "m0", delay: 0.05, reason: "exit code 7" },
  ]);
  assert.deepEqual(queue.acknowledged, ["m0"]);
  assert.match(
    stderr,
    /\nskein: failed, handed back id=m0 attempts=1 reason=exit code 7\nskein: failed, handed back id=m0 attempts=2/,
  );
});

Deno.test("the back-off is the topic's where it has one, else grows from a second", async () => {
  for (const [backoff, expected] of [[[9], undefined], [[], 1]] as const) {
    const queue = new FakeQueue([1]);
    queue.backoff = backoff;
    await using peer = peerOf(queue);
    await worker(peer, ["--max-messages", "1"], "exit 1");
    assert.deepEqual(queue.handedBack, [{ id: "m0", delay: expected, reason: "exit code 1" }]);
  }
});

Deno.test("a command that a signal ends has failed as well", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  await worker(peer, ["--max-messages", "1", "--backoff", "60"], "kill -SEGV $$");
  assert.deepEqual(queue.handedBack, [{ id: "m0", delay: 60, reason: "exit code 139" }]);
});

Deno.test("a command that is not there is 127, one that may not be run 126, and the message goes back", async () => {
  const plainFile = await Deno.makeTempFile();
  for (const [program, expected] of [["/nonexistent", 127], [plainFile, 126]] as const) {
    const queue = new FakeQueue([1, 2]);
    await using peer = peerOf(queue);
    const args = ["queue", "worker", "jobs", "--url", peer.url, "--", program];
    const { code, stderr } = await skein(args);
    assert.equal(code, expected);
    assert.match(stderr, new RegExp(`skein: cannot run ${program}: `));
    assert.deepEqual(queue.handedBack, [{ id: "m0", delay: 0, reason: "the worker ended" }]);
  }
  await Deno.remove(plainFile);
});

Deno.test("a message is extended while its command runs", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  const { code } = await worker(peer, [...UNTIL_EMPTY, "--visibility", "1"], "sleep 2");
  assert.equal(code, 0);
  assert.deepEqual(queue.acknowledged, ["m0"]);
  assert.ok(queue.extensions >= 2, `${queue.extensions} extensions in 2 s of 1 s`);
});

Deno.test("a message that somebody else has now: its command is stopped, and its result not told", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  const script = "trap 'echo told to stop; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
  const options = ["--visibility", "0.5", "--max-messages", "1"];
  await using running = new RunningSkein(workerArgs(peer, options, script));
  await running.wrote(/ready/);
  queue.takeBack();
  assert.equal(await running.ended(), 0);
  assert.match(running.output, /told to stop/);
  assert.match(
    running.output,
    /lost id=m0 attempts=1 reason=it was delivered again, or handed back/,
  );
  assert.deepEqual([queue.acknowledged, queue.handedBack], [[], []]);
});

Deno.test("what a lost command has started ends with it, and whoever does not heed SIGTERM is killed", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  const script = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'; exit 3";
  const options = ["--visibility", "0.5", "--max-messages", "1", "--grace", "0.2"];
  await using running = new RunningSkein(workerArgs(peer, options, script));
  await running.wrote(/ready/);
  queue.takeBack();
  // Its output ends only when nobody is left who may write.
  assert.equal(await running.ended(), 0);
});

Deno.test("SIGTERM drains: nothing more is taken, and what runs ends and is acknowledged", async () => {
  const queue = new FakeQueue([1, 2, 3]);
  await using peer = peerOf(queue);
  const script = "echo ready; sleep 0.5; echo done";
  await using running = new RunningSkein(workerArgs(peer, [], script));
  await running.wrote(/ready/);
  running.kill("SIGTERM");
  assert.equal(await running.ended(), 0);
  assert.match(running.output, /SIGTERM: taking no more; 1 command may run on seconds=20/);
  assert.match(running.output, /done\nskein: ended acknowledged=1 /);
  assert.deepEqual([queue.acknowledged, queue.handedBack], [["m0"], []]);
});

Deno.test("a worker that waits for messages ends at once, by any of the signals", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    await using peer = peerOf(new FakeQueue([]));
    await using running = new RunningSkein(workerArgs(peer, [], "cat"));
    await eventually("it asks", 10_000, () => assert.ok(peer.count("POST /queue/consume") > 0));
    running.kill(signal);
    assert.equal(await running.ended(), 0);
  }
});

Deno.test("past --drain-timeout what runs is stopped, and handed back without delay", async () => {
  const queue = new FakeQueue([1, 2]);
  await using peer = peerOf(queue);
  const options = ["--concurrency", "2", "--drain-timeout", "0.3"];
  await using running = new RunningSkein(workerArgs(peer, options, "echo ready; exec sleep 30"));
  await running.wrote(/ready\n(?:.*\n)*ready/);
  running.kill("SIGINT");
  assert.equal(await running.ended(), 0);
  assert.deepEqual(
    queue.handedBack.toSorted((a, b) => a.id.localeCompare(b.id)),
    ["m0", "m1"].map((id) => ({ id, delay: 0, reason: "the worker ended" })),
  );
  assert.match(running.output, /stopping 2 that still run/);
});

Deno.test("asked again it kills what runs, hands it back, and says by which signal", async () => {
  const queue = new FakeQueue([1]);
  await using peer = peerOf(queue);
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';
  await using running = new RunningSkein(workerArgs(peer, [], script));
  await running.wrote(/ready/);
  running.kill("SIGTERM");
  await running.wrote(/taking no more/);
  // A second one within half a second is the same key press.
  await new Promise((resolve) => setTimeout(resolve, 600));
  running.kill("SIGTERM");
  assert.equal(await running.ended(), 143);
  assert.deepEqual(queue.handedBack, [{ id: "m0", delay: 0, reason: "the worker ended" }]);
});

Deno.test("peers that cannot answer for a while are asked again, and what is done is acknowledged", async () => {
  const queue = new FakeQueue([1]);
  const { "POST /queue/consume": consume, "POST /queue/ack": ack } = queue.answers;
  const downFirst = (answer: Answers[string] | undefined): Answers[string] => (asked, count) => {
    if (count <= 2) return [503, failed("STORAGE_FAILED", "down")];
    return typeof answer === "function" ? answer(asked, count) : answer!;
  };
  await using peer = peerOf(queue, {
    "POST /queue/consume": downFirst(consume),
    "POST /queue/ack": downFirst(ack),
  });
  const options = ["--retry", "0", "--max-messages", "1", "--json", "--log-level", "debug"];
  const { code, stderr } = await worker(peer, options, "true");
  assert.equal(code, 0);
  assert.deepEqual(queue.acknowledged, ["m0"]);
  const lines = stderr.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ level, message }) => [level, message]), [
    ["INFO", "working on jobs"],
    ["WARN", "cannot tell what became of a message, trying again"],
    ["WARN", "cannot tell what became of a message, trying again"],
    ["DEBUG", "done"],
    ["INFO", "ended"],
  ]);
  assert.equal(lines[3].id, "m0");
});

Deno.test("what no further try would change ends it; so does nobody to ask with --until-empty", async () => {
  await using peer = new FakePeer({
    "POST /queue/consume": [401, failed("UNAUTHORIZED", "the token is wrong")],
  });
  const refused = await worker(peer, [], "true");
  assert.equal(refused.code, 6);
  assert.match(refused.stderr, /skein: the token is wrong\n$/);
  const args = ["queue", "worker", "jobs", "--url", "127.0.0.1:9", "--retry", "0", "--until-empty"];
  assert.equal((await skein([...args, "--", "true"])).code, 3);
});
