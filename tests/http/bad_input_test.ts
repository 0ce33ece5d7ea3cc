import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { type Answered, Fixture } from "./fake_peer.ts";

const VALID = { resource: "printer", owner: "bob" };

function check(answered: Answered, status: number, error: string): void {
  deepEqual([answered.status, answered.json.success, answered.json.error], [status, false, error]);
  ok(answered.json.message.length > 0);
}

function nested(depth: number): string {
  return `{"resource":"a","owner":"b","x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}

Deno.test("bad input: what is not a JSON object is a 400", async () => {
  const fixture = new Fixture();
  const bodies = [
    "",
    " ",
    "nonsense",
    "{",
    '{"resource":"a","owner":"b"',
    '{"resource":"a","owner":"b","timeout":NaN}',
    '{"resource":"a","owner":"b","timeout":Infinity}',
    "null",
    "7",
    '"text"',
    "[]",
    '[{"resource":"a","owner":"b"}]',
  ];
  for (const body of bodies) {
    check(await fixture.post("/lock/acquire", body), 400, "BAD_REQUEST");
  }
  const none = await fixture.request("/lock/acquire", { method: "POST" });
  equal(none.status, 400);
  await none.body?.cancel();
  const notUtf8 = await fixture.request("/lock/acquire", {
    method: "POST",
    body: new Uint8Array([...new TextEncoder().encode('{"resource":"'), 0xff, 0x22, 0x7d]),
  });
  equal(notUtf8.status, 400);
  await notUtf8.body?.cancel();
  deepEqual(fixture.fake.locks.acquires, []);
});

Deno.test("bad input: nesting is fine down to its bound, and a 400 past it", async () => {
  const fixture = new Fixture();
  equal((await fixture.post("/lock/acquire", nested(64))).status, 200);
  check(await fixture.post("/lock/acquire", nested(65)), 400, "BAD_REQUEST");
  check(await fixture.post("/lock/acquire", nested(400_000)), 400, "BAD_REQUEST");
});

Deno.test("bad input: a body at its bound is read, one byte more is a 413", async () => {
  const fixture = new Fixture({ bodyBytesMax: 1_000 });
  const padded = (size: number) => JSON.stringify(VALID).padEnd(size, " ");
  equal((await fixture.post("/lock/acquire", padded(1_000))).status, 200);
  check(await fixture.post("/lock/acquire", padded(1_001)), 413, "PAYLOAD_TOO_LARGE");
  const stream = (size: number) =>
    fixture.request("/lock/acquire", {
      method: "POST",
      body: ReadableStream.from([
        new TextEncoder().encode(padded(size - 400)),
        new TextEncoder().encode(" ".repeat(400)),
      ]),
    });
  const whole = await stream(1_000);
  equal(whole.status, 200);
  await whole.body?.cancel();
  const over = await stream(1_001);
  equal(over.status, 413);
  await over.body?.cancel();
});

Deno.test("bad input: fields that are missing, of another type or out of bounds are a 422", async () => {
  const fixture = new Fixture();
  const wrong: readonly Record<string, unknown>[] = [
    {},
    { resource: "a" },
    { owner: "b" },
    { ...VALID, resource: 7 },
    { ...VALID, resource: null },
    { ...VALID, resource: ["a"] },
    { ...VALID, resource: "" },
    { ...VALID, resource: "x".repeat(513) },
    { ...VALID, resource: "ä".repeat(257) },
    { ...VALID, resource: "a\u0000b" },
    { ...VALID, resource: "a\nb" },
    { ...VALID, resource: "a\u007fb" },
    { ...VALID, resource: "\ud800" },
    { ...VALID, owner: {} },
    { ...VALID, owner: "" },
    { ...VALID, mode: "both" },
    { ...VALID, mode: null },
    { ...VALID, timeout: -1 },
    { ...VALID, timeout: 3_600.1 },
    { ...VALID, timeout: "5" },
    { ...VALID, ttl: 0 },
    { ...VALID, ttl: 0.05 },
    { ...VALID, ttl: -5 },
    { ...VALID, ttl: 86_401 },
    { ...VALID, ttl: 1e300 },
    { lock_name: "a" },
    { lock_name: "a", client_id: "" },
    { lock_name: "", client_id: "b" },
    { lock_name: "a", client_id: "b", lock_type: "both" },
    { lock_name: "a", client_id: "b", timeout: 0 },
    { lock_name: "a", client_id: "b", timeout: 86_401 },
  ];
  for (const body of wrong) {
    const answered = await fixture.post("/lock/acquire", body);
    check(answered, 422, "INVALID");
    ok(typeof answered.json.field === "string", JSON.stringify(body));
  }
  check(
    await fixture.post("/lock/acquire", '{"resource":"a","owner":"b","ttl":1e999}'),
    422,
    "INVALID",
  );
  check(await fixture.post("/lock/release", { ...VALID, fencing_token: 1.5 }), 422, "INVALID");
  check(await fixture.post("/lock/release", { ...VALID, fencing_token: -1 }), 422, "INVALID");
  check(await fixture.post("/lock/release", { ...VALID, fencing_token: 2 ** 53 }), 422, "INVALID");
  check(await fixture.post("/lock/release", { ...VALID, fencing_token: "7" }), 422, "INVALID");
  check(await fixture.post("/lock/renew", { ...VALID, ttl: 0 }), 422, "INVALID");
  deepEqual([fixture.fake.locks.acquires, fixture.fake.locks.helds], [[], []]);
});

Deno.test("bad input: bounds themselves are allowed", async () => {
  const fixture = new Fixture();
  const right: readonly Record<string, unknown>[] = [
    { ...VALID, resource: "x".repeat(512) },
    { ...VALID, resource: "ä".repeat(256) },
    { ...VALID, resource: "🔒".repeat(128) },
    { ...VALID, timeout: 0 },
    { ...VALID, timeout: 3_600 },
    { ...VALID, ttl: 0.1 },
    { ...VALID, ttl: 86_400 },
    { lock_name: "a", client_id: "b", timeout: 0.1 },
  ];
  for (const body of right) {
    equal((await fixture.post("/lock/acquire", body)).status, 200, JSON.stringify(body));
  }
});

Deno.test("bad input: both dialects at once are a 400", async () => {
  const fixture = new Fixture();
  for (const path of ["/lock/acquire", "/lock/release", "/lock/renew"]) {
    const both = { lock_name: "a", client_id: "b", resource: "a", owner: "b" };
    check(await fixture.post(path, both), 400, "BAD_REQUEST");
    check(await fixture.post(path, { ...both, resource: null }), 400, "BAD_REQUEST");
  }
});

Deno.test("bad input: __proto__ and its like are unknown fields", async () => {
  const fixture = new Fixture();
  const hostile =
    '{"__proto__":{"owner":"mallory","polluted":true},"constructor":{"prototype":{}},' +
    '"resource":"printer","owner":"bob"}';
  equal((await fixture.post("/lock/acquire", hostile)).status, 200);
  equal(fixture.fake.locks.acquires[0]!.owner, "bob");
  ok(!("polluted" in {}));
  check(
    await fixture.post("/lock/acquire", '{"__proto__":{"resource":"a","owner":"b"}}'),
    422,
    "INVALID",
  );
  equal((await fixture.get("/locks?__proto__=a&constructor=b")).status, 200);
});

Deno.test("bad input: unknown routes and wrong methods answer in the same form", async () => {
  const fixture = new Fixture();
  check(await fixture.get("/nowhere"), 404, "NOT_FOUND");
  check(await fixture.post("/lock/acquire/", VALID), 404, "NOT_FOUND");
  check(await fixture.get("/__proto__"), 404, "NOT_FOUND");
  const wrong = await fixture.get("/lock/acquire");
  check(wrong, 405, "METHOD_NOT_ALLOWED");
  equal(wrong.headers.get("allow"), "POST");
  const posted = await fixture.post("/health", {});
  check(posted, 405, "METHOD_NOT_ALLOWED");
  equal(posted.headers.get("allow"), "GET, HEAD");
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    const response = await fixture.request("/locks", { method });
    equal(response.status, 405, method);
    equal(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  }
  const head = await fixture.request("/health", { method: "HEAD" });
  deepEqual([head.status, await head.text()], [200, ""]);
});

Deno.test("bad input: past the bound of requests in flight a caller is sent away, then served", async () => {
  const fixture = new Fixture({ connectionsMax: 2 });
  const gate = Promise.withResolvers<void>();
  fixture.fake.locks.acquireWith = async () => {
    await gate.promise;
    return { ok: true, fencingToken: 1, expiresAt: "2026-01-01T00:00:00.000Z" };
  };
  const waiting = [fixture.post("/lock/acquire", VALID), fixture.post("/lock/acquire", VALID)];
  const refused = await fixture.get("/health");
  check(refused, 429, "TOO_MANY_REQUESTS");
  ok(refused.headers.has("retry-after"));
  gate.resolve();
  deepEqual((await Promise.all(waiting)).map(({ status }) => status), [200, 200]);
  equal((await fixture.get("/health")).status, 200);
});

Deno.test("token: needed everywhere but on health, ready and the documents", async () => {
  const fixture = new Fixture({ token: "s3cret" });
  const closed = ["/locks", "/cluster", "/cluster/self", "/raft/state", "/metrics", "/lock/graph"];
  for (const path of closed) {
    const refused = await fixture.get(path);
    check(refused, 401, "UNAUTHORIZED");
    equal(refused.headers.get("www-authenticate"), "Bearer");
    check(await fixture.get(path, { authorization: "Bearer s3cres" }), 401, "UNAUTHORIZED");
    check(await fixture.get(path, { authorization: "Bearer s3cret2" }), 401, "UNAUTHORIZED");
    check(await fixture.get(path, { authorization: "Basic s3cret" }), 401, "UNAUTHORIZED");
    check(await fixture.get(path, { authorization: "s3cret" }), 401, "UNAUTHORIZED");
    equal((await fixture.get(path, { authorization: "bearer s3cret" })).status, 200);
  }
  check(await fixture.post("/lock/acquire", VALID), 401, "UNAUTHORIZED");
  for (const path of ["/health", "/ready", "/openapi.json", "/docs", "/"]) {
    equal((await fixture.get(path)).status, 200, path);
  }
  const authorization = "Bearer s3cret";
  await fixture.post("/lock/acquire", VALID, { authorization, "x-request-id": "r1" });
  const { request } = fixture.fake.locks.acquires[0]!;
  ok(request?.kind === "caller");
  match(request.principal, /^token:[0-9a-f]{16}$/);
});

Deno.test("origin: without a token, pages from elsewhere may not write", async () => {
  const fixture = new Fixture();
  const post = (headers: Record<string, string>) => fixture.post("/lock/acquire", VALID, headers);
  const host = "127.0.0.1:8001";
  check(await post({ host, origin: "https://evil.example" }), 403, "FORBIDDEN");
  check(await post({ host, origin: "null" }), 403, "FORBIDDEN");
  check(await post({ host, origin: "http://127.0.0.1:9999" }), 403, "FORBIDDEN");
  check(
    await post({ host: "evil.example:8001", origin: "http://evil.example:8001" }),
    403,
    "FORBIDDEN",
  );
  equal((await post({ host, origin: `http://${host}` })).status, 200);
  equal((await post({ host: "localhost:8001", origin: "http://localhost:8001" })).status, 200);
  equal((await post({ host: "[::1]:8001", origin: "http://[::1]:8001" })).status, 200);
});

