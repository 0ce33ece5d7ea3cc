import { deepEqual, equal, match, ok } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { Fixture, GRANT, HOLDER, HOLDER_JSON, OTHER_ID, SELF_ID } from "./fake_peer.ts";

const held = () => Promise.resolve({ ok: false, code: "LOCK_HELD", holders: [HOLDER] } as const);

Deno.test("acquire: the native fields reach the lock service, and the grant comes back", async () => {
  const { fake, ...fixture } = withFake();
  const { status, json } = await fixture.post("/lock/acquire", {
    resource: "printer",
    owner: "bob",
    mode: "shared",
    timeout: 1.5,
    ttl: 0.25,
    unknown: "ignored",
  });
  equal(status, 200);
  deepEqual(json, {
    success: true,
    fencing_token: 7,
    expires_at: "2026-01-01T00:05:00.000Z",
    resource: "printer",
    owner: "bob",
  });
  const [{ signal, ...asked }] = fake.locks.acquires as [typeof fake.locks.acquires[0]];
  ok(signal !== null);
  deepEqual(asked, {
    resource: "printer",
    owner: "bob",
    mode: "shared",
    waitMs: 1_500,
    ttlMs: 250,
    request: null,
  });
});

Deno.test("acquire: native defaults are exclusive, no wait, the configured lease", async () => {
  const { fake, post } = withFake({ lockTtlMs: 77_000 });
  await post("/lock/acquire", { resource: "printer", owner: "bob" });
  const [{ mode, waitMs, ttlMs }] = fake.locks.acquires as [typeof fake.locks.acquires[0]];
  deepEqual({ mode, waitMs, ttlMs }, { mode: "exclusive", waitMs: 0, ttlMs: 77_000 });
});

Deno.test("acquire: the second dialect is a try-lock whose lease lasts timeout", async () => {
  const { fake, post } = withFake({ lockTtlMs: 77_000 });
  const { status, json } = await post("/lock/acquire", {
    lock_name: "printer",
    client_id: "bob",
    lock_type: "exclusive",
    timeout: 5,
  });
  equal(status, 200);
  deepEqual(json, {
    success: true,
    fencing_token: 7,
    expires_at: "2026-01-01T00:05:00.000Z",
    lock_name: "printer",
    client_id: "bob",
  });
  await post("/lock/acquire", { lock_name: "printer", client_id: "bob", lock_type: "shared" });
  deepEqual(
    fake.locks.acquires.map(({ resource, owner, mode, waitMs, ttlMs }) => [
      resource,
      owner,
      mode,
      waitMs,
      ttlMs,
    ]),
    [
      ["printer", "bob", "exclusive", 0, 5_000],
      ["printer", "bob", "shared", 0, 77_000],
    ],
  );
});

Deno.test("acquire: a second owner is refused, in each dialect's way", async () => {
  const { fake, post } = withFake();
  fake.locks.acquireWith = held;
  const native = await post("/lock/acquire", { resource: "printer", owner: "bob" });
  equal(native.status, 409);
  equal(native.headers.get("content-type"), "application/json");
  deepEqual(native.json, {
    success: false,
    error: "LOCK_HELD",
    message: 'the lock "printer" is held by "alice"',
    resource: "printer",
    owner: "bob",
    holders: [HOLDER_JSON],
  });
  const second = await post("/lock/acquire", { lock_name: "printer", client_id: "bob" });
  equal(second.status, 200);
  deepEqual(second.json, {
    success: false,
    error: "LOCK_HELD",
    message: 'the lock "printer" is held by "alice"',
    lock_name: "printer",
    client_id: "bob",
    holders: [HOLDER_JSON],
  });
});

Deno.test("acquire: a deadlock's victim gets the cycle", async () => {
  const { fake, post } = withFake();
  const cycle = [
    { owner: "a", resource: "r2", holders: ["b"] },
    { owner: "b", resource: "r1", holders: ["a"] },
  ];
  fake.locks.acquireWith = () => Promise.resolve({ ok: false, code: "DEADLOCK", cycle });
  const { status, json } = await post("/lock/acquire", { resource: "r1", owner: "b", timeout: 9 });
  equal(status, 409);
  equal(json.error, "DEADLOCK");
  match(json.message, /a waits for r2, b waits for r1/);
  deepEqual(json.cycle, cycle);
});

