/** The event log's client against the real HTTP face; where it goes on after a cut, against servers that cut it off. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type LoggedEvent, SkeinClient, SkeinError } from "../../src/client/mod.ts";
import { serverSentData } from "../../src/client/server_sent.ts";
import { eventually } from "../eventually.ts";
import { ARRIVED_AT } from "../http/fake_events.ts";
import { failure, FakeServer, type Reply, vacantUrl } from "./fake_server.ts";
import { Served } from "./served.ts";

function event(topic: string, eventId: string, payload: unknown = null) {
  return { topic, eventId, payload };
}

Deno.test("event client: publish, singly and in a batch, under request ids", async () => {
  await using served = await Served.start("secret");
  const { fake: { events }, client } = served;
  const full = { topic: "t", eventId: "a", timestamp: "2026-01-01", source: "s", payload: [1] };
  deepEqual(await client.events.publish(full), { offset: 0, duplicate: false });
  deepEqual(await client.events.publish(full), { offset: 0, duplicate: true });
  const batch = [event("t", "b", { n: "ä" }), { topic: "u", eventId: "a" }];
  deepEqual(await client.events.publishBatch(batch), [
    { offset: 1, duplicate: false },
    { offset: 0, duplicate: false },
  ]);
  deepEqual(events.published.map(({ request }) => request?.kind), Array(3).fill("session"));
  const refused = client.events.publish(event("t", "c"), { expectedOffset: 7 });
  await rejects(refused, (error) => {
    ok(error instanceof SkeinError);
    deepEqual([error.code, error.details["next_offset"]], ["CONFLICT", 2]);
    return true;
  });
  const invalid = client.events.publishBatch([event("t", "d"), event("t", "")]);
  await rejects(invalid, (error) => {
    ok(error instanceof SkeinError);
    const { index, field } = error.details;
    deepEqual([error.code, index, field], ["INVALID", 1, "event_id"]);
    return true;
  });
});

Deno.test("event client: a page, pages, all events, topics and sums", async () => {
  await using served = await Served.start();
  const { events } = served.client;
  await events.publishBatch(Array.from({ length: 7 }, (_, n) => event("t", `e${n}`, n)));
  const page = await events.page("t", { after: 1, limit: 2 });
  deepEqual([page.firstOffset, page.nextOffset], [0, 7]);
  deepEqual(page.events[0], {
    topic: "t",
    offset: 2,
    eventId: "e2",
    timestamp: ARRIVED_AT,
    source: null,
    payload: 2,
  });
  const sizes: number[] = [];
  for await (const { length } of events.pages("t", { limit: 3 })) sizes.push(length);
  deepEqual(sizes, [3, 3, 1]);
  const read: unknown[] = [];
  for await (const { payload } of events.read("t", { after: 3 })) read.push(payload);
  deepEqual(read, [4, 5, 6]);
  for await (const _ of events.read("nothing")) throw new Error("there is none");
  const topic = await events.topic("t");
  deepEqual([topic.topic, topic.received, topic.nextOffset], ["t", 7, 7]);
  deepEqual(await events.topics(), [topic]);
  await rejects(events.topic("nothing"), /NOT_FOUND|no topic/);
  const { unique, duplicates, uptimeMs } = await events.stats();
  deepEqual([unique, duplicates, uptimeMs >= 0], [7, 0, true]);
});

Deno.test("event client: a stream gives what is there and what comes, until its reader goes", async () => {
  await using served = await Served.start();
  const { events } = served.client;
  await events.publishBatch([event("t", "a"), event("t", "b")]);
  const seen: string[] = [];
  for await (const { eventId } of events.stream("t", { after: 0 })) {
    seen.push(eventId);
    if (eventId === "d") break;
    await events.publishBatch([event("t", "c"), event("t", "b"), event("t", "d")]);
  }
  deepEqual(seen, ["b", "c", "d"]);
  await eventually("the peer forgets its reader", 10_000, () => {
    equal(served.fake.events.tailsOpen, 0);
  });
});

Deno.test("event client: a signal ends a stream quietly, whatever it waits for", async () => {
  await using served = await Served.start();
  const stopping = new AbortController();
  const { signal } = stopping;
  const next = served.client.events.stream("t", { signal }).next();
  await eventually("it is read", 10_000, () => equal(served.fake.events.tailsOpen, 1));
  stopping.abort();
  deepEqual(await next, { done: true, value: undefined });
  const { client } = served;
  for await (const _ of client.events.stream("t", { signal })) throw new Error("it is over");
});

const encoder = new TextEncoder();

function eventOf(offset: number): string {
  const stored = { topic: "t", event_id: `e${offset}`, timestamp: ARRIVED_AT, source: null };
  return `id: ${offset}\ndata: ${JSON.stringify({ ...stored, payload: null, offset })}\n\n`;
}

/** Goes on behind what it is asked for with so many whole events and half of one, and breaks off, or just ends. */
function broken(count: number, how: "cut" | "ended"): Reply {
  return ({ path }) => {
    const first = Number(/after=(-?\d+)/.exec(path)![1]) + 1;
    const whole = Array.from({ length: count }, (_, place) => eventOf(first + place)).join("");
    const text = `retry: 1000\n\n: still here\n\n${whole}${eventOf(first + count).slice(0, -1)}`;
    let said = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (!said) {
          said = true;
          return controller.enqueue(encoder.encode(text));
        }
        if (how === "ended") controller.close();
        else controller.error(new Error("cut off, as the test wants it"));
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
}

Deno.test("event client: a stream that is cut off goes on behind the last whole event", async () => {
  await using server = new FakeServer(
    broken(1, "ended"),
    broken(2, "cut"),
    failure(503, "SHUTTING_DOWN"),
    broken(0, "ended"),
    broken(3, "cut"),
    broken(5, "ended"),
  );
  const client = new SkeinClient({ urls: [vacantUrl(), server.url], retryMs: 10_000 });
  const seen: LoggedEvent[] = [];
  for await (const each of client.events.stream("t")) {
    seen.push(each);
    if (each.offset === 6) break;
  }
  deepEqual(seen.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6]);
  ok(server.received.length >= 5, "it came again");
});

