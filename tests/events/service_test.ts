import assert from "node:assert/strict";
import type { SkeinError } from "../../src/errors.ts";
import type { StoredEvent } from "../../src/events/events.ts";
import { Collected, EventFleet, idsOf, item, shown, TOPIC } from "./event_fleet.ts";

const FRESH = { stale: false };
const decoder = new TextDecoder();

function rejects(work: Promise<unknown>, code: string, details: Record<string, unknown> = {}) {
  return assert.rejects(work, (error: SkeinError) => {
    assert.equal(error.code, code, error.message);
    for (const [name, value] of Object.entries(details)) {
      assert.deepEqual(error.details[name], value);
    }
    return true;
  });
}

Deno.test("what one peer publishes every peer has, once, whoever publishes it again", async () => {
  const events = await EventFleet.led();
  assert.deepEqual(shown(await events.publish(2, ["a", "b", "a"])), ["0", "1", "=0"]);
  assert.deepEqual(shown(await events.publish(3, ["b", "c"])), ["=1", "2"]);
  assert.deepEqual(shown(await events.publish(1, ["c"])), ["=2"]);
  for (const number of [1, 2, 3]) assert.deepEqual(await events.ids(number), ["a", "b", "c"]);
  const stats = await events.settle(events.at(3).stats(FRESH));
  assert.deepEqual([stats.topics, stats.received, stats.unique, stats.duplicates], [1, 6, 3, 3]);
  assert.deepEqual([stats.events, stats.identities], [3, 3]);
  const duplicates = events.lines.filter((line) => line.includes("duplicate dropped"));
  assert.deepEqual(
    duplicates,
    ["a", "b", "c"].map((id) => {
      return `info duplicate dropped: topic ${TOPIC}, event_id ${id}`;
    }),
  );
  events.check();
});

Deno.test("an event comes back as it was given, with the time of arrival where it had none", async () => {
  const events = await EventFleet.led();
  const given = item("ü-1", { timestamp: "2026-03-04T05:06:07.890123+02:00", source: "Straße" });
  const bare = item("2", { payload: new TextEncoder().encode("null") });
  const request = { items: [given, bare], expectedOffset: null, request: null };
  await events.settle(events.at(1).publish(request));
  const page = events.at(2).page(TOPIC, { after: null, limit: 10 }, FRESH);
  const [first, second] = (await events.settle(page)).events as [StoredEvent, StoredEvent];
  assert.deepEqual(
    [first.eventId, first.timestamp, first.source, decoder.decode(first.payload)],
    ["ü-1", "2026-03-04T05:06:07.890123+02:00", "Straße", `{"id":"ü-1"}`],
  );
  assert.deepEqual([second.source, decoder.decode(second.payload)], [null, "null"]);
  assert.ok(Math.abs(Date.parse(second.timestamp) - events.fleet.clock.wallMs()) < 1_000);
});

Deno.test("a batch of several topics is dealt out and answered in its own order", async () => {
  const events = await EventFleet.led({ partitions: 4 });
  const items = ["a", "b", "c", "a"].map((id, place) => {
    return item(id, { topic: `topic-${place % 3}` });
  });
  const work = events.at(2).publish({ items, expectedOffset: null, request: null });
  assert.deepEqual(shown(await events.settle(work)), ["0", "0", "0", "=0"]);
  const topics = await events.settle(events.at(3).topics(FRESH));
  assert.deepEqual(topics.map(({ topic, received, duplicates }) => [topic, received, duplicates]), [
    ["topic-0", 2, 1],
    ["topic-1", 1, 0],
    ["topic-2", 1, 0],
  ]);
  const { nextOffset } = await events.settle(events.at(1).topic("topic-1", FRESH));
  assert.equal(nextOffset, 1);
  const led = events.at(1).statistics();
  assert.deepEqual([led.events, led.identities, led.received], [3, 3, 0]);
  await rejects(events.settle(events.at(1).topic("nothing", FRESH)), "NOT_FOUND");
});

