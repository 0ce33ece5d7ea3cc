import { deepEqual, equal, match } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { PutRequest } from "../../src/cache/cache.ts";
import { CACHE_STATS_FIELDS, EXPIRES_AT } from "./fake_cache.ts";
import { Fixture } from "./fake_peer.ts";

const decoder = new TextDecoder();

function asked({ data, ...rest }: PutRequest) {
  return { ...rest, text: decoder.decode(data) };
}

const NOTHING_ASKED = {
  ttlMs: null,
  durable: false,
  ifVersion: undefined,
  fillToken: null,
  request: null,
};

Deno.test("cache: what is put is read, under either name of both routes", async () => {
  const fixture = new Fixture();
  const pairs = [["put", "get"], ["write", "read"], ["put", "read"], ["write", "get"]];
  for (const [place, [put, get]] of pairs.entries()) {
    const body = { key: "k", value: { n: place } };
    const written = await fixture.post(`/cache/${put}`, body);
    const version = `3.1.${place + 1}`;
    deepEqual([written.status, written.json], [200, {
      success: true,
      status: "written",
      state: "M",
      version,
    }]);
    const read = await fixture.post(`/cache/${get}`, { key: "k" });
    deepEqual([read.status, read.json], [200, {
      success: true,
      status: "hit",
      state: "S",
      version,
      expires_at: null,
      value: { n: place },
    }]);
  }
});

Deno.test("cache: nothing there is a 200 with status miss", async () => {
  const { status, json } = await new Fixture().post("/cache/get", { key: "k" });
  deepEqual([status, json], [200, {
    success: true,
    status: "miss",
    state: "I",
    version: null,
    expires_at: null,
    value: null,
    fill_token: null,
  }]);
});

Deno.test("cache: a value comes out as the text that was sent, whatever it is", async () => {
  const fixture = new Fixture();
  const texts = [
    "12345678901234567890",
    "1.0",
    "-0",
    "null",
    "true",
    '""',
    '"ä \\u00e4 \\" } ]"',
    '{ "b" : [ 1 , { } ] , "a":"x" }',
    "[]",
  ];
  for (const text of texts) {
    equal(
      (await fixture.post("/cache/put", `{"value": ${text} , "key": "k", "other": [1]}`)).status,
      200,
    );
    const { text: answered, json } = await fixture.post("/cache/get", { key: "k" });
    equal(answered.slice(answered.indexOf('"value":') + 8, -1), text);
    deepEqual(json.value, JSON.parse(text));
  }
  const stored = fixture.fake.cache.puts.map(({ data }) => data);
  deepEqual(
    stored.map((data) => data.buffer.byteLength === data.byteLength),
    texts.map(() => true),
    "whoever keeps a value keeps no more of the body",
  );
});

Deno.test("cache: of a value that is there twice the last one counts, and an inner one is none", async () => {
  const fixture = new Fixture();
  await fixture.post("/cache/put", '{"key":"k","value":1,"other":{"value":2},"value":3}');
  equal((await fixture.post("/cache/get", { key: "k" })).json.value, 3);
  equal((await fixture.post("/cache/put", '{"key":"k","other":{"value":2}}')).status, 422);
});

Deno.test("cache: fields of a put, times in seconds", async () => {
  const fixture = new Fixture();
  const { cache } = fixture.fake;
  await fixture.post("/cache/put", { key: "a", value: 1 });
  await fixture.post("/cache/put", { key: "b", value: 1, ttl: 0.1, durable: true });
  await fixture.post("/cache/put", { key: "c", value: 1, ttl: 86_400, if_version: null });
  await fixture.post("/cache/put", { key: "c", value: 2, if_version: "3.1.3", durable: false });
  const absent = { ttl: null, durable: null, fill_token: null };
  await fixture.post("/cache/put", { key: "d", value: 1, ...absent }, { "x-request-id": "r1" });
  deepEqual(cache.puts.map(asked), [
    { ...NOTHING_ASKED, key: "a", text: "1" },
    { ...NOTHING_ASKED, key: "b", text: "1", ttlMs: 100, durable: true },
    { ...NOTHING_ASKED, key: "c", text: "1", ttlMs: 86_400_000, ifVersion: null },
    { ...NOTHING_ASKED, key: "c", text: "2", ifVersion: "3.1.3" },
    {
      ...NOTHING_ASKED,
      key: "d",
      text: "1",
      request: { kind: "caller", principal: "local", id: "r1" },
    },
  ]);
  equal((await fixture.post("/cache/get", { key: "b" })).json.expires_at, EXPIRES_AT);
});

Deno.test("cache: a write over another version is a 409 that names it", async () => {
  const fixture = new Fixture();
  const absent = await fixture.post("/cache/put", { key: "k", value: 1, if_version: "3.1.7" });
  deepEqual([absent.status, absent.json.error, absent.json.version], [409, "CONFLICT", null]);
  match(absent.json.message, /the key "k" has no value/);
  const { json: { version } } = await fixture.post("/cache/put", { key: "k", value: 1 });
  for (const if_version of [null, "3.1.7", "nonsense"]) {
    const other = await fixture.post("/cache/put", { key: "k", value: 2, if_version });
    deepEqual([other.status, other.json.error, other.json.version], [409, "CONFLICT", version]);
  }
  equal((await fixture.post("/cache/get", { key: "k" })).json.value, 1);
  const over = await fixture.post("/cache/put", { key: "k", value: 2, if_version: version });
  equal(over.status, 200);
});