Deno.test("acquire: a retry whose grant is over is told so", async () => {
  const { fake, post } = withFake();
  fake.locks.acquireWith = () => Promise.resolve({ ok: false, code: "LEASE_EXPIRED" });
  const { status, json } = await post("/lock/acquire", { resource: "r1", owner: "b" });
  deepEqual([status, json.success, json.error], [409, false, "LEASE_EXPIRED"]);
});

Deno.test("release and renew: both dialects, with and without a token", async () => {
  const { fake, post } = withFake();
  const released = await post("/lock/release", {
    resource: "printer",
    owner: "bob",
    fencing_token: 7,
  });
  deepEqual([released.status, released.json], [200, {
    success: true,
    resource: "printer",
    owner: "bob",
  }]);
  const second = await post("/lock/release", {
    lock_name: "printer",
    client_id: "bob",
    lock_type: "nonsense is ignored here",
    timeout: "so is this",
  });
  deepEqual([second.status, second.json], [200, {
    success: true,
    lock_name: "printer",
    client_id: "bob",
  }]);
  const renewed = await post("/lock/renew", { resource: "printer", owner: "bob", ttl: 2 });
  deepEqual([renewed.status, renewed.json], [200, {
    success: true,
    fencing_token: 7,
    expires_at: "2026-01-01T00:10:00.000Z",
    resource: "printer",
    owner: "bob",
  }]);
  await post("/lock/renew", { lock_name: "printer", client_id: "bob", fencing_token: null });
  deepEqual(
    fake.locks.helds.map(({ fencingToken, ttlMs }) => [fencingToken, ttlMs]),
    [[7, undefined], [null, undefined], [null, 2_000], [null, null]],
  );
});

Deno.test("release and renew: what is not held is a conflict in both dialects", async () => {
  const { fake, post } = withFake();
  fake.locks.releaseResult = { ok: false, code: "NOT_HELD" };
  fake.locks.renewResult = { ok: false, code: "NOT_HELD" };
  for (const path of ["/lock/release", "/lock/renew"]) {
    for (
      const body of [{ resource: "printer", owner: "bob" }, {
        lock_name: "printer",
        client_id: "bob",
      }]
    ) {
      const { status, json } = await post(path, body);
      deepEqual([status, json.success, json.error], [409, false, "NOT_HELD"]);
      match(json.message, /"printer" is not held by "bob"/);
    }
  }
});

Deno.test("forwarding: a follower that may not forward names the leader and its address", async () => {
  const { fake, post } = withFake();
  fake.follow(OTHER_ID);
  const native = { resource: "printer", owner: "bob" };
  const expected = {
    success: false,
    error: "NOT_LEADER",
    message: "one does not lead group 0; two does",
    leader: "two",
    leader_url: "http://127.0.0.1:8002",
  };
  for (const path of ["/lock/acquire", "/lock/release", "/lock/renew"]) {
    const byQuery = await post(`${path}?forward=false`, native);
    deepEqual([byQuery.status, byQuery.json], [503, expected]);
    ok(Number(byQuery.headers.get("retry-after")) > 0);
    const byHeader = await post(path, native, { "skein-forward": "no" });
    deepEqual([byHeader.status, byHeader.json], [503, expected]);
    const second = await post(`${path}?forward=false`, { lock_name: "printer", client_id: "bob" });
    deepEqual([second.status, second.json], [200, expected]);
  }
  deepEqual([fake.locks.acquires, fake.locks.helds], [[], []], "nothing was forwarded");
  equal((await post("/lock/acquire?forward=true", native)).status, 200);
});

Deno.test("forwarding: the leader answers itself, and nobody's follower says so", async () => {
  const { fake, post } = withFake();
  const native = { resource: "printer", owner: "bob" };
  equal((await post("/lock/acquire?forward=false", native)).status, 200);
  fake.follow(null);
  const { status, json } = await post("/lock/acquire?forward=false", native);
  deepEqual([status, json.error, json.leader, json.leader_url], [503, "NOT_LEADER", null, null]);
});