Deno.test("a bad event of a batch is named by index and field, and nothing is stored", async () => {
  const events = await EventFleet.led();
  const bad = [
    ["topic", item("b", { topic: "" })],
    ["topic", item("b", { topic: "x".repeat(513) })],
    ["event_id", item("")],
    ["event_id", item("a\nb")],
    ["event_id", item("é".repeat(257))],
    ["timestamp", item("b", { timestamp: "yesterday" })],
    ["timestamp", item("b", { timestamp: "2026-02-30T00:00:00Z" })],
    ["source", item("b", { source: "x".repeat(513) })],
  ] as const;
  for (const [field, event] of bad) {
    const request = { items: [item("a"), event], expectedOffset: null, request: null };
    await rejects(events.at(1).publish(request), "INVALID", { index: 1, field });
  }
  const none = { items: [], expectedOffset: null, request: null };
  await rejects(events.at(1).publish(none), "INVALID", { field: "events" });
  assert.deepEqual(await events.ids(1), []);
});

Deno.test("writers that must not interleave name the offset that they expect", async () => {
  const events = await EventFleet.led();
  assert.deepEqual(shown(await events.publish(1, ["a", "b"], { expectedOffset: 0 })), ["0", "1"]);
  const late = events.publish(2, ["c"], { expectedOffset: 1 });
  await rejects(late, "CONFLICT", { expected_offset: 1, next_offset: 2 });
  // The answer was lost, say, and the same is sent again.
  assert.deepEqual(shown(await events.publish(3, ["a", "b"], { expectedOffset: 0 })), ["=0", "=1"]);
  assert.deepEqual(shown(await events.publish(3, ["b", "c"], { expectedOffset: 2 })), ["=1", "2"]);
  const items = [item("x"), item("y", { topic: "other" })];
  const mixed = events.at(1).publish({ items, expectedOffset: 3, request: null });
  await rejects(mixed, "INVALID", { index: 1, field: "expected_offset" });
  assert.deepEqual(await events.ids(2), ["a", "b", "c"]);
});

Deno.test("a request that comes again is answered as then, and counts once", async () => {
  const events = await EventFleet.led({ partitions: 3 });
  const request = { kind: "caller", principal: "somebody", id: "r1" } as const;
  const items = [item("a"), item("b", { topic: "other" }), item("c")];
  const whole = { items, expectedOffset: null, request };
  const first = await events.settle(events.at(1).publish(whole));
  assert.deepEqual(shown(first), ["0", "0", "1"]);
  // Through another peer, at another time: the time of arrival is no part of what was asked.
  await events.fleet.run(100);
  assert.deepEqual(await events.settle(events.at(2).publish(whole)), first);
  const stats = await events.settle(events.at(3).stats(FRESH));
  assert.deepEqual([stats.received, stats.unique], [3, 3]);
});

Deno.test("small publishes of several callers share an entry, and each has its own answer", async () => {
  const events = await EventFleet.led();
  await events.publish(1, ["known"]);
  const before = events.peer(1).group(1).raft.lastIndex;
  const works = ["a", "known", "b", "a", "c"].map((id) => {
    return events.at(2).publish({ items: [item(id)], expectedOffset: null, request: null });
  });
  const results = await events.settle(Promise.all(works));
  assert.deepEqual(results.map((result) => shown(result)[0]), ["1", "=0", "2", "=1", "3"]);
  assert.ok(events.peer(1).group(1).raft.lastIndex - before <= 2, "two entries at most");
  assert.deepEqual(await events.ids(3), ["known", "a", "b", "c"]);
});

Deno.test("pages are what lies behind an offset, and an unknown topic is empty", async () => {
  const events = await EventFleet.led();
  for (let batch = 0; batch < 5; batch++) {
    await events.publish(1, Array.from({ length: 7 }, (_, place) => `${batch}-${place}`));
  }
  const all = await events.ids(2);
  assert.equal(all.length, 35);
  for (const [after, limit] of [[null, 3], [-1, 4], [5, 1], [6, 20], [33, 5], [34, 5], [90, 5]]) {
    const asked = { after: after as number | null, limit: limit as number };
    const page = await events.settle(events.at(3).page(TOPIC, asked, FRESH));
    const begin = (asked.after ?? -1) + 1;
    assert.deepEqual(idsOf(page.events), all.slice(begin, begin + asked.limit));
    assert.deepEqual([page.firstOffset, page.nextOffset], [0, 35]);
    for (const [place, { offset }] of page.events.entries()) assert.equal(offset, begin + place);
  }
  const unknown = await events.settle(events.at(1).page("no", { after: null, limit: 1 }, FRESH));
  assert.deepEqual(unknown, { events: [], firstOffset: 0, nextOffset: 0 });
  await rejects(events.at(1).page(TOPIC, { after: null, limit: 0 }, FRESH), "INVALID");
  await rejects(events.at(1).page(TOPIC, { after: -2, limit: 1 }, FRESH), "INVALID");
});

