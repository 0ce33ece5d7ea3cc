import { deepEqual, equal, ok } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { type Answered, Fixture, OTHER_ID } from "./fake_peer.ts";

const POSTS = ["get", "read", "put", "write", "delete", "invalidate"];
const KIB = 1_024;

function check(answered: Answered, status: number, error: string): void {
  deepEqual([answered.status, answered.json.success, answered.json.error], [status, false, error]);
  ok(answered.json.message.length > 0);
}

function untouched({ fake: { cache } }: Fixture): void {
  deepEqual([cache.gets, cache.puts, cache.removals], [[], [], []]);
}

Deno.test("cache bad input: keys that are none are a 422 on every route", async () => {
  const fixture = new Fixture();
  const wrong = [
    "",
    "x".repeat(KIB + 1),
    "x".repeat(10 * KIB),
    "ä".repeat(KIB / 2 + 1),
    "a\nb",
    "a\u0000",
    "a\u007f",
    "\ud800",
    7,
    null,
    true,
    ["k"],
    { key: "k" },
    undefined,
  ];
  for (const route of POSTS) {
    for (const key of wrong) {
      const answered = await fixture.post(`/cache/${route}`, { key, value: 1 });
      check(answered, 422, "INVALID");
      equal(answered.json.field, "key");
    }
  }
  untouched(fixture);
  for (const key of ["", "x".repeat(10 * KIB), "a\nb"]) {
    check(await fixture.get(`/cache/state?${new URLSearchParams({ key })}`), 422, "INVALID");
  }
  check(await fixture.get("/cache/state"), 422, "INVALID");
  for (const key of ["x".repeat(KIB), "ä".repeat(KIB / 2), " ", "a/b?c=d&e", "__proto__"]) {
    equal((await fixture.post("/cache/put", { key, value: 1 })).status, 200);
    const { status, json } = await fixture.get(`/cache/state?${new URLSearchParams({ key })}`);
    deepEqual([status, json.key], [200, key]);
  }
});

Deno.test("cache bad input: fields of another type or out of their bounds are a 422", async () => {
  const fixture = new Fixture();
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    ttl: [0, -1, 0.09, 86_400.1, 1e300, "1", true, [1], {}],
    durable: [1, 0, "true", "yes", [], {}],
    if_version: [7, true, "", [], {}, "x".repeat(513)],
    fill_token: [7, true, "", [], {}, "x".repeat(513)],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      for (const route of ["put", "write"]) {
        const body = { key: "k", value: 1, [field]: value };
        const answered = await fixture.post(`/cache/${route}`, body);
        check(answered, 422, "INVALID");
        equal(answered.json.field, field, JSON.stringify(value));
      }
    }
  }
  check(await fixture.post("/cache/put", { key: "k" }), 422, "INVALID");
  check(await fixture.post("/cache/put", '{"key":"k","value":1,"ttl":1e999}'), 422, "INVALID");
  const wrongOfGet: Readonly<Record<string, readonly unknown[]>> = {
    fill: [1, "true", [], {}],
    wait: [-1, 3_600.1, "1", true, {}],
    fill_ttl: [0, -1, 0.09, 86_401, "30", {}],
  };
  for (const [field, values] of Object.entries(wrongOfGet)) {
    for (const value of values) {
      const answered = await fixture.post("/cache/get", { key: "k", fill: true, [field]: value });
      check(answered, 422, "INVALID");
      equal(answered.json.field, field, JSON.stringify(value));
    }
  }
  untouched(fixture);
});

Deno.test("cache bad input: bounds themselves are allowed, unknown fields are ignored", async () => {
  const fixture = new Fixture();
  const right: readonly Record<string, unknown>[] = [
    { ttl: 0.1 },
    { ttl: 86_400 },
    { ttl: null },
    { durable: false },
    { if_version: null },
    { unknown: 1, lock_name: "x", stale: true },
  ];
  for (const [place, fields] of right.entries()) {
    const body = { key: `k${place}`, value: 1, ...fields };
    equal((await fixture.post("/cache/put", body)).status, 200, JSON.stringify(fields));
  }
  for (const fields of [{ fill: true, wait: 0 }, { wait: 3_600 }, { fill_ttl: 86_400 }, { x: 1 }]) {
    equal((await fixture.post("/cache/get", { key: "k", ...fields })).status, 200);
  }
});

