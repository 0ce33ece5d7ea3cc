/** The queue's routes on a cluster of real peers in this process, each request at another peer. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { buildApp } from "../../src/http/app.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { Random } from "../../src/random.ts";
import { eventually, TestCluster } from "../peer/cluster.ts";
import { limitMs } from "../speed_limit.ts";
import { httpOptions } from "./fake_peer.ts";
import { randomObject, randomValue } from "./random_json.ts";

// deno-lint-ignore no-explicit-any -- tests look into whatever came
type Json = any;

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Json;
}

/** Asks the peers of a cluster in turn. */
class Site {
  readonly #apps: readonly ReturnType<typeof buildApp>[];
  #asked = 0;

  constructor(cluster: TestCluster) {
    const options = httpOptions({ clock: REAL_CLOCK });
    this.#apps = cluster.peers.map(({ core }) => buildApp(core, options));
  }

  async send(path: string, init: RequestInit): Promise<Answered> {
    const app = this.#apps[this.#asked++ % this.#apps.length]!;
    const response = await app.request(path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  get(path: string): Promise<Answered> {
    return this.send(path, {});
  }

  post(path: string, body: unknown): Promise<Answered> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.send(path, { method: "POST", body: text });
  }

  /** A POST that must succeed. @returns its answer */
  async done(path: string, body: unknown): Promise<Json> {
    const { status, json } = await this.post(path, body);
    equal(status, 200, `${path}: ${JSON.stringify(json)}`);
    equal(json.success, true);
    return json;
  }

  async stats(topic: string): Promise<Json> {
    return (await this.get(`/queue/stats?topic=${topic}`)).json;
  }
}

function parsed(text: string): Json {
  return text === "" ? null : JSON.parse(text);
}

function withSite(test: (site: Site, cluster: TestCluster) => Promise<void>): Promise<void> {
  return TestCluster.with(
    { peers: 3, partitions: 4 },
    (cluster) => test(new Site(cluster), cluster),
  );
}

Deno.test("queue over http: from publish to ack, in either way of naming things", async () => {
  await withSite(async (site) => {
    const ways = [["data", "id"], ["payload", "message_id"], ["message", "message_id"]] as const;
    for (const [data, id] of ways) {
      const topic = `orders-${data}`;
      const published = await site.done("/queue/publish", { topic, [data]: { n: 1 } });
      equal(published.duplicate, false);
      const { message } = await site.done("/queue/consume", { topic, consumer: "c" });
      deepEqual([message.id, message.data, message.attempts], [published.id, { n: 1 }, 1]);
      equal((await site.done("/queue/consume", { topic })).message, null);
      await site.done("/queue/ack", { topic, [id]: message.id, receipt: message.receipt });
      const again = await site.post("/queue/ack", { topic, [id]: message.id });
      deepEqual([again.status, again.json.error], [404, "NOT_FOUND"]);
      const { ready, in_flight: inFlight, totals } = await site.stats(topic);
      deepEqual([ready, inFlight, totals.published, totals.acknowledged], [0, 0, 1, 1]);
    }
  });
});

Deno.test("queue over http: what nobody knows", async () => {
  await withSite(async (site) => {
    const routes = ["ack", "nack", "extend"];
    for (const route of routes) {
      equal((await site.post(`/queue/${route}`, { topic: "nobody's", id: "a" })).status, 404);
    }
    equal((await site.get("/queue/stats?topic=nobody's")).status, 404);
    equal((await site.get("/queue/dead?topic=nobody's")).status, 404);
    equal((await site.post("/queue/requeue", { topic: "nobody's", all: true })).status, 404);
    equal((await site.post("/queue/purge", { topic: "nobody's" })).status, 404);
    await site.done("/queue/publish", { topic: "orders", data: 1 });
    for (const route of routes) {
      const unknown = await site.post(`/queue/${route}`, { topic: "orders", id: "unheard-of" });
      deepEqual([unknown.status, unknown.json.error], [404, "NOT_FOUND"]);
      const receipt = await site.post(`/queue/${route}`, {
        topic: "orders",
        receipt: "none at all",
      });
      ok(receipt.status === 404 || receipt.status === 409, `${receipt.status}`);
    }
  });
});

Deno.test("queue over http: a delivery that was not acknowledged comes again, its receipt is stale", async () => {
  await withSite(async (site) => {
    const topic = "orders";
    await site.done("/queue/publish", { topic, data: 1, id: "o-1" });
    const first = (await site.done("/queue/consume", { topic, visibility: 0.1 })).message;
    const { message } = await site.done("/queue/consume", { topic, wait: 10 });
    deepEqual([message.id, message.attempts], ["o-1", 2]);
    for (const route of ["ack", "nack", "extend"]) {
      const { status, json } = await site.post(`/queue/${route}`, {
        topic,
        id: "o-1",
        receipt: first.receipt,
      });
      deepEqual([status, json.error], [409, "STALE_RECEIPT"]);
    }
    const { results } = await site.done("/queue/ack", {
      topic,
      deliveries: [first, message, { id: "x" }],
    });
    deepEqual(results.map((result: Json) => result.error ?? "done"), [
      "STALE_RECEIPT",
      "done",
      "NOT_FOUND",
    ]);
  });
});

Deno.test("queue over http: batches, priorities, duplicates", async () => {
  await withSite(async (site) => {
    const topic = "orders";
    const messages = Array.from({ length: 1_000 }, (_, place) => ({
      id: `o-${place}`,
      data: place,
      priority: place % 10,
    }));
    const first = await site.done("/queue/publish", { topic, messages });
    deepEqual(first.results.map(({ id }: Json) => id), messages.map(({ id }) => id));
    const second = await site.done("/queue/publish", { topic, messages });
    ok(second.results.every(({ duplicate }: Json) => duplicate === true));
    const taken = await site.done("/queue/consume", { topic, max: 1_000 });
    deepEqual(taken.message, taken.messages[0]);
    const expected = messages.toSorted((a, b) => b.priority - a.priority).map(({ data }) => data);
    deepEqual(taken.messages.map(({ data }: Json) => data), expected);
    const deliveries = taken.messages.map(({ receipt }: Json) => ({ receipt }));
    const { results } = await site.done("/queue/ack", { topic, messages: deliveries });
    ok(results.every(({ success }: Json) => success === true));
  });
});

Deno.test("queue over http: any data comes out as the text that went in", async () => {
  await withSite(async (site) => {
    const random = new Random(8, 2);
    for (let round = 0; round < 50; round++) {
      const texts = Array.from({ length: 4 }, () => randomValue(random, 4).trim());
      const messages = texts.map((data, place) => `{"data":${data},"key":"k${place}"}`);
      await site.done("/queue/publish", `{"topic":"any","messages":[${messages.join(",")}]}`);
      const { status, text, json } = await site.post("/queue/consume", { topic: "any", max: 4 });
      equal(status, 200);
      for (const [place, data] of texts.entries()) {
        ok(text.includes(`"data":${data},"receipt"`), data);
        deepEqual(json.messages[place].data, JSON.parse(data));
        equal(json.messages[place].key, `k${place}`);
      }
      await site.done("/queue/ack", { topic: "any", messages: json.messages });
    }
  });
});

Deno.test("queue over http: who waits is answered when there is something, whoever went away before", async () => {
  await withSite(async (site, cluster) => {
    const topic = "orders";
    const leaving = new AbortController();
    const gone = site.send("/queue/consume", {
      method: "POST",
      body: JSON.stringify({ topic, wait: 60 }),
      signal: leaving.signal,
    });
    const waiting = () =>
      cluster.peers.reduce((sum, { core }) => sum + core.queueStatistics().waiting, 0);
    await eventually("somebody waits", 5_000, () => equal(waiting(), 1));
    leaving.abort(new Error("gone"));
    equal((await gone).status, 499);
    const started = performance.now();
    const consuming = [1, 2].map((number) =>
      site.done("/queue/consume", { topic, wait: 30, consumer: `c${number}` })
    );
    await eventually("both wait", 5_000, () => equal(waiting(), 2));
    await site.done("/queue/publish", { topic, messages: [{ data: 1 }, { data: 2 }] });
    const taken = await Promise.all(consuming);
    deepEqual(taken.map(({ message }) => message.data).sort(), [1, 2]);
    ok(taken.every(({ message }) => message.attempts === 1));
    ok(performance.now() - started < limitMs(10_000));
  });
});

Deno.test("queue over http: dead letters, by either name, and back", async () => {
  await withSite(async (site) => {
    const topic = "orders";
    const options = { max_attempts: 2, visibility: 60, backoff: [0], dedup_window: 1 };
    const configured = await site.done("/queue/topics", { topic, ...options });
    deepEqual([configured.max_attempts, configured.backoff], [2, [0]]);
    await site.done("/queue/publish", { topic, data: { n: 1 }, id: "o-1" });
    for (let attempt = 1; attempt <= 2; attempt++) {
      const { message } = await site.done("/queue/consume", { topic, wait: 5 });
      equal(message.attempts, attempt);
      await site.done("/queue/nack", { topic, id: message.id, reason: "no paper" });
    }
    equal((await site.done("/queue/consume", { topic })).message, null);
    for (const name of [topic, `${topic}.dead`]) {
      equal((await site.stats(name)).dead, 1);
      const { json } = await site.get(`/queue/dead?topic=${name}`);
      deepEqual([json.name, json.messages.length, json.next], ["orders.dead", 1, "o-1"]);
      const [{ id, data, attempts, reason }] = json.messages;
      deepEqual([id, data, attempts], ["o-1", { n: 1 }, 2]);
      match(reason, /no paper/);
      equal((await site.get(`/queue/dead?topic=${name}&after=o-1`)).json.messages.length, 0);
    }
    equal((await site.done("/queue/requeue", { topic: "orders.dead", all: true })).requeued, 1);
    const { message } = await site.done("/queue/consume", { topic, wait: 5 });
    deepEqual([message.id, message.attempts], ["o-1", 1]);
    await site.done("/queue/nack", { topic, id: "o-1" });
    equal((await site.done("/queue/purge", { topic, what: "all" })).purged, 1);
  });
});

Deno.test("queue over http: pausing, lanes, and all topics", async () => {
  await withSite(async (site) => {
    await site.done("/queue/topics", { topic: "wide", lanes: 3 });
    const other = await site.post("/queue/topics", { topic: "wide", lanes: 4 });
    deepEqual([other.status, other.json.error], [409, "CONFLICT"]);
    const messages = Array.from({ length: 30 }, (_, place) => ({ data: place, key: `k${place}` }));
    await site.done("/queue/publish", { topic: "wide", messages });
    await site.done("/queue/topics", { topic: "wide", paused: true });
    await eventually("the topic pauses", 5_000, async () => {
      equal((await site.done("/queue/consume", { topic: "wide" })).message, null);
    });
    equal((await site.stats("wide")).ready, 30);
    await site.done("/queue/topics", { topic: "wide", paused: false });
    const taken = new Set<number>();
    await eventually("all are delivered", 10_000, async () => {
      const { messages } = await site.done("/queue/consume", { topic: "wide", max: 100, wait: 1 });
      for (const { data } of messages) taken.add(data);
      equal(taken.size, 30);
    });
    await site.done("/queue/publish", { topic: "a", data: 1 });
    const { json } = await site.get("/queue/topics");
    deepEqual(json.topics.map(({ topic, lanes }: Json) => [topic, lanes]), [["a", 1], ["wide", 3]]);
  });
});

Deno.test("queue over http: a topic that is full says 429, and stores nothing", async () => {
  await withSite(async (site) => {
    const topic = "full";
    const messages = Array(1_000).fill({ data: 0 });
    for (let batch = 0; batch < 100; batch++) {
      await site.done("/queue/publish", { topic, messages });
    }
    for (const body of [{ topic, data: 1 }, { topic, messages }]) {
      const { status, headers, json } = await site.post("/queue/publish", body);
      deepEqual([status, headers.get("retry-after"), json.error], [429, "1", "TOO_MANY_REQUESTS"]);
    }
    equal((await site.stats(topic)).ready, 100_000);
    equal((await site.done("/queue/purge", { topic })).purged, 100_000);
    await site.done("/queue/publish", { topic, data: 1 });
  });
});

const ROUTES = ["publish", "consume", "ack", "nack", "extend", "topics", "requeue", "purge"];
const KEYS = ["topic", "data", "payload", "id", "message_id", "receipt", "messages", "deliveries"];

Deno.test("queue over http: whatever is sent, no peer fails", async () => {
  await withSite(async (site, cluster) => {
    const random = new Random(20, 3);
    const seen = new Map<number, number>();
    for (let round = 0; round < 1_000; round++) {
      const fields = Array.from(
        { length: random.integer(0, 4) },
        () => [random.pick(KEYS), randomValue(random, 3)] as const,
      );
      if (random.chance(0.8)) fields.push(["topic", '"orders"']);
      const text = randomObject(random, fields);
      const cut = random.chance(0.1) ? text.slice(0, random.integer(0, text.length)) : text;
      const path = `/queue/${random.pick(ROUTES)}`;
      const { status, json } = await site.post(path, cut);
      ok(status < 500, `${status} ${path} ${cut} ${JSON.stringify(json)}`);
      equal(json.success, status === 200);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    for (const status of [200, 400, 404, 422]) ok(seen.has(status), `never ${status}`);
    await cluster.ready();
  });
});
