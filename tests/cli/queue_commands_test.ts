/** Commands of the queue: what they send, what they print, and their exit codes. */
import assert from "node:assert/strict";
import { failed, FakePeer } from "./fake_peer.ts";
import { skein } from "./skein_process.ts";

const TOPIC = {
  topic: "jobs",
  lanes: 2,
  visibility: 30,
  max_attempts: 16,
  dedup_window: 300,
  backoff: [1, 2.5],
  paused: false,
  ready: 5,
  in_flight: 1,
  delayed: 2,
  dead: 3,
  bytes: 1234,
  oldest_age: 1.5,
  totals: {
    published: 20,
    duplicates: 1,
    delivered: 9,
    redelivered: 4,
    acknowledged: 7,
    dead_lettered: 3,
    expired: 0,
    purged: 0,
    requeued: 0,
    dedup_evicted: 0,
  },
  rates: { published: 1.5, delivered: 2, acknowledged: 0 },
};
const DELIVERY = {
  id: "1-7",
  data: { camelCase: [1, "zwei"] },
  receipt: "1-0-7-1",
  attempts: 1,
  priority: 0,
  key: null,
  published_at: "2030-01-01T00:00:00.000Z",
  visible_until: "2030-01-01T00:00:30.000Z",
};
const DEAD = {
  id: "1-3",
  data: { text: "x".repeat(100), camelCase: 1 },
  attempts: 16,
  reason: "max_attempts",
  priority: 0,
  published_at: "2030-01-01T00:00:00.000Z",
  dead_at: "2030-01-01T00:10:00.000Z",
};

function queue(peer: FakePeer, ...words: readonly string[]) {
  return skein(["queue", ...words, "--url", peer.url]);
}

async function jsonOf(peer: FakePeer, ...words: readonly string[]) {
  return JSON.parse((await queue(peer, ...words, "--json")).stdout);
}

Deno.test("stats and topics", async () => {
  await using peer = new FakePeer({
    "GET /queue/stats?topic=jobs": [200, { success: true, ...TOPIC }],
    "GET /queue/topics?stale=true": [200, { success: true, topics: [TOPIC] }],
  });
  const { code, stdout } = await queue(peer, "stats", "jobs");
  assert.equal(code, 0);
  assert.match(stdout, /\nready +5\nin flight +1\ndelayed +2\ndead +3\n/);
  assert.match(stdout, /\nback-off +1 s, 2\.5 s\n/);
  assert.deepEqual(await jsonOf(peer, "stats", "jobs"), { success: true, ...TOPIC });
  const list = await queue(peer, "topics", "--stale");
  assert.match(list.stdout, /^TOPIC .*\njobs +5 +1 +2 +3 +1234 +1\.5 s +2\n$/);
  const document = await jsonOf(peer, "topics", "--stale");
  assert.deepEqual(document, { success: true, topics: [TOPIC] });
});

Deno.test("configure sends what is named and nothing else; pause and resume are short for it", async () => {
  await using peer = new FakePeer({ "POST /queue/topics": [200, { success: true, ...TOPIC }] });
  const document = await jsonOf(peer, "configure", "jobs", "--lanes", "2", "--backoff", "1,2.5");
  assert.deepEqual(document, { success: true, ...TOPIC });
  const rest = ["--visibility", "0.5", "--max-attempts", "0", "--dedup-window", "60"];
  await queue(peer, "configure", "jobs", ...rest, "--backoff", "none");
  assert.equal(
    (await queue(peer, "pause", "jobs")).stdout,
    "paused jobs: 5 messages ready, 1 in flight\n",
  );
  await queue(peer, "resume", "jobs");
  assert.deepEqual(peer.asked.map(({ body }) => body), [
    { topic: "jobs", lanes: 2, backoff: [1, 2.5] },
    { topic: "jobs", visibility: 0.5, max_attempts: 0, dedup_window: 60, backoff: [] },
    { topic: "jobs", paused: true },
    { topic: "jobs", paused: false },
  ]);
});