Deno.test("event client: a peer that is cut off, and so gives nothing, is left for the next one", async () => {
  await using cutOff = new FakeServer(broken(0, "ended"));
  await using sound = new FakeServer(broken(2, "ended"));
  const client = new SkeinClient({ urls: [cutOff.url, sound.url] });
  const signal = AbortSignal.timeout(10_000);
  const seen: number[] = [];
  for await (const { offset } of client.events.stream("t", { signal })) {
    seen.push(offset);
    if (offset === 2) break;
  }
  deepEqual(seen, [0, 1, 2]);
  equal(cutOff.received.length, 1);
});

Deno.test("event client: a stream that no peer gives ends with the reason", async () => {
  await using server = new FakeServer(failure(422, "INVALID"));
  const client = new SkeinClient({ urls: [server.url], retryMs: 0 });
  await rejects(client.events.stream("t").next(), { code: "INVALID" });
});

Deno.test("server-sent events: in pieces of any size, with any line breaks, and silence", async () => {
  const text =
    ": hello\r\nretry: 5\r\n\r\nid: 1\ndata: ä1\n\ndata:a\ndata: b\nother: c\n\ndata: half\n";
  const bytes = encoder.encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) {
          controller.enqueue(bytes.slice(at, at + size));
        }
        controller.close();
      },
    });
    const data: string[] = [];
    for await (const some of serverSentData(body, 10_000)) data.push(...some);
    deepEqual(data, ["ä1", "a\nb"], `pieces of ${size}`);
  }
  let cancelled = false;
  const silent = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) });
  for await (const _ of serverSentData(silent, 10)) throw new Error("nothing comes");
  ok(cancelled);
});

Deno.test("server-sent events: a signal ends the wait for what does not come", async () => {
  const stopping = new AbortController();
  const waiting = serverSentData(new ReadableStream(), 60_000, stopping.signal).next();
  stopping.abort();
  deepEqual(await waiting, { done: true, value: undefined });
});