Deno.test("random JSON never gives a 500, and only what is valid a 200", async () => {
  const random = new Random(20_261_121);
  const fixture = new Fixture();
  const paths = ["acquire", "release", "renew"].map((name) => `/lock/${name}`);
  const others = ["/raft/transfer", "/raft/snapshot", "/cluster/remove"];
  const statuses = new Map<number, number>();
  for (let round = 0; round < 4_000; round++) {
    const path = random.pick([...paths, ...paths, ...others]);
    const answered = await fixture.post(path, junkBody(random));
    statuses.set(answered.status, (statuses.get(answered.status) ?? 0) + 1);
    ok([200, 400, 404, 422].includes(answered.status), `${answered.status}: ${answered.text}`);
    equal(answered.json.success, answered.status === 200);
  }
  for (const status of [200, 400, 422]) {
    ok((statuses.get(status) ?? 0) > 100, `statuses were ${JSON.stringify([...statuses])}`);
  }
  deepEqual(fixture.fake.logged, []);
});

function junkBody(random: Random): string {
  const fields = [
    "resource",
    "owner",
    "mode",
    "timeout",
    "ttl",
    "fencing_token",
    "lock_name",
    "client_id",
    "lock_type",
    "to",
    "group",
    "member",
    "__proto__",
    "x",
  ];
  // Begin with a good request most of the time, so that single wrong fields are met as well.
  const body: Record<string, unknown> = random.chance(0.7)
    ? { resource: "a", owner: "b", to: "two", member: "two" }
    : {};
  for (let count = random.integer(0, 3); count > 0; count--) {
    body[random.pick(fields)] = junkValue(random, 3);
  }
  const text = JSON.stringify(body);
  return random.chance(0.1) ? text.slice(0, random.integer(0, text.length - 1)) : text;
}

function junkValue(random: Random, depth: number): unknown {
  switch (random.integer(0, depth > 0 ? 9 : 7)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.integer(-2, 5);
    case 3:
      return random.pick([1e300, -1e-300, 0.1, 86_400, 2 ** 53, -0]);
    case 4:
      return "";
    case 5:
      return random.pick(["shared", "exclusive", "two", "\u0000", "\ud800", "é", "x".repeat(600)]);
    case 6:
      return String.fromCharCode(random.integer(0, 0xffff));
    case 7:
      return "plain";
    case 8:
      return Array.from({ length: random.integer(0, 3) }, () => junkValue(random, depth - 1));
    default:
      return Object.fromEntries([[
        random.pick(["a", "toString", "length"]),
        junkValue(random, depth - 1),
      ]]);
  }
}
