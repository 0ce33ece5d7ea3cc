/**
 * A real cluster, and requests of the event log that are wrong: each is answered with what is wrong and changes nothing,
 * the process lives, and an honest client is served meanwhile.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const BATCH_MAX = 10_000;
const MIB = 1024 * 1024;
/** Larger than what the system keeps of a connection that nobody reads. */
const UNREAD_EVENTS = 64;

interface WrongRequest {
  readonly what: string;
  readonly path: string;
  /** Sent as it is where it is a text; null: a GET. */
  readonly body: unknown;
  readonly status: number;
  readonly error: string;
}

const right = { topic: "t", event_id: "e" };

const invalid = (what: string, body: unknown): WrongRequest => ({
  what,
  path: "/publish",
  body,
  status: 422,
  error: "INVALID",
});
const malformed = (what: string, body: unknown): WrongRequest => ({
  ...invalid(what, body),
  status: 400,
  error: "BAD_REQUEST",
});
const asked = (what: string, path: string, status = 422, error = "INVALID"): WrongRequest => ({
  what,
  path,
  body: null,
  status,
  error,
});

const WRONG: readonly WrongRequest[] = [
  invalid("no topic", { event_id: "e" }),
  invalid("no id", { topic: "t" }),
  invalid("an id of 1 KiB", { topic: "t", event_id: "x".repeat(1024) }),
  invalid("an empty id", { topic: "t", event_id: "" }),
  invalid("an id that is a number", { topic: "t", event_id: 7 }),
  invalid("half a character as id", '{"topic":"t","event_id":"\\ud800"}'),
  invalid("a topic with a line break", { topic: "a\nb", event_id: "e" }),
  invalid("a topic with control characters", { topic: "a\u0000", event_id: "e" }),
  invalid("a topic of 1 KiB", { topic: "x".repeat(1024), event_id: "e" }),
  invalid("a source with control characters", { ...right, source: "\u0007" }),
  invalid("a source that is none", { ...right, source: { a: 1 } }),
  invalid("a timestamp of words", { ...right, timestamp: "noon" }),
  invalid("a day that is not", { ...right, timestamp: "2026-02-29T00:00:00Z" }),
  invalid("an hour that is not", { ...right, timestamp: "2026-01-01T24:00:01Z" }),
  invalid("a timestamp without end", {
    ...right,
    timestamp: `2026-01-01T00:00:00.${"0".repeat(9e4)}Z`,
  }),
  invalid("a timestamp that is a number", { ...right, timestamp: 1_700_000_000 }),
  invalid("an empty batch", []),
  invalid("an empty list of events", { events: [] }),
  invalid("events that are no list", { events: { "0": right } }),
  invalid("a batch over the bound", Array(BATCH_MAX + 1).fill(right)),
  invalid("a batch with one wrong event", [right, { ...right, event_id: "f" }, { topic: "t" }]),
  invalid("a batch with a list in it", [right, [right]]),
  invalid("a negative offset that is expected", { ...right, expected_offset: -1 }),
  invalid("an offset that is expected of two topics", {
    events: [right, { ...right, topic: "u" }],
    expected_offset: 0,
  }),
  malformed("half an object", '{"topic":"t","event_id":'),
  malformed("a number", "7"),
  malformed("payload that is no JSON", '{"topic":"t","event_id":"e","payload":NaN}'),
  malformed("payload that is nested too deep", `[${"[".repeat(500)}${"]".repeat(500)}]`),
  malformed("brackets without end", "[".repeat(200_000)),
  malformed("one event and several", { ...right, events: [right] }),
  {
    ...invalid("a payload of 2 MiB", { ...right, payload: "x".repeat(2 * MIB) }),
    status: 413,
    error: "PAYLOAD_TOO_LARGE",
  },
  {
    ...invalid("another offset than comes next", { ...right, expected_offset: 17 }),
    status: 409,
    error: "CONFLICT",
  },
  asked("events of no topic", "/events"),
  asked("a stream of no topic", "/events/stream"),
  asked("events behind nothing", "/events?topic=t&after=x"),
  asked(
    "a stream behind what no number holds",
    "/events/stream?topic=t&after=99999999999999999999",
  ),
  asked("a page of nothing", "/events?topic=t&limit=0"),
  asked("a page without end", "/events?topic=t&limit=1000000"),
  asked("a topic that nobody published to", "/events/topics?topic=nothing", 404, "NOT_FOUND"),
];

