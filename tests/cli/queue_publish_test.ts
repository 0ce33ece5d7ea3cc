/** `skein queue publish`: what is sent of the command line and of standard input, and what is told at the end. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { type Answers, type Asked, failed, type FakeAnswer, FakePeer } from "./fake_peer.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

const PUBLISH = "POST /queue/publish";

function messagesOf({ body }: Asked): Record<string, unknown>[] {
  return body["messages"] as Record<string, unknown>[];
}

/** Every id is known that begins with `known`. */
function published(asked: Asked): FakeAnswer {
  const results = messagesOf(asked).map(({ id = "1-1" }) => {
    return { success: true, id, duplicate: String(id).startsWith("known") };
  });
  return [200, { success: true, results }];
}

function fakePeer(answers: Answers = { [PUBLISH]: published }): FakePeer {
  return new FakePeer(answers);
}

function publish(peer: FakePeer, words: readonly string[], input?: string) {
  return skein(["queue", "publish", "jobs", ...words, "--url", peer.url], {}, input);
}

Deno.test("one message of the command line, with all that may be said of it", async () => {
  await using peer = fakePeer({ [PUBLISH]: [200, { success: true, id: "o", duplicate: false }] });
  const words = ["--id", "o", "--key", "k", "--priority", "9", "--delay", "1.5", "--ttl", "60"];
  const { code, stdout } = await publish(peer, ['{"camelCase":1}', ...words]);
  assert.equal(code, 0);
  assert.equal(stdout, "published o\n");
  await publish(peer, ["--text", '{"camelCase":1}', "--json"]);
  assert.deepEqual(peer.asked.map(({ body }) => body), [
    {
      topic: "jobs",
      data: { camelCase: 1 },
      id: "o",
      key: "k",
      priority: 9,
      delay: 1.5,
      ttl: 60,
    },
    { topic: "jobs", data: '{"camelCase":1}' },
  ]);
});

Deno.test("a duplicate is told, and is no error", async () => {
  await using peer = fakePeer({ [PUBLISH]: [200, { success: true, id: "o", duplicate: true }] });
  const text = await publish(peer, ["1"]);
  assert.equal(text.code, 0);
  assert.equal(text.stdout, "published o, a duplicate: it was published before\n");
  const document = JSON.parse((await publish(peer, ["1", "--json"])).stdout);
  assert.deepEqual(document, { success: true, topic: "jobs", id: "o", duplicate: true });
});

Deno.test("options that do not go together, and data that is no JSON, are wrong usage", async () => {
  await using peer = fakePeer();
  const cases = [
    [["plain"], /^skein: DATA \(for text say --text\): no JSON: /],
    [["1", "--id-from", "a"], /--id-from and --key-from are for standard input/],
    [["--id", "a"], /--id is for one message/],
    [["--text", "--messages"], /--text goes with neither/],
    [["1", "--priority", "10"], /Allowed: a whole number from 0 to 9/],
    [["--batch", "1001"], /Allowed: a whole number from 1 to 1000/],
  ] as const;
  for (const [words, expected] of cases) {
    const { code, stderr } = await publish(peer, words);
    assert.equal(code, 2);
    assert.match(stderr, expected);
  }
  assert.equal(peer.asked.length, 0);
});

Deno.test("lines of standard input, in order, in batches; ids from the data; duplicates counted", async () => {
  await using peer = fakePeer();
  const lines = ["known1", "b", "known2", "d", "e"].map((name) => JSON.stringify({ name }));
  const words = ["--id-from", "name", "--batch", "2", "--priority", "3"];
  const { code, stdout, stderr } = await publish(peer, words, `${lines.join("\n")}\n\n`);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.match(
    stdout,
    /^published 5 messages, of which 2 were known already to jobs in [\d.]+ s\n$/,
  );
  const batches = peer.asked.map(messagesOf);
  assert.ok(batches.every(({ length }) => length <= 2));
  assert.deepEqual(
    batches.flat(),
    ["known1", "b", "known2", "d", "e"].map((name) => ({ data: { name }, id: name, priority: 3 })),
  );
  const json = await publish(peer, ["--json"], "1\n2\n");
  const { seconds, ...document } = JSON.parse(json.stdout);
  assert.ok(seconds >= 0);
  assert.deepEqual(document, { success: true, topic: "jobs", published: 2, duplicates: 0 });
});

Deno.test("nothing to read publishes nothing", async () => {
  await using peer = fakePeer();
  const { code, stdout } = await publish(peer, []);
  assert.equal(code, 0);
  assert.match(stdout, /^published 0 messages to jobs/);
  assert.equal(peer.asked.length, 0);
});

Deno.test("a bad line is told with its number and what was published, and how to go on", async () => {
  await using peer = fakePeer();
  const input = '1\n\n2\n{"a":\n3\n';
  const { code, stdout, stderr } = await publish(peer, [], input);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  const [told = "", goOn = ""] = stderr.split("\n");
  assert.match(told, /^skein: line 4: no JSON: /);
  assert.equal(goOn, "skein: 2 messages published; --skip 3 goes on behind line 3");
  assert.deepEqual(peer.asked.flatMap(messagesOf), [{ data: 1 }, { data: 2 }]);
  const json = await publish(peer, ["--json"], input);
  assert.equal(json.code, 2);
  const { message: _, ...document } = JSON.parse(json.stdout);
  assert.deepEqual(document, {
    success: false,
    error: "INVALID",
    line: 4,
    published: 2,
    duplicates: 0,
    published_lines: 3,
  });
  const resumed = await publish(peer, ["--skip", "4"], input);
  assert.equal(resumed.code, 0);
  assert.deepEqual(messagesOf(peer.asked.at(-1)!), [{ data: 3 }]);
});

Deno.test("a line beyond what a request may hold is bad, and never held whole", async () => {
  await using peer = fakePeer();
  const { code, stderr } = await publish(peer, ["--text"], `a\n${"x".repeat(3_000_000)}\nb\n`);
  assert.equal(code, 2);
  assert.match(stderr, /^skein: line 2: too long, or no UTF-8\n.*1 message published; --skip 1 /);
});

Deno.test("a cluster that refuses ends it, with the cluster's exit code", async () => {
  await using peer = fakePeer({
    [PUBLISH]: (asked, count) =>
      count === 1 ? published(asked) : [401, failed("UNAUTHORIZED", "no token")],
  });
  const { code, stderr } = await publish(peer, ["--batch", "1"], "1\n2\n3\n");
  assert.equal(code, 6);
  assert.equal(
    stderr,
    "skein: no token\nskein: 1 message published; --skip 1 goes on behind line 1\n",
  );
  assert.equal(peer.asked.length, 2);
});

Deno.test("Ctrl-C waits for what is on its way, and tells how many the cluster has", async () => {
  const answer = Promise.withResolvers<void>();
  await using peer = fakePeer({
    [PUBLISH]: async (asked, count) => {
      if (count === 2) await answer.promise;
      return published(asked);
    },
  });
  const args = ["queue", "publish", "jobs", "--batch", "2", "--url", peer.url];
  await using running = new RunningSkein(args, {}, "piped");
  await running.write("1\n2\n3\n4\n5\n");
  await eventually("the second batch is on its way", 10_000, () => {
    assert.equal(peer.asked.length, 2);
  });
  running.kill("SIGINT");
  answer.resolve();
  assert.equal(await running.ended(), 130);
  const told = /^skein: stopped: (\d) messages published; --skip (\d) goes on/.exec(running.output);
  const sent = peer.asked.flatMap(messagesOf).length;
  assert.deepEqual(told?.slice(1).map(Number), [sent, sent], running.output);
});