Deno.test("a page that is full ends early, and has one event at least", async () => {
  const events = await EventFleet.led();
  const payload = new Uint8Array(400_000).fill(0x31);
  const items = ["a", "b", "c", "d"].map((id) => item(id, { payload }));
  await events.settle(events.at(1).publish({ items, expectedOffset: null, request: null }));
  const huge = item("huge", { payload: new Uint8Array(1_500_000).fill(0x31) });
  await events.settle(events.at(1).publish({ items: [huge], expectedOffset: null, request: null }));
  const pages: (readonly string[])[] = [];
  const reading = (async () => {
    for await (const page of events.at(2).pages(TOPIC, null, FRESH)) pages.push(idsOf(page));
  })();
  await events.settle(reading);
  assert.deepEqual(pages, [["a", "b"], ["c", "d"], ["huge"]]);
});

Deno.test("a whole topic is what was there when its reading began", async () => {
  const events = await EventFleet.led();
  await events.publish(1, ["a", "b", "c"]);
  const pages = events.at(2).pages(TOPIC, 0, FRESH)[Symbol.asyncIterator]();
  const first = await events.settle(pages.next());
  assert.deepEqual(idsOf(first.value), ["b", "c"]);
  await events.publish(1, ["d"]);
  assert.equal((await events.settle(pages.next())).done, true);
  const none = events.at(2).pages("no", null, FRESH)[Symbol.asyncIterator]();
  assert.equal((await events.settle(none.next())).done, true);
});

Deno.test("a stream gives each event once, through peers with and without a replica", async () => {
  const events = await EventFleet.led({ peers: 4, founders: 3 });
  await events.publish(1, ["a", "b"]);
  const streams = [1, 2, 4].map((number) => new Collected(events.at(number), null));
  const behind = new Collected(events.at(4), 1);
  await events.fleet.until("what is there has come", () => {
    return streams.every(({ events }) => events.length === 2);
  }, 1_000);
  await events.fleet.run(15_000);
  await events.publish(3, ["c", "a", "d"]);
  await events.fleet.until("what is new has come", () => {
    return streams.every(({ events }) => events.length === 4);
  }, 200);
  await events.fleet.until("it begins where it was told", () => behind.events.length === 2, 200);
  for (const stream of streams) assert.deepEqual(idsOf(stream.events), ["a", "b", "c", "d"]);
  assert.deepEqual(behind.offsets, [2, 3]);
  assert.equal(events.at(4).statistics().tails, 2);
  for (const stream of [...streams, behind]) stream.stop();
  await events.fleet.until("all have ended", () => {
    return [...streams, behind].every(({ ended }) => ended);
  }, 100);
  assert.equal(behind.error, null);
  assert.equal(events.at(4).statistics().tails, 0);
  events.check();
});

Deno.test("a stream outlives its leader, and ends when its own peer stops", async () => {
  const events = await EventFleet.led({ peers: 4, founders: 3 });
  await events.publish(1, ["a"]);
  const [here, elsewhere] = [new Collected(events.at(2), null), new Collected(events.at(4), null)];
  await events.fleet.until("both have it", () => {
    return here.events.length === 1 && elsewhere.events.length === 1;
  }, 1_000);
  await events.lead(2);
  events.peer(1).crash();
  await events.publish(3, ["b"]);
  await events.fleet.until("both go on", () => {
    return here.events.length === 2 && elsewhere.events.length === 2;
  }, 30_000);
  assert.deepEqual([...here.offsets, ...elsewhere.offsets], [0, 1, 0, 1]);
  events.at(2).drain();
  await events.fleet.until("it has ended", () => here.ended, 100);
  assert.equal((here.error as SkeinError).code, "SHUTTING_DOWN");
  elsewhere.stop();
});

Deno.test("a slow reader holds one page: nothing is read before it is asked for", async () => {
  const events = await EventFleet.led();
  const abort = new AbortController();
  const pages = events.at(2).tail(TOPIC, null, abort.signal)[Symbol.asyncIterator]();
  await events.publish(1, ["a"]);
  await events.settle(pages.next());
  for (const id of ["b", "c", "d"]) await events.publish(1, [id]);
  await events.fleet.run(30_000);
  assert.equal(events.at(2).counters.read, 1);
  const { value } = await events.settle(pages.next());
  assert.deepEqual(idsOf(value), ["b", "c", "d"]);
  abort.abort();
  assert.equal((await events.settle(pages.next())).done, true);
});

