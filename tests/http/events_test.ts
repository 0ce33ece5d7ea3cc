/** The event log's routes but for the stream: what is published, what is read, and what is refused. */
import { deepEqual, equal, match } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { ARRIVED_AT } from "./fake_events.ts";
import { Fixture, OTHER_ID } from "./fake_peer.ts";

const decoder = new TextDecoder();
const EVENT = { topic: "t", event_id: "e1", timestamp: "2026-01-01T00:00:00Z", source: "s" };

Deno.test("events: one event, its duplicate, and how it is read", async () => {
  const fixture = new Fixture();
  const event = { ...EVENT, payload: { n: [1, "ä"] } };
  const first = await fixture.post("/publish", event);
  const answered = { success: true, topic: "t", event_id: "e1", offset: 0, duplicate: false };
  deepEqual([first.status, first.json], [200, answered]);
  const again = await fixture.post("/publish", { ...event, payload: "another" });
  deepEqual([again.status, again.json], [200, { ...answered, duplicate: true }]);
  const read = await fixture.get("/events?topic=t");
  deepEqual([read.status, read.json], [200, {
    success: true,
    topic: "t",
    events: [{ ...event, offset: 0 }],
  }]);
});

Deno.test("events: a batch as a list and as events, of several topics", async () => {
  const fixture = new Fixture();
  const batch = ["a", "b", "a"].map((id) => ({ topic: `t-${id}`, event_id: id }));
  const results = [0, 0, 0].map((offset, place) => ({
    success: true,
    offset,
    duplicate: place === 2,
  }));
  const sums = { success: true, received: 3, unique: 2, duplicates: 1 };
  const list = await fixture.post("/publish", batch);
  deepEqual([list.status, list.json], [200, { ...sums, results }]);
  const object = await new Fixture().post("/publish", { events: batch });
  deepEqual([object.status, object.json], [200, { ...sums, results }]);
  const page = await fixture.get("/events?topic=t-a&limit=10");
  deepEqual(page.json, {
    success: true,
    topic: "t-a",
    events: [{
      topic: "t-a",
      event_id: "a",
      timestamp: ARRIVED_AT,
      source: null,
      payload: null,
      offset: 0,
    }],
    first_offset: 0,
    next_offset: 1,
  });
});

Deno.test("events: a payload comes out as the text that was sent, in each form of a body", async () => {
  const fixture = new Fixture();
  const texts = [
    "12345678901234567890",
    "1.0",
    "null",
    '"ä \\u00e4 \\" } ]"',
    '{ "b" : [ 1 ,\n { } ] , "payload":"x", "events": [2] }',
  ];
  const forms = [
    (event: string) => event,
    (event: string) => ` [ ${event} , {"topic":"u","event_id":"x"}]`,
    (event: string) => `{"other": {"payload": 5}, "events": [${event}], "payload": 7}`,
  ];
  for (const [place, text] of texts.entries()) {
    for (const [form, wrap] of forms.entries()) {
      const event = `{"payload":0,"topic":"t","payload": ${text} ,"event_id":"${place}-${form}"}`;
      equal((await fixture.post("/publish", wrap(event))).status, 200);
      const { items: [item] } = fixture.fake.events.published.at(-1)!;
      equal(decoder.decode(item!.payload), text);
    }
  }
  const { text } = await fixture.get("/events?topic=t&limit=1");
  equal(text.includes('"payload":12345678901234567890,'), true);
});

Deno.test("events: timestamps with and without a fraction and a zone are kept as they are", async () => {
  const fixture = new Fixture();
  const times = ["2026-02-28", "2026-01-01T10:00:00", "2026-01-01T10:00:00.123456+02:00"];
  const events = times.map((timestamp) => ({ topic: "t", event_id: timestamp, timestamp }));
  equal((await fixture.post("/publish", { events })).status, 200);
  const { json } = await fixture.get("/events?topic=t");
  deepEqual(json.events.map(({ timestamp }: { timestamp: string }) => timestamp), times);
});

