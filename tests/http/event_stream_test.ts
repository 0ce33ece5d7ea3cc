/** The stream of events: its form, where it goes on, its heartbeats, and how it ends. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { HEARTBEAT_MS } from "../../src/http/pulled_body.ts";
import { LIMITS } from "../../src/limits.ts";
import { eventually } from "../eventually.ts";
import { ManualClock } from "../manual_clock.ts";
import { Fixture } from "./fake_peer.ts";

const decoder = new TextDecoder();

class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  text = "";

  constructor(readonly response: Response) {
    this.#reader = response.body!.getReader();
  }

  /** Reads until this came; what came before it is left out of `text`. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) {
        this.text = this.text.slice(found.index + found[0].length);
        return found[0];
      }
      const { done, value } = await this.#reader.read();
      ok(!done, `the stream ended before ${pattern}: ${this.text}`);
      this.text += decoder.decode(value);
    }
  }

  async end(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.text;
      this.text += decoder.decode(value);
    }
  }

  read() {
    return this.#reader.read();
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}

function event(id: string, payload: unknown = null) {
  return { topic: "t", event_id: id, payload };
}

async function open(
  fixture: Fixture,
  query = "",
  headers: Record<string, string> = {},
): Promise<Reading> {
  const response = await fixture.request(`/events/stream?topic=t${query}`, { headers });
  equal(response.status, 200);
  return new Reading(response);
}

Deno.test("event stream: what is there and what comes, each with its offset as id", async () => {
  const fixture = new Fixture();
  await fixture.post("/publish", [event("a", { n: 1 })]);
  const reading = await open(fixture);
  match(reading.response.headers.get("content-type")!, /^text\/event-stream/);
  await reading.until(/^retry: \d+\n\n/);
  const first = await reading.until(/^id: 0\ndata: .*\n\n/);
  deepEqual(JSON.parse(/data: (.*)/.exec(first)![1]!).payload, { n: 1 });
  await fixture.post("/publish", [event("b"), event("a"), event("c")]);
  await reading.until(/^id: 1\ndata: .*"event_id":"b".*\n\nid: 2\ndata: .*"event_id":"c".*\n\n/);
  await reading.close();
  await eventually("its reader is forgotten", 5_000, () => equal(fixture.fake.events.tailsOpen, 0));
});

Deno.test("event stream: line breaks within a payload do not end a line", async () => {
  const fixture = new Fixture();
  const text = '{"topic":"t","event_id":"a","payload":{\r\n "n"\n:\r1, "s": "\\n"}}';
  equal((await fixture.post("/publish", text)).status, 200);
  const reading = await open(fixture);
  const lines = (await reading.until(/id: 0\n[^]*?\n\n/)).trimEnd().split("\n");
  equal(lines.length, 2);
  deepEqual(JSON.parse(lines[1]!.slice("data: ".length)).payload, { n: 1, s: "\n" });
  await reading.close();
});

Deno.test("event stream: goes on behind the parameter, and rather behind Last-Event-ID", async () => {
  const fixture = new Fixture();
  await fixture.post("/publish", ["a", "b", "c", "d"].map((id) => event(id)));
  const firstId = async (query: string, headers: Record<string, string> = {}) => {
    const reading = await open(fixture, query, headers);
    const id = await reading.until(/id: \d+/);
    await reading.close();
    return id;
  };
  equal(await firstId(""), "id: 0");
  equal(await firstId("&after=-1"), "id: 0");
  equal(await firstId("&after=0"), "id: 1");
  equal(await firstId("&after=0", { "last-event-id": "2" }), "id: 3");
  equal(await firstId("&after=1", { "last-event-id": "" }), "id: 2");
  for (const id of ["x", "1.5", "-2", "99999999999999999"]) {
    const refused = await fixture.get("/events/stream?topic=t", { "last-event-id": id });
    deepEqual([refused.status, refused.json.field], [422, "last-event-id"]);
  }
  equal((await fixture.get("/events/stream")).status, 422);
});

Deno.test("event stream: a reader who waits gets heartbeats, and one who takes nothing is cut off", async () => {
  const clock = new ManualClock();
  const fixture = new Fixture({ clock });
  const reading = await open(fixture);
  await reading.until(/^retry: \d+\n\n/);
  for (let beat = 0; beat < 20; beat++) {
    const came = reading.until(/^: still here\n\n/);
    await eventually("it is asked for more", 5_000, () => equal(fixture.fake.events.tailsOpen, 1));
    clock.advance(HEARTBEAT_MS);
    await came;
  }
  // One more is put down for it, and taken no more than what follows.
  for (let beat = 0; beat < 8; beat++) clock.advance(HEARTBEAT_MS);
  await rejects(reading.end(), /takes nothing/);
  await eventually("its reader is forgotten", 5_000, () => equal(fixture.fake.events.tailsOpen, 0));
  equal(clock.timers, 0);
});

Deno.test("event stream: a slow reader is given page after page, and none is lost", async () => {
  const clock = new ManualClock();
  const fixture = new Fixture({ clock });
  const reading = await open(fixture);
  for (let number = 0; number < 50; number++) {
    await fixture.post("/publish", [event(`${number}`)]);
    clock.advance(HEARTBEAT_MS / 10);
  }
  for (let number = 0; number < 50; number++) await reading.until(new RegExp(`id: ${number}\n`));
  await reading.close();
});

Deno.test("event stream: ends between two events when the peer stops, and then refuses", async () => {
  const fixture = new Fixture();
  await fixture.post("/publish", [event("a")]);
  fixture.fake.events.tailsEndWith = new SkeinError("SHUTTING_DOWN", "stops");
  const reading = await open(fixture);
  match(await reading.end(), /id: 0\ndata: .*\n\n: ends: SHUTTING_DOWN\n\n$/);
  fixture.fake.draining = true;
  equal((await fixture.get("/events/stream?topic=t")).json.error, "SHUTTING_DOWN");
});

Deno.test("event stream: no more than the bound are open, whole topics among them", async () => {
  const fixture = new Fixture();
  const readings: Reading[] = [];
  for (let count = 0; count < LIMITS.eventStreamsMax; count++) readings.push(await open(fixture));
  for (const path of ["/events/stream?topic=t", "/events?topic=t"]) {
    const { status, json } = await fixture.get(path);
    deepEqual([status, json.error], [429, "TOO_MANY_REQUESTS"]);
  }
  equal((await fixture.get("/events?topic=t&limit=1")).status, 200);
  for (const reading of readings) await reading.close();
  equal((await fixture.get("/events?topic=t")).status, 200);
  const asked = await fixture.request("/events/stream?topic=t", { method: "HEAD" });
  deepEqual([asked.status, asked.body], [200, null]);
});