Deno.test("cache bad input: what is not a JSON object is a 400", async () => {
  const fixture = new Fixture();
  const bodies = [
    "",
    " ",
    "nonsense",
    "{",
    '{"key":"k","value":',
    '{"key":"k","value":NaN}',
    '{"key":"k","value":undefined}',
    "{'key':'k','value':1}",
    "null",
    "7",
    "[]",
    `{"key":"k","value":${"[".repeat(64)}${"]".repeat(64)}}`,
    `{"key":"k","value":${"[".repeat(200_000)}`,
  ];
  for (const route of POSTS) {
    for (const body of bodies) {
      check(await fixture.post(`/cache/${route}`, body), 400, "BAD_REQUEST");
    }
    const none = await fixture.request(`/cache/${route}`, { method: "POST" });
    equal(none.status, 400);
    await none.body?.cancel();
  }
  untouched(fixture);
});

Deno.test("cache bad input: a value over the bound of bodies is a 413", async () => {
  const fixture = new Fixture();
  const bytesMax = KIB * KIB;
  const bodyOf = (size: number) => {
    const around = JSON.stringify({ key: "k", value: "" }).length;
    const body = JSON.stringify({ key: "k", value: "x".repeat(size - around) });
    return [body, { "content-length": String(body.length) }] as const;
  };
  equal((await fixture.post("/cache/put", ...bodyOf(bytesMax))).status, 200);
  check(await fixture.post("/cache/put", ...bodyOf(bytesMax + 1)), 413, "PAYLOAD_TOO_LARGE");
  check(await fixture.post("/cache/get", ...bodyOf(2 * bytesMax)), 413, "PAYLOAD_TOO_LARGE");
  equal(fixture.fake.cache.puts.length, 1);
});

Deno.test("cache bad input: methods, request ids, tokens", async () => {
  const fixture = new Fixture();
  for (const route of POSTS) check(await fixture.get(`/cache/${route}`), 405, "METHOD_NOT_ALLOWED");
  for (const route of ["state", "stats"]) {
    check(await fixture.post(`/cache/${route}`, { key: "k" }), 405, "METHOD_NOT_ALLOWED");
  }
  const id = { "x-request-id": "x".repeat(129) };
  for (const route of ["put", "delete"]) {
    const body = { key: "k", value: 1 };
    check(await fixture.post(`/cache/${route}`, body, id), 400, "BAD_REQUEST");
  }
  untouched(fixture);
  const guarded = new Fixture({ token: "secret" });
  for (const route of POSTS) {
    check(await guarded.post(`/cache/${route}`, { key: "k", value: 1 }), 401, "UNAUTHORIZED");
  }
  check(await guarded.get("/cache/stats"), 401, "UNAUTHORIZED");
  untouched(guarded);
});

Deno.test("cache: a peer whose partitions are not there yet says so", async () => {
  const fixture = new Fixture();
  fixture.fake.unavailable = new SkeinError("UNAVAILABLE", "not formed yet");
  for (const route of POSTS) {
    check(await fixture.post(`/cache/${route}`, { key: "k", value: 1 }), 503, "UNAVAILABLE");
  }
  check(await fixture.get("/cache/stats"), 503, "UNAVAILABLE");
  equal((await fixture.get("/metrics")).status, 200);
});

Deno.test("cache: who declines forwarding is told the key's home, where a home is asked", async () => {
  const fixture = new Fixture();
  const group = partitionOf("cache", "k", 16);
  fixture.fake.groups.leaders.set(group, OTHER_ID);
  const off = { "skein-forward": "no" };
  for (const route of ["delete", "invalidate"]) {
    const answered = await fixture.post(`/cache/${route}`, { key: "k" }, off);
    check(answered, 503, "NOT_LEADER");
    deepEqual([answered.json.leader, answered.json.leader_url], ["two", "http://127.0.0.1:8002"]);
  }
  check(await fixture.get("/cache/state?key=k&forward=false"), 503, "NOT_LEADER");
  equal((await fixture.post("/cache/put", { key: "k", value: 1 }, off)).status, 200);
  equal((await fixture.post("/cache/get", { key: "k" }, off)).status, 200);
});