Deno.test("events: one wrong event of a batch is a 422 with index and field, and nothing is stored", async () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ event_id: "e" }, "topic"],
    [{ topic: "t" }, "event_id"],
    [{ topic: 7, event_id: "e" }, "topic"],
    [{ topic: "", event_id: "e" }, "topic"],
    [{ topic: "a\nb", event_id: "e" }, "topic"],
    [{ topic: "t", event_id: "x".repeat(513) }, "event_id"],
    [{ topic: "t", event_id: null }, "event_id"],
    [{ topic: "t", event_id: "e", timestamp: "yesterday" }, "timestamp"],
    [{ topic: "t", event_id: "e", timestamp: "2026-02-30T00:00:00Z" }, "timestamp"],
    [{ topic: "t", event_id: "e", timestamp: 1_700_000_000 }, "timestamp"],
    [{ topic: "t", event_id: "e", source: {} }, "source"],
    [{ topic: "t", event_id: "e", source: "\u0000" }, "source"],
    ["text", ""],
    [null, ""],
    [[], ""],
  ];
  const right = { topic: "t", event_id: "r" };
  for (const [event, field] of wrong) {
    const fixture = new Fixture();
    for (const body of [[right, right, event], { events: [right, right, event] }]) {
      const { status, json } = await fixture.post("/publish", body);
      deepEqual(
        [status, json.error, json.index, json.field],
        [422, "INVALID", 2, field],
        json.message,
      );
      match(json.message, /^event 2: /);
    }
    deepEqual(fixture.fake.events.published, []);
  }
});

Deno.test("events: bodies that are no events at all", async () => {
  const fixture = new Fixture();
  const cases: readonly (readonly [unknown, number])[] = [
    ["", 400],
    ["nonsense", 400],
    ["7", 400],
    ["null", 400],
    [{ events: [], topic: "t" }, 400],
    [{ events: [EVENT], event_id: "e" }, 400],
    [`[${"[".repeat(100)}${"]".repeat(100)}]`, 400],
    [[], 422],
    [{}, 422],
    [{ events: [] }, 422],
    [{ events: {} }, 422],
    [{ events: null }, 422],
    [{ ...EVENT, expected_offset: -1 }, 422],
    [{ ...EVENT, expected_offset: 0.5 }, 422],
    [{ ...EVENT, expected_offset: "0" }, 422],
    [{ events: [EVENT, { ...EVENT, topic: "u" }], expected_offset: 0 }, 422],
    [Array(10_001).fill({ topic: "t", event_id: "e" }), 422],
    [{ ...EVENT, payload: "x".repeat(1024 * 1024) }, 413],
  ];
  for (const [body, status] of cases) {
    const answered = await fixture.post("/publish", body);
    deepEqual([answered.status, answered.json.success], [status, false], answered.text);
  }
  deepEqual(fixture.fake.events.published, []);
});

Deno.test("events: an offset that is expected, and another one", async () => {
  const fixture = new Fixture();
  equal((await fixture.post("/publish", { ...EVENT, expected_offset: 0 })).status, 200);
  const other = { topic: "t", event_id: "e2" };
  const { status, json } = await fixture.post("/publish", { events: [other], expected_offset: 5 });
  deepEqual([status, json.error, json.next_offset], [409, "CONFLICT", 1]);
  equal((await fixture.post("/publish", { events: [other], expected_offset: 1 })).status, 200);
});

Deno.test("events: of a batch that was stored in part each event's result is told", async () => {
  const fixture = new Fixture();
  fixture.fake.events.publishWith = () =>
    Promise.resolve([
      { ok: true, offset: 4, duplicate: true },
      { ok: false, code: "NO_LEADER", message: "nobody leads" },
    ]);
  const { status, json } = await fixture.post("/publish", [EVENT, { topic: "u", event_id: "e" }]);
  deepEqual([status, json.error, json.results], [503, "PARTIAL_FAILURE", [
    { success: true, offset: 4, duplicate: true },
    { success: false, error: "NO_LEADER", message: "nobody leads" },
  ]]);
  match(json.message, /^1 of 2 events could not be published/);
});

