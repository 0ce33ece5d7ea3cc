/** Commands of the event log: what they send, what they print, and their exit codes. */
import assert from "node:assert/strict";
import { type Asked, failed, type FakeAnswer, FakePeer } from "./fake_peer.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";
import { skeinCommand } from "../skein_command.ts";

const PUBLISH = "POST /publish";

function events(peer: FakePeer, words: readonly string[], input?: string) {
  return skein(["events", ...words, "--url", peer.url], {}, input);
}

function sentBy({ body }: Asked): Record<string, unknown>[] {
  return body["events"] as Record<string, unknown>[];
}

/** Every id is known that begins with `known`. */
function published(asked: Asked): FakeAnswer {
  const results = sentBy(asked).map(({ event_id: id }, offset) => {
    return { success: true, offset, duplicate: String(id).startsWith("known") };
  });
  return [200, { success: true, results }];
}

function stored(offset: number) {
  return {
    topic: "t",
    event_id: `e${offset}`,
    timestamp: "2026-01-01T00:00:00Z",
    source: offset === 0 ? null : "s",
    payload: { camelCase: offset },
    offset,
  };
}

Deno.test("publish sends the lines of standard input in batches and in order", async () => {
  await using peer = new FakePeer({ [PUBLISH]: published });
  const lines = [
    '{"topic":"t","event_id":"a","timestamp":"2026-01-01","source":"s","payload":{"n":1}}',
    "",
    '{"event_id":"known","payload":12345678901234567890,"offset":7}',
    '{"event_id":9007199254740993}',
  ];
  const { code, stdout } = await events(
    peer,
    ["publish", "--topic", "usual", "--source", "here", "--batch", "2"],
    lines.join("\n"),
  );
  assert.equal(code, 0);
  assert.match(stdout, /^published 3 events, of which 1 was known already in [\d.]+ s\n$/);
  assert.deepEqual(peer.asked.flatMap(sentBy), [
    { topic: "t", event_id: "a", timestamp: "2026-01-01", source: "s", payload: { n: 1 } },
    { topic: "usual", event_id: "known", source: "here", payload: 12345678901234567890 },
    { topic: "usual", event_id: "9007199254740993", source: "here" },
  ]);
  assert.ok(peer.asked.every((asked) => sentBy(asked).length <= 2));
});

Deno.test("publish reads a file, and says what it cannot read", async () => {
  await using peer = new FakePeer({ [PUBLISH]: published });
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, '{"topic":"t","event_id":"a"}\n{"topic":"t","event_id":"b"}\n');
    const { code, stdout } = await events(peer, ["publish", file, "--json"]);
    const { seconds, ...document } = JSON.parse(stdout);
    assert.ok(seconds >= 0);
    assert.deepEqual([code, document], [0, { success: true, published: 2, duplicates: 0 }]);
  } finally {
    await Deno.remove(file);
  }
  for (const path of ["/nothing/here.jsonl", import.meta.dirname!]) {
    const { code, stderr } = await events(peer, ["publish", path]);
    assert.equal(code, 2);
    assert.ok(stderr.startsWith(`skein: cannot read ${path}: `), stderr);
  }
});

Deno.test("publish tells a bad line by its number, and sends nothing behind it", async () => {
  await using peer = new FakePeer({ [PUBLISH]: published });
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["nonsense", /no JSON/],
    ["[1]", /an event is an object/],
    ['{"topic":"t"}', /event_id: nothing/],
    ['{"event_id":"e"}', /topic: null/],
    ['{"topic":"t","event_id":"e","timestamp":"soon"}', /timestamp: "soon"/],
    ['{"topic":"t","event_id":"e","timestamp":5}', /timestamp: 5/],
    ['{"topic":"t","event_id":"e","playload":5}', /no field "playload"/],
    ['{"topic":"t","event_id":"e","source":7}', /source: 7/],
  ];
  for (const [line, expected] of wrong) {
    const { code, stderr } = await events(
      peer,
      ["publish"],
      `{"topic":"t","event_id":"a"}\n${line}\n{"topic":"t","event_id":"b"}\n`,
    );
    assert.equal(code, 2, line);
    assert.match(stderr, /^skein: line 2: /);
    assert.match(stderr, expected);
  }
  assert.ok(peer.asked.flatMap(sentBy).every(({ event_id: id }) => id === "a"));
});

Deno.test("publish names the line of the event that the cluster refuses", async () => {
  const refusal = failed("INVALID", "event 1: event_id: is odd", { index: 1, field: "event_id" });
  await using peer = new FakePeer({ [PUBLISH]: [422, refusal] });
  const input = '{"topic":"t","event_id":"a"}\n\n{"topic":"t","event_id":"b"}\n';
  const { code, stdout } = await events(peer, ["publish", "--json"], input);
  assert.deepEqual([code, JSON.parse(stdout).line], [2, 3]);
});

