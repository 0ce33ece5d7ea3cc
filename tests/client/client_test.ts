import { deepEqual, equal, match, notEqual, ok, rejects, throws } from "node:assert/strict";
import { SkeinClient, SkeinError } from "../../src/client/mod.ts";
import { limitMs } from "../speed_limit.ts";
import { BreakingServer, failure, FakeServer, GRANTED, json, vacantUrl } from "./fake_server.ts";

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof SkeinError && error.code === expected;
}

function sessionOf(headers: Headers) {
  const [session, boot, sequence, lowestOpen] = headers.get("skein-session")!.split("/");
  return { session, boot, sequence: Number(sequence), lowestOpen: Number(lowestOpen) };
}

Deno.test("client: acquire sends the fields of the API and gives back a grant", async () => {
  await using server = new FakeServer(GRANTED);
  const client = new SkeinClient({ urls: [server.url], token: "secret" });
  const grant = await client.locks.acquire("printer", {
    owner: "alice",
    mode: "shared",
    waitMs: 1_500,
    ttlMs: 30_000,
  });
  deepEqual(grant, {
    resource: "printer",
    owner: "alice",
    fencingToken: 7,
    expiresAt: "2026-01-01T00:05:00.000Z",
  });
  const [{ method, path, headers, body }] = server.received as [typeof server.received[0]];
  equal(`${method} ${path}`, "POST /lock/acquire");
  equal(headers.get("authorization"), "Bearer secret");
  ok(Number(body.timeout) <= 1.5 && Number(body.timeout) > 1.4, `timeout is ${body.timeout}`);
  deepEqual({ ...body, timeout: 0 }, {
    resource: "printer",
    owner: "alice",
    mode: "shared",
    ttl: 30,
    timeout: 0,
  });
});

Deno.test("client: release and renew name the token of the grant", async () => {
  await using server = new FakeServer(GRANTED);
  const client = new SkeinClient({ urls: [server.url], owner: "me" });
  const grant = await client.locks.acquire("printer");
  await client.locks.renew(grant, { ttlMs: 500 });
  await client.locks.release(grant);
  await client.locks.release({ resource: "printer", owner: "me" });
  deepEqual(server.received.slice(1).map(({ path, body }) => ({ path, body })), [
    {
      path: "/lock/renew",
      body: { resource: "printer", owner: "me", fencing_token: 7, ttl: 0.5 },
    },
    { path: "/lock/release", body: { resource: "printer", owner: "me", fencing_token: 7 } },
    { path: "/lock/release", body: { resource: "printer", owner: "me" } },
  ]);
});

Deno.test("client: a refusal is an error with the cluster's code and details", async () => {
  const cycle = [{ owner: "a", resource: "r", holders: ["b"] }];
  await using server = new FakeServer(
    json({ success: false, error: "DEADLOCK", message: "a and b wait", cycle }, 409),
  );
  const client = new SkeinClient({ urls: [server.url] });
  await rejects(client.locks.acquire("r"), (error) => {
    ok(error instanceof SkeinError);
    equal(error.code, "DEADLOCK");
    equal(error.message, "a and b wait");
    deepEqual(error.details, { cycle });
    return true;
  });
  equal(server.received.length, 1, "a final answer is not asked for again");
});

Deno.test("client: where nobody listens it goes on to the next peer, and stays there", async () => {
  await using server = new FakeServer(GRANTED);
  const client = new SkeinClient({ urls: [vacantUrl(), vacantUrl(), server.url] });
  await client.locks.acquire("a");
  await client.locks.acquire("b");
  equal(server.received.length, 2);
});

Deno.test("client: a write that broke off is sent again under the same id", async () => {
  await using first = new BreakingServer();
  await using second = new FakeServer(failure(504, "OUTCOME_UNKNOWN"), GRANTED);
  const client = new SkeinClient({ urls: [first.url, second.url] });
  const grant = await client.locks.acquire("printer");
  equal(grant.fencingToken, 7);
  const ids = [
    ...first.ids,
    ...second.received.map(({ headers }) => headers.get("skein-session")),
  ];
  ok(ids.length >= 3, `${ids.length} attempts`);
  equal(new Set(ids).size, 1, "one id for every attempt");
});

Deno.test("client: each write has an id of its own, and tells the lowest that is open", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = async () => {
    await gate.promise;
    return GRANTED({} as never, new AbortController().signal);
  };
  await using server = new FakeServer(slow, GRANTED);
  const client = new SkeinClient({ urls: [server.url] });
  const waiting = client.locks.acquire("slow", { waitMs: 1_000 });
  while (server.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await client.locks.acquire("a");
  await client.locks.acquire("b");
  gate.resolve();
  await waiting;
  await client.locks.acquire("c");
  const ids = server.received.map(({ headers }) => sessionOf(headers));
  deepEqual(ids.map(({ sequence, lowestOpen }) => [sequence, lowestOpen]), [
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 4],
  ]);
});