Deno.test("events: the caller's request id goes with it, and a refusal to forward is kept", async () => {
  const fixture = new Fixture();
  await fixture.post("/publish", EVENT, { "x-request-id": "r1" });
  deepEqual(fixture.fake.events.published[0]!.request, {
    kind: "caller",
    principal: "local",
    id: "r1",
  });
  const { partitions } = fixture.fake.members.view();
  fixture.fake.groups.leaders.set(partitionOf("events", "t", partitions), OTHER_ID);
  for (const path of ["/events?topic=t&", "/events/stream?topic=t&"]) {
    equal((await fixture.get(`${path}forward=false`)).json.error, "NOT_LEADER");
  }
  equal((await fixture.post("/publish?forward=false", [EVENT])).json.error, "NOT_LEADER");
});

Deno.test("events: pages behind an offset, and a whole topic over many pages", async () => {
  const fixture = new Fixture();
  const events = Array.from({ length: 7 }, (_, n) => ({ topic: "t", event_id: `e${n}` }));
  await fixture.post("/publish", { events });
  const offsets = async (query: string) => {
    const { status, json } = await fixture.get(`/events?topic=t${query}`);
    equal(status, 200);
    return json.events.map(({ offset }: { offset: number }) => offset);
  };
  deepEqual(await offsets(""), [0, 1, 2, 3, 4, 5, 6]);
  deepEqual(await offsets("&after=-1&limit=2"), [0, 1]);
  deepEqual(await offsets("&after=1&limit=3"), [2, 3, 4]);
  deepEqual(await offsets("&after=3"), [4, 5, 6]);
  deepEqual(await offsets("&after=6&limit=1"), []);
  const unknown = await fixture.get("/events?topic=nothing");
  deepEqual([unknown.status, unknown.json.events], [200, []]);
});

Deno.test("events: queries out of their bounds are a 422", async () => {
  const fixture = new Fixture();
  const queries = [
    "",
    "topic=",
    "topic=a%0Ab",
    "topic=t&after=x",
    "topic=t&after=-2",
    "topic=t&after=1.5",
    "topic=t&after=9999999999999999",
    "topic=t&limit=0",
    "topic=t&limit=10001",
    "topic=t&limit=x",
    "topic=t&stale=maybe",
  ];
  for (const query of queries) {
    const { status, json } = await fixture.get(`/events?${query}`);
    deepEqual([status, json.error], [422, "INVALID"], query);
  }
});

Deno.test("events: topics and sums", async () => {
  const fixture = new Fixture();
  deepEqual((await fixture.get("/events/topics")).json, { success: true, topics: [] });
  await fixture.post("/publish", [EVENT, EVENT, { topic: "b", event_id: "e", payload: 12 }]);
  const topic = {
    topic: "b",
    first_offset: 0,
    next_offset: 1,
    bytes: 2,
    received: 1,
    unique: 1,
    duplicates: 0,
  };
  const topics = (await fixture.get("/events/topics")).json.topics;
  deepEqual([topics.length, topics[0]], [2, topic]);
  deepEqual((await fixture.get("/events/topics?topic=b")).json.topics, [topic]);
  equal((await fixture.get("/events/topics?topic=nothing")).status, 404);
  const { uptime, ...sums } = (await fixture.get("/stats")).json;
  equal(uptime >= 0, true);
  deepEqual(sums, {
    success: true,
    topics: 2,
    total_events_received: 3,
    total_unique_events_processed: 2,
    total_duplicate_events_dropped: 1,
    events: 2,
    bytes: 6,
    identities: 2,
  });
});

Deno.test("events: what cannot be read at once is an error, not half a body", async () => {
  const fixture = new Fixture();
  // deno-lint-ignore require-yield -- it fails before its first page
  fixture.fake.events.pages = async function* () {
    throw await Promise.resolve(new SkeinError("NO_LEADER", "nobody leads"));
  };
  const { status, json } = await fixture.get("/events?topic=t");
  deepEqual([status, json.error], [503, "NO_LEADER"]);
});

Deno.test("events: metrics tell what this peer published and read", async () => {
  const { text } = await new Fixture().get("/metrics");
  for (const line of ["received_total 21", "unique_total 15", "duplicates_total 6", "tails 2"]) {
    equal(text.includes(`\nskein_events_${line}\n`), true, line);
  }
});