Deno.test("cache: one caller gets the fill token, and puts with it", async () => {
  const fixture = new Fixture();
  const { cache } = fixture.fake;
  const body = { key: "k", fill: true, fill_ttl: 2.5 };
  const first = await fixture.post("/cache/get", body);
  deepEqual([first.json.status, first.json.fill_token], ["miss", "fill-k"]);
  equal((await fixture.post("/cache/get", body)).json.fill_token, null);
  const put = { key: "k", value: 7, fill_token: "fill-k" };
  equal((await fixture.post("/cache/put", put)).status, 200);
  const late = await fixture.post("/cache/put", put);
  deepEqual([late.status, late.json.error, late.json.version], [409, "CONFLICT", "3.1.1"]);
  match(late.json.message, /the fill token is over/);
  equal((await fixture.post("/cache/get", body)).json.value, 7);
  deepEqual(cache.gets[0], {
    key: "k",
    fill: true,
    waitMs: 0,
    fillTtlMs: 2_500,
    signal: null,
  });
});

Deno.test("cache: who waits for a value to be filled says how long, and may go away", async () => {
  const fixture = new Fixture();
  const { cache } = fixture.fake;
  const going = new AbortController();
  const body = JSON.stringify({ key: "k", fill: true, wait: 60 });
  const told = Promise.withResolvers<AbortSignal>();
  cache.getWith = ({ signal }) => {
    told.resolve(signal!);
    return new Promise((_resolve, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  };
  const init = { method: "POST", body, signal: going.signal };
  const answered = fixture.request("/cache/get", init);
  equal((await told.promise).aborted, false);
  going.abort();
  equal((await answered).status, 499);
  equal(cache.gets[0]!.waitMs, 60_000);
  cache.getWith = null;
  await fixture.post("/cache/get", { key: "k", wait: 60 });
  deepEqual(cache.gets[1], { key: "k", fill: false, waitMs: 0, fillTtlMs: null, signal: null });
});

Deno.test("cache: delete and invalidate", async () => {
  const fixture = new Fixture();
  const { cache } = fixture.fake;
  await fixture.post("/cache/put", { key: "k", value: 1 });
  const gone = { success: true, state: "I", version: null };
  const invalidated = await fixture.post("/cache/invalidate", { key: "k" });
  deepEqual([invalidated.status, invalidated.json], [200, { ...gone, status: "invalidated" }]);
  const deleted = await fixture.post("/cache/delete", { key: "k" }, { "x-request-id": "r1" });
  deepEqual([deleted.status, deleted.json], [200, { ...gone, status: "deleted" }]);
  const again = await fixture.post("/cache/delete", { key: "k" });
  deepEqual([again.status, again.json], [200, { ...gone, status: "miss" }]);
  deepEqual(cache.removals, [
    ["invalidate", "k", null],
    ["delete", "k", { kind: "caller", principal: "local", id: "r1" }],
    ["delete", "k", null],
  ]);
});

Deno.test("cache: who holds a key's line, by the names of the peers", async () => {
  const fixture = new Fixture();
  const nobody = await fixture.get("/cache/state?key=k");
  deepEqual([nobody.status, nobody.json], [200, {
    success: true,
    key: "k",
    status: "miss",
    state: "I",
    version: null,
    partition: 9,
    home: "two",
    holders: [],
  }]);
  await fixture.post("/cache/put", { key: "k", value: 1 });
  const held = await fixture.get("/cache/state?key=k");
  deepEqual(held.json, {
    ...nobody.json,
    status: "hit",
    state: "S",
    version: "3.1.1",
    holders: [{ peer: "one", state: "S" }, { peer: "two", state: "S" }],
  });
});

Deno.test("cache: counters of the peer that answers", async () => {
  const { status, json } = await new Fixture().get("/cache/stats");
  deepEqual([status, json], [200, { success: true, peer: "one", ...CACHE_STATS_FIELDS }]);
});

Deno.test("cache: what could not be answered is an error of the usual form", async () => {
  const fixture = new Fixture();
  const failures = [
    ["OUTCOME_UNKNOWN", 504],
    ["UNAVAILABLE", 503],
    ["NO_LEADER", 503],
    ["TOO_MANY_REQUESTS", 429],
  ] as const;
  for (const [code, status] of failures) {
    fixture.fake.cache.failure = new SkeinError(code, "as the test says");
    const body = { key: "k", value: 1 };
    for (const route of ["put", "get", "delete", "invalidate"]) {
      const answered = await fixture.post(`/cache/${route}`, body);
      deepEqual([answered.status, answered.json], [status, {
        success: false,
        error: code,
        message: "as the test says",
      }]);
    }
    equal((await fixture.get("/cache/state?key=k")).status, status);
  }
});