Deno.test("request ids: a caller's, a session's, and none", async () => {
  const { fake, post } = withFake();
  const body = { resource: "printer", owner: "bob" };
  const session = `${SELF_ID.slice(0, 32)}/3/boot-1/17/12`;
  await post("/lock/acquire", body, { "x-request-id": "order-17" });
  await post("/lock/acquire", body, { "skein-session": session });
  await post("/lock/acquire", body, { "skein-session": session, "x-request-id": "from-a-proxy" });
  await post("/lock/release", body, { "x-request-id": "order-18" });
  const ofSession = {
    kind: "session",
    session: `${SELF_ID.slice(0, 32)}/3`,
    bootId: "boot-1",
    sequence: 17,
    lowestOpen: 12,
  };
  deepEqual([...fake.locks.acquires, ...fake.locks.helds].map(({ request }) => request), [
    { kind: "caller", principal: "local", id: "order-17" },
    ofSession,
    ofSession,
    { kind: "caller", principal: "local", id: "order-18" },
  ]);
});

Deno.test("request ids: what is none is refused", async () => {
  const { fake, post } = withFake();
  const body = { resource: "printer", owner: "bob" };
  const headers = [
    { "x-request-id": "" },
    { "x-request-id": "two words" },
    { "x-request-id": "x".repeat(129) },
    { "skein-session": "" },
    { "skein-session": "a/b/1" },
    { "skein-session": "a/b/-1/-2" },
    { "skein-session": "a/b/1/2" },
    { "skein-session": "a/b/2000/900" },
    { "skein-session": "a/b/99999999999999999999/1" },
    { "skein-session": `${"a".repeat(200)}/b/1/1` },
  ];
  for (const header of headers) {
    const { status, json } = await post("/lock/acquire", body, header as Record<string, string>);
    deepEqual([status, json.error], [400, "BAD_REQUEST"], JSON.stringify(header));
  }
  deepEqual(fake.locks.acquires, []);
});

Deno.test("errors of the cluster keep their status, code and details", async () => {
  const { fake, post } = withFake();
  const body = { resource: "printer", owner: "bob" };
  for (
    const [code, status] of [
      ["NO_LEADER", 503],
      ["STORAGE_FAILED", 503],
      ["SHUTTING_DOWN", 503],
      ["OUTCOME_UNKNOWN", 504],
      ["TOO_MANY_REQUESTS", 429],
      ["REQUEST_ID_REUSED", 422],
    ] as const
  ) {
    fake.locks.acquireWith = () => Promise.reject(new SkeinError(code, "as told", { group: 0 }));
    const answered = await post("/lock/acquire", body);
    equal(answered.status, status);
    deepEqual(answered.json, { group: 0, success: false, error: code, message: "as told" });
    equal(answered.headers.has("retry-after"), status === 503 || status === 429, code);
  }
});

Deno.test("a bug of ours is a 500 that tells its caller nothing and our log everything", async () => {
  const { fake, post } = withFake();
  fake.locks.acquireWith = () => Promise.reject(new RangeError("secret detail"));
  const { status, text, json } = await post("/lock/acquire", { resource: "printer", owner: "bob" });
  deepEqual([status, json.success, json.error], [500, false, "INTERNAL"]);
  ok(!text.includes("secret detail"));
  match(fake.logged.at(-1)!.message, /\/lock\/acquire.*secret detail/);
  fake.locks.acquireWith = () => {
    // deno-lint-ignore no-throw-literal -- whatever a bug throws
    throw "not even an error";
  };
  equal((await post("/lock/acquire", { resource: "printer", owner: "bob" })).status, 500);
  fake.locks.acquireWith = () => Promise.resolve(GRANT);
  equal((await post("/lock/acquire", { resource: "printer", owner: "bob" })).status, 200);
});

function withFake(changes: ConstructorParameters<typeof Fixture>[0] = {}) {
  const fixture = new Fixture(changes);
  return { fake: fixture.fake, post: fixture.post.bind(fixture) };
}