Deno.test("get prints a topic page by page, for people and for scripts", async () => {
  const page = (offsets: readonly number[]): FakeAnswer => [200, {
    success: true,
    topic: "t",
    events: offsets.map(stored),
    first_offset: 0,
    next_offset: 3,
  }];
  await using peer = new FakePeer({
    "GET /events?topic=t&limit=10000": page([0, 1]),
    "GET /events?topic=t&limit=10000&after=1": page([2]),
    "GET /events?topic=t&limit=1&after=0": page([1]),
  });
  const plain = await events(peer, ["get", "t"]);
  assert.equal(plain.code, 0);
  assert.deepEqual(plain.stdout.trimEnd().split("\n"), [
    '0  2026-01-01T00:00:00Z  e0  {"camelCase":0}',
    '1  2026-01-01T00:00:00Z  e1  s  {"camelCase":1}',
    '2  2026-01-01T00:00:00Z  e2  s  {"camelCase":2}',
  ]);
  const script = await events(peer, ["get", "t", "--after", "0", "--limit", "1", "--json"]);
  assert.deepEqual(JSON.parse(script.stdout), stored(1));
});

Deno.test("get shows no terminal what it would take for a command", async () => {
  const event = { ...stored(1), payload: "\u009b31m" };
  const page = { success: true, topic: "t", events: [event], first_offset: 1, next_offset: 2 };
  await using peer = new FakePeer({ "GET /events?topic=t&limit=10000": [200, page] });
  const { stdout } = await events(peer, ["get", "t"]);
  assert.equal(stdout, '1  2026-01-01T00:00:00Z  e1  s  "\\u009b31m"\n');
});

Deno.test("tail begins with the last events, and ends when it is told to", async () => {
  const beginning = { success: true, topic: "t", events: [], first_offset: 0, next_offset: 20 };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/events") return Response.json(beginning);
    const text = `id: 18\ndata: ${JSON.stringify(stored(18))}\n\n`;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        assert.equal(searchParams.get("after"), "17");
        controller.enqueue(new TextEncoder().encode(text));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    await using tail = new RunningSkein(["events", "tail", "t", "--last", "2", "--url", url]);
    await tail.wrote(/^18 {2}2026-01-01T00:00:00Z {2}e18 {2}s {2}\{"camelCase":18\}/m);
    tail.kill("SIGINT");
    assert.equal(await tail.ended(), 0);
  } finally {
    await server.shutdown();
  }
});

Deno.test("tail ends with the next event once nobody reads it any more", async () => {
  const goneReader = Promise.withResolvers<void>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    const body = new ReadableStream<string>({
      async start(controller) {
        controller.enqueue(`id: 1\ndata: ${JSON.stringify(stored(1))}\n\n`);
        await goneReader.promise;
        controller.enqueue(`id: 2\ndata: ${JSON.stringify(stored(2))}\n\n`);
      },
    });
    const headers = { "content-type": "text/event-stream" };
    return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  await using tail = skeinCommand(["events", "tail", "t", "--after", "0", "--url", url]).spawn();
  const deadline = setTimeout(() => tail.kill("SIGKILL"), 60_000);
  try {
    const reader = tail.stdout.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /^1 .*e1 /);
    await reader.cancel();
    goneReader.resolve();
    const SIGPIPE = 13;
    assert.equal((await tail.status).code, 128 + SIGPIPE);
    await tail.stderr.cancel();
  } finally {
    clearTimeout(deadline);
    await server.shutdown();
  }
});

Deno.test("topics and stats", async () => {
  const topic = {
    topic: "t",
    first_offset: 1,
    next_offset: 5,
    bytes: 400,
    received: 7,
    unique: 5,
    duplicates: 2,
  };
  const stats = {
    success: true,
    uptime: 1.5,
    topics: 1,
    total_events_received: 7,
    total_unique_events_processed: 5,
    total_duplicate_events_dropped: 2,
    events: 4,
    bytes: 400,
    identities: 5,
  };
  await using peer = new FakePeer({
    "GET /events/topics": [200, { success: true, topics: [topic] }],
    "GET /stats": [200, stats],
  });
  assert.match((await events(peer, ["topics"])).stdout, /^t +1 +5 +400 +7 +5 +2$/m);
  const topics = JSON.parse((await events(peer, ["topics", "--json"])).stdout);
  assert.deepEqual(topics, { success: true, topics: [topic] });
  assert.match((await events(peer, ["stats"])).stdout, /^received +7\nstored +5, each once\n/m);
  assert.deepEqual(JSON.parse((await events(peer, ["stats", "--json"])).stdout), stats);
});
