/** `skein bench events`: verified on a cluster that keeps its word, and told what is wrong with one that does not. */
import assert from "node:assert/strict";
import { EventBench } from "../../src/cli/event_bench.ts";
import type { PublishEventsRequest } from "../../src/events/events.ts";
import { Random } from "../../src/random.ts";
import { Served } from "../client/served.ts";
import { SkeinCluster } from "../integration/skein_process.ts";
import { skein } from "./skein_process.ts";

const TOPICS = ["a", "b"];

function run(url: string) {
  return new EventBench({
    urls: [url],
    token: null,
    random: new Random(1, 2),
    topics: TOPICS,
    events: 500,
    duplicates: 0.2,
    batch: 20,
    inFlight: 2,
    patienceMs: 0,
    onProgress() {},
  }).run();
}

Deno.test("bench events: what was sent is what was counted and stored", async () => {
  await using served = await Served.start();
  const { problems, sent, distinct, received, unique, duplicates, resent } = await run(served.url);
  assert.deepEqual(problems, []);
  assert.deepEqual([sent, distinct, received], [500, 400, 500]);
  assert.deepEqual([unique, duplicates, resent], [400, 100, 0]);
});

Deno.test("bench events: a duplicate that is stored again is found", async () => {
  await using served = await Served.start();
  const { events } = served.fake;
  let serial = 0;
  events.publishWith = (request: PublishEventsRequest) => {
    events.publishWith = null;
    const items = request.items.map((item) => ({ ...item, eventId: `event-${serial++}` }));
    return events.publish({ ...request, items });
  };
  const { problems } = await run(served.url);
  assert.notDeepEqual(problems, [], "one batch went by other ids than its publisher gave");
});

Deno.test("bench events: an event that is lost after the answer is found", async () => {
  await using served = await Served.start();
  const { events } = served.fake;
  events.publishWith = ({ items }: PublishEventsRequest) => {
    events.publishWith = null;
    return Promise.resolve(items.map((_, offset) => ({ ok: true, offset, duplicate: false })));
  };
  const { problems } = await run(served.url);
  assert.ok(problems.some((problem) => /counted as received, but 500 were sent/.test(problem)));
});

Deno.test("bench events: VERIFIED through all peers of a real cluster, exit code 0", async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const words = ["bench", "events", "--events", "1000", "--url", peers[1]!.url];
    const { code, stdout } = await skein(words);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^sent 1000 events, 800 of them distinct, through 3 peers in /);
    assert.match(stdout, /\nreceived 1000, stored 800, dropped 200 duplicates\nVERIFIED\n$/);
    const script = await skein([...words, "--duplicates", "0", "--json"]);
    const { success, verified, duplicates, problems } = JSON.parse(script.stdout);
    assert.deepEqual([script.code, success, verified], [0, true, true]);
    assert.deepEqual([duplicates, problems], [0, []]);
  });
  const { code } = await skein(["bench", "events", "--duplicates", "1"]);
  assert.equal(code, 2);
});