Deno.test("client: a request that stays open does not stretch its session past its bound", async () => {
  const gate = Promise.withResolvers<Response>();
  await using server = new FakeServer(() => gate.promise, GRANTED);
  const client = new SkeinClient({ urls: [server.url] });
  const waiting = client.locks.acquire("slow", { waitMs: 60_000 });
  while (server.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let count = 0; count < 1_100; count++) await client.locks.acquire("fast");
  gate.resolve(await GRANTED({} as never, new AbortController().signal));
  await waiting;
  const ids = server.received.map(({ headers }) => sessionOf(headers));
  ok(ids.every(({ sequence, lowestOpen }) => sequence - lowestOpen < 1_024));
  const [first, last] = [ids.at(0)!, ids.at(-1)!];
  notEqual(last.session, first.session);
  equal(last.boot, first.boot);
});

Deno.test("client: a caller's own request id takes the place of the session", async () => {
  await using server = new FakeServer(GRANTED);
  const client = new SkeinClient({ urls: [server.url] });
  await client.locks.acquire("printer", { requestId: "order-17" });
  const [{ headers }] = server.received as [typeof server.received[0]];
  equal(headers.get("x-request-id"), "order-17");
  equal(headers.get("skein-session"), null);
  await rejects(client.locks.acquire("printer", { requestId: "two words" }), code("BAD_REQUEST"));
});

Deno.test("client: waits as long as Retry-After says once every peer has refused", async () => {
  await using server = new FakeServer(failure(503, "NO_LEADER", { "retry-after": "1" }), GRANTED);
  const client = new SkeinClient({ urls: [server.url] });
  const startedMs = performance.now();
  await client.locks.acquire("printer");
  const elapsedMs = performance.now() - startedMs;
  ok(elapsedMs >= 990 && elapsedMs < limitMs(5_000), `took ${elapsedMs} ms`);
});

Deno.test("client: gives up when the time for retries is over, with what it knows", async () => {
  await using refusing = new FakeServer(failure(503, "NO_LEADER"));
  await using breaking = new BreakingServer();
  const urls = (server: { readonly url: string }) => ({ urls: [server.url], retryMs: 120 });
  await rejects(new SkeinClient(urls(refusing)).locks.acquire("a"), code("NO_LEADER"));
  await rejects(new SkeinClient(urls(breaking)).locks.acquire("a"), code("OUTCOME_UNKNOWN"));
  await rejects(new SkeinClient(urls(breaking)).locks.list(), code("UNAVAILABLE"));
  const nobody = new SkeinClient({ urls: [vacantUrl()], retryMs: 120 });
  await rejects(nobody.locks.acquire("a"), code("UNAVAILABLE"));
  ok(refusing.received.length > 1, "it tried again before it gave up");
});

Deno.test("client: what has no id is sent again only where it certainly was not done", async () => {
  await using breaking = new BreakingServer();
  await using fine = new FakeServer(json({ success: true }));
  const risky = new SkeinClient({ urls: [breaking.url, fine.url] });
  await rejects(risky.removeMember("two"), code("OUTCOME_UNKNOWN"));
  equal(fine.received.length, 0);

  await using leaderless = new FakeServer(failure(503, "NO_LEADER"));
  const safe = new SkeinClient({ urls: [vacantUrl(), leaderless.url, fine.url] });
  await safe.removeMember("two");
  deepEqual(fine.received.map(({ path, body }) => ({ path, body })), [
    { path: "/cluster/remove", body: { member: "two", force: false } },
  ]);
});

Deno.test("client: an aborted acquire ends its request", async () => {
  const gone = Promise.withResolvers<void>();
  await using server = new FakeServer((_received, signal) => {
    signal.addEventListener("abort", () => gone.resolve());
    return new Promise<Response>(() => {});
  });
  const client = new SkeinClient({ urls: [server.url] });
  const stopping = new AbortController();
  const waiting = client.locks.acquire("printer", { waitMs: 60_000, signal: stopping.signal });
  while (server.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stopping.abort(new Error("enough"));
  await rejects(waiting, /enough/);
  await gone.promise;
  await rejects(client.locks.acquire("printer", { signal: stopping.signal }), /enough/);
});

Deno.test("client: an abort also ends the pause between retries", async () => {
  await using server = new FakeServer(failure(503, "NO_LEADER", { "retry-after": "30" }));
  const client = new SkeinClient({ urls: [server.url] });
  const stopping = new AbortController();
  const asking = client.locks.list({ signal: stopping.signal });
  while (server.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stopping.abort(new Error("enough"));
  await rejects(asking, /enough/);
});

Deno.test("client: what a proxy answers becomes an error too", async () => {
  await using server = new FakeServer(() => new Response("<html>teapot</html>", { status: 418 }));
  const client = new SkeinClient({ urls: [server.url] });
  await rejects(client.cluster(), (error) => {
    ok(error instanceof SkeinError && error.code === "INTERNAL");
    match(error.message, /answered 418: <html>teapot/);
    return true;
  });
  await using notJson = new FakeServer(() => new Response("fine"));
  await rejects(new SkeinClient({ urls: [notJson.url] }).cluster(), code("INTERNAL"));
});

Deno.test("client: needs URLs that are some", () => {
  throws(() => new SkeinClient({ urls: [] }), code("BAD_REQUEST"));
  throws(() => new SkeinClient({ urls: ["127.0.0.1:8001"] }), code("BAD_REQUEST"));
  throws(() => new SkeinClient({ urls: ["ftp://there"] }), code("BAD_REQUEST"));
});