function send(peer: SkeinProcess, { path, body }: WrongRequest): Promise<Response> {
  const signal = AbortSignal.timeout(10_000);
  if (body === null) return fetch(peer.url + path, { signal });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(peer.url + path, { method: "POST", body: text, signal });
}

Deno.test("wrong requests of events are answered with what is wrong, and change nothing", async (test) => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const { events } = new SkeinClient({ urls: peers.map(({ url }) => url) });
    await events.publish({ topic: "honest", eventId: "1", payload: "kept" });
    for (const [place, wrong] of WRONG.entries()) {
      await test.step(wrong.what, async () => {
        const response = await send(peers[place % peers.length]!, wrong);
        const answer = await response.json();
        const { success, error, message } = answer;
        const shown = JSON.stringify(answer).slice(0, 500);
        assert.deepEqual(
          [response.status, success, error],
          [wrong.status, false, wrong.error],
          shown,
        );
        assert.ok(
          typeof message === "string" && message.length > 0 && message.length < 1024,
          shown,
        );
      });
    }
    const { received, unique, topics } = await events.stats();
    assert.deepEqual([received, unique, topics], [1, 1, 1], "nothing of it was stored or counted");
    const { events: [honest] } = await events.page("honest");
    assert.deepEqual([honest!.offset, honest!.payload], [0, "kept"]);
    assert.ok(peers.every(({ up }) => up));
  });
});

Deno.test("what is unusual and right is taken: names, times, payloads and nesting", async () => {
  await SkeinCluster.with({ peers: 1, flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [peer] = peers as [SkeinProcess];
    const { events } = new SkeinClient({ urls: [peer.url] });
    const names = [
      "x".repeat(512),
      "Grüße, 世界 🎉",
      "a b/c?d=e&f#g",
      "__proto__",
      "constructor",
      ".",
    ];
    const nested: unknown = JSON.parse("[".repeat(60) + "]".repeat(60));
    const values = [null, false, 0, "", "\u0000\u2028\n", [], {}, { toString: 1 }, nested, 1e308];
    for (const topic of names) {
      const batch = [
        ...names.map((eventId) => ({ topic, eventId, source: "" })),
        ...values.map((payload, place) => ({ topic, eventId: `v${place}`, payload })),
      ];
      const results = await events.publishBatch([...batch, ...batch]);
      assert.deepEqual(
        results.map(({ offset, duplicate }) => [offset, duplicate]),
        [...batch.keys()].map((n) => [n, false]).concat([...batch.keys()].map((n) => [n, true])),
      );
      const read = (await events.page(topic)).events;
      assert.deepEqual(read.map(({ eventId }) => eventId), batch.map(({ eventId }) => eventId));
      assert.deepEqual(read.slice(names.length).map(({ payload }) => payload), values);
      let streamed = 0;
      for await (const { offset } of events.stream(topic)) {
        assert.equal(offset, streamed++);
        if (streamed === batch.length) break;
      }
    }
    const shown = (await events.topics()).map(({ topic }) => topic);
    assert.deepEqual(shown.toSorted(), names.toSorted());
  });
});

Deno.test("readers who take nothing cost a page each, and nobody else waits for them", async () => {
  await SkeinCluster.with({ peers: 1, flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [peer] = peers as [SkeinProcess];
    const { events } = new SkeinClient({ urls: [peer.url] });
    const payload = "x".repeat(MIB / 2);
    for (let number = 0; number < UNREAD_EVENTS; number++) {
      await events.publish({ topic: "large", eventId: String(number), payload });
    }
    const before = await peer.metric("process_resident_memory_bytes");
    const { hostname, port } = new URL(peer.url);
    const unread: Deno.TcpConn[] = [];
    try {
      for (const path of ["/events?topic=large", "/events/stream?topic=large"]) {
        for (let reader = 0; reader < 10; reader++) {
          const connection = await Deno.connect({ hostname, port: Number(port) });
          unread.push(connection);
          const head = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
          await connection.write(new TextEncoder().encode(head));
        }
      }
      let whole = 0;
      for await (const { offset } of events.stream("large")) {
        whole++;
        if (offset === UNREAD_EVENTS - 1) break;
      }
      assert.equal(whole, UNREAD_EVENTS);
      const grown = await peer.metric("process_resident_memory_bytes") - before;
      assert.ok(grown < unread.length * UNREAD_EVENTS * MIB / 4, `it holds ${grown} bytes more`);
      assert.ok(await peer.metric("skein_events_streams") >= unread.length);
    } finally {
      for (const connection of unread) connection.close();
    }
    assert.equal((await peer.get("/health")).status, 200);
  });
});