Deno.test("past the bound of ids publishing is refused, but for what is known", async () => {
  const events = await EventFleet.led({ identitiesMax: 3 });
  await events.publish(1, ["a", "b"]);
  await rejects(events.publish(2, ["c", "d"]), "TOO_MANY_REQUESTS");
  assert.deepEqual(shown(await events.publish(2, ["c", "c", "a"])), ["2", "=2", "=0"]);
  assert.deepEqual(shown(await events.publish(3, ["a", "b", "c"])), ["=0", "=1", "=2"]);
  await rejects(events.publish(1, ["d"], { topic: "other" }), "TOO_MANY_REQUESTS");
  const stats = await events.settle(events.at(1).stats(FRESH));
  assert.deepEqual([stats.topics, stats.received, stats.unique], [1, 8, 3]);
});

Deno.test("retention takes old events away, and their ids stay", async () => {
  const events = await EventFleet.led({ retention: { ageMs: 60_000 } });
  await events.publish(1, ["a", "b"]);
  await events.fleet.run(50_000);
  await events.publish(1, ["c"]);
  await events.fleet.run(30_000);
  assert.deepEqual(await events.ids(2), ["c"]);
  const topic = await events.settle(events.at(3).topic(TOPIC, FRESH));
  assert.deepEqual([topic.firstOffset, topic.nextOffset, topic.unique], [2, 3, 3]);
  assert.deepEqual(shown(await events.publish(2, ["a", "d"])), ["=0", "3"]);
  await events.fleet.run(100_000);
  const stream = new Collected(events.at(2), null);
  await events.fleet.run(12_000);
  assert.deepEqual(await events.ids(2), []);
  await events.publish(3, ["e"]);
  await events.fleet.until("a stream goes on behind what is gone", () => {
    return stream.events.length === 1;
  }, 200);
  assert.deepEqual(stream.offsets, [4]);
  stream.stop();
  const { trimmed, forgotten } = events.at(1).counters;
  assert.deepEqual([trimmed, forgotten], [4, 0]);
});

Deno.test("ids are forgotten where that is asked for, and stored again then", async () => {
  const events = await EventFleet.led({ retention: { forgetAfterMs: 30_000 } });
  await events.publish(1, ["a"]);
  assert.deepEqual(shown(await events.publish(1, ["a"])), ["=0"]);
  await events.fleet.run(45_000);
  assert.deepEqual(shown(await events.publish(2, ["a"])), ["1"]);
  assert.deepEqual(await events.ids(3), ["a", "a"]);
  const stats = await events.settle(events.at(1).stats(FRESH));
  assert.deepEqual([stats.received, stats.unique, stats.events, stats.identities], [3, 2, 2, 1]);
});

Deno.test("everything is there after a restart of all peers, counts as well", async () => {
  const events = await EventFleet.led({ timing: { snapshotEntries: 5 } });
  for (let batch = 0; batch < 9; batch++) await events.publish(1, [`a${batch}`, "a0"]);
  const before = await events.settle(events.at(1).stats(FRESH));
  assert.deepEqual([before.received, before.unique, before.duplicates], [18, 9, 9]);
  for (const peer of events.fleet.peers) peer.crash();
  for (const peer of events.fleet.peers) await peer.start();
  await events.fleet.until("somebody leads", () => events.fleet.leader(1) !== undefined, 20_000);
  assert.deepEqual(await events.settle(events.at(2).stats(FRESH)), before);
  assert.deepEqual(shown(await events.publish(3, ["a8", "b"])), ["=8", "9"]);
  assert.equal((await events.ids(1)).length, 10);
  events.check();
});

Deno.test("what a peer has read lately it answers without asking where that is wanted", async () => {
  const events = await EventFleet.led();
  await events.publish(1, ["a"]);
  await events.fleet.run(500);
  events.fleet.network.isolate("p3");
  const stale = events.at(3).page(TOPIC, { after: null, limit: 5 }, { stale: true });
  assert.deepEqual(idsOf((await events.settle(stale)).events), ["a"]);
  const fresh = events.at(3).page(TOPIC, { after: null, limit: 5 }, FRESH);
  await rejects(events.settle(fresh), "NO_LEADER");
});