Deno.test("dead letters: a page of them, for scripts with their data as it is", async () => {
  const letters = [200, { success: true, topic: "jobs", messages: [DEAD] }] as const;
  await using peer = new FakePeer({
    "GET /queue/dead?topic=jobs&limit=1&after=1-2": letters,
    "GET /queue/dead?topic=jobs&limit=100": letters,
  });
  const { stdout } = await queue(peer, "dead", "jobs", "--max", "1", "--after", "1-2");
  assert.match(stdout, /\n1-3 +16 +max_attempts +2030\S+ +\{"text":"x+…\nmore: --after 1-3\n$/);
  const document = await jsonOf(peer, "dead", "jobs");
  assert.deepEqual(document, { success: true, topic: "jobs", messages: [DEAD] });
});

Deno.test("requeue: some, all, at a rate, and not by accident", async () => {
  await using peer = new FakePeer({ "POST /queue/requeue": [200, { success: true, requeued: 2 }] });
  const some = await queue(peer, "requeue", "jobs", "1-3", "1-4");
  assert.equal(some.stdout, "put 2 dead letters of jobs back\n");
  const document = await jsonOf(peer, "requeue", "jobs", "--all", "--rate", "100");
  assert.deepEqual(document, { success: true, topic: "jobs", requeued: 2 });
  assert.deepEqual(peer.asked.map(({ body }) => body), [
    { topic: "jobs", ids: ["1-3", "1-4"] },
    { topic: "jobs", all: true, rate: 100 },
  ]);
  for (const words of [[], ["1-3", "--all"]]) {
    assert.equal((await queue(peer, "requeue", "jobs", ...words)).code, 2);
  }
  assert.equal(peer.asked.length, 2);
});

Deno.test("purge wants to be told what, and --yes where nobody can be asked", async () => {
  await using peer = new FakePeer({ "POST /queue/purge": [200, { success: true, purged: 1 }] });
  for (const words of [["--yes"], ["--ready", "--dead", "--yes"]]) {
    const { code, stderr } = await queue(peer, "purge", "jobs", ...words);
    assert.equal(code, 2);
    assert.match(stderr, /say what goes: --ready, --dead or --all/);
  }
  const unasked = await queue(peer, "purge", "jobs", "--dead");
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /--yes to remove all dead letters of jobs for good/);
  assert.equal(peer.asked.length, 0);
  const done = await queue(peer, "purge", "jobs", "--dead", "--yes");
  assert.equal(done.stdout, "removed 1 message of jobs\n");
  assert.deepEqual(peer.asked[0]!.body, { topic: "jobs", what: "dead" });
});

Deno.test("ack, nack and extend, by id and by receipt, several at once", async () => {
  const results = [{ success: true }, { success: true }, { success: true }];
  const done = [200, { success: true, results }] as const;
  await using peer = new FakePeer({
    "POST /queue/ack": done,
    "POST /queue/nack": done,
    "POST /queue/extend": done,
  });
  const names = ["1-7", "--receipt", "r1", "--receipt", "r2"];
  const deliveries = [{ id: "1-7" }, { receipt: "r1" }, { receipt: "r2" }];
  const text = await queue(peer, "ack", "jobs", ...names);
  assert.equal(text.stdout, "acknowledged 1-7\nacknowledged r1\nacknowledged r2\n");
  const how = ["--delay", "1.5", "--reason", "no disk"];
  const document = await jsonOf(peer, "nack", "jobs", ...names, ...how);
  const expected = deliveries.map((name) => ({ ...name, success: true }));
  assert.deepEqual(document, { success: true, results: expected });
  await queue(peer, "extend", "jobs", ...names, "--visibility", "90");
  assert.deepEqual(peer.asked.map(({ body }) => body), [
    { topic: "jobs", deliveries },
    { topic: "jobs", deliveries, delay: 1.5, reason: "no disk" },
    { topic: "jobs", deliveries, visibility: 90 },
  ]);
  assert.equal((await queue(peer, "ack", "jobs")).code, 2);
});

Deno.test("a delivery that means nothing any more is exit code 1, the others are settled", async () => {
  const refused = [
    { success: true },
    failed("STALE_RECEIPT", "stale"),
    failed("NOT_FOUND", "gone"),
  ];
  await using peer = new FakePeer({
    "POST /queue/ack": [200, { success: true, results: refused }],
  });
  const text = await queue(peer, "ack", "jobs", "a", "b", "c");
  assert.equal(text.code, 1);
  assert.equal(text.stdout, "acknowledged a\n");
  assert.match(text.stderr, /^skein: b: .*delivered again.*\nskein: c: no such message .*\n$/);
  const json = await queue(peer, "ack", "jobs", "a", "b", "c", "--json");
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.stdout), {
    success: false,
    results: [
      { id: "a", success: true },
      { id: "b", success: false, error: "STALE_RECEIPT" },
      { id: "c", success: false, error: "NOT_FOUND" },
    ],
  });
});

Deno.test("consume prints messages, and acknowledges what it printed", async () => {
  const other = { ...DELIVERY, id: "1-8", receipt: "1-0-8-1", data: "two\nlines" };
  await using peer = new FakePeer({
    "POST /queue/consume": [200, { success: true, messages: [DELIVERY, other] }],
    "POST /queue/ack": [200, { success: true, results: [{ success: true }, { success: true }] }],
  });
  const text = await queue(peer, "consume", "jobs", "--max", "2", "--visibility", "5", "--ack");
  assert.equal(text.code, 0);
  assert.equal(
    text.stdout,
    '1-7  attempt 1  receipt 1-0-7-1  {"camelCase":[1,"zwei"]}\n' +
      '1-8  attempt 1  receipt 1-0-8-1  "two\\nlines"\n',
  );
  const [consumed, acknowledged] = peer.asked;
  const { consumer: _, ...body } = consumed!.body;
  assert.deepEqual(body, { topic: "jobs", max: 2, visibility: 5, wait: 0 });
  assert.deepEqual(acknowledged!.body, {
    topic: "jobs",
    deliveries: [{ id: "1-7", receipt: "1-0-7-1" }, { id: "1-8", receipt: "1-0-8-1" }],
  });
  const document = await jsonOf(peer, "consume", "jobs");
  assert.deepEqual(document, { success: true, topic: "jobs", messages: [DELIVERY, other] });
  const raw = await queue(peer, "consume", "jobs", "--raw");
  assert.equal(raw.stdout, '{"camelCase":[1,"zwei"]}\ntwo\nlines\n');
  assert.equal(peer.count("POST /queue/ack"), 1);
});

Deno.test("consume without a message is no error; what it acknowledged too late is one", async () => {
  let messages: unknown[] = [];
  await using peer = new FakePeer({
    "POST /queue/consume": () => [200, { success: true, messages }],
    "POST /queue/ack": [200, { success: true, results: [failed("STALE_RECEIPT", "stale")] }],
  });
  const empty = await queue(peer, "consume", "jobs", "--ack");
  assert.deepEqual(empty, { code: 0, stdout: "", stderr: "skein: no message\n" });
  messages = [DELIVERY];
  const late = await queue(peer, "consume", "jobs", "--ack", "--raw");
  assert.equal(late.code, 1);
  assert.equal(late.stderr, "skein: 1-7 was not acknowledged: its time was over\n");
});
