/** The cache's client against the real HTTP face; where its retries matter, against a server that fails. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { SkeinClient, SkeinError } from "../../src/client/mod.ts";
import { CACHE_STATS } from "../http/fake_cache.ts";
import { OTHER_ID } from "../http/peer_ids.ts";
import { BreakingServer, failure, FakeServer, json, vacantUrl } from "./fake_server.ts";
import { Served } from "./served.ts";

const decoder = new TextDecoder();
const WRITTEN = json({ success: true, status: "written", state: "M", version: "1.1.1" });

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof SkeinError && error.code === expected;
}

Deno.test("cache client: a value is read as it was put, with its version", async () => {
  await using served = await Served.start("secret");
  const { client: { cache } } = served;
  const nothing = { status: "miss", state: "I", value: null, version: null };
  deepEqual(await cache.get("k"), { ...nothing, expiresAt: null, fillToken: null });
  const value = { n: [1, "ä"], none: null };
  deepEqual(await cache.put("k", value), { version: "3.1.1", state: "M" });
  deepEqual(await cache.get("k"), {
    status: "hit",
    state: "S",
    value,
    version: "3.1.1",
    expiresAt: null,
    fillToken: null,
  });
  equal(await cache.delete("k"), true);
  equal(await cache.delete("k"), false);
});

Deno.test("cache client: a put's options, with times in milliseconds", async () => {
  await using served = await Served.start();
  const { fake, client: { cache } } = served;
  const { version } = await cache.put("k", 1, { ttlMs: 1_500, durable: true, ifVersion: null });
  await cache.put("k", "two", { ifVersion: version, requestId: "r1" });
  const asked = fake.cache.puts.map(({ data, ...rest }) => ({
    ...rest,
    text: decoder.decode(data),
  }));
  deepEqual(asked, [
    {
      key: "k",
      text: "1",
      ttlMs: 1_500,
      durable: true,
      ifVersion: null,
      fillToken: null,
      request: null,
    },
    {
      key: "k",
      text: '"two"',
      ttlMs: null,
      durable: false,
      ifVersion: version,
      fillToken: null,
      request: { kind: "caller", principal: "local", id: "r1" },
    },
  ]);
});

Deno.test("cache client: a write over another version says which there is", async () => {
  await using served = await Served.start();
  const { client: { cache } } = served;
  const { version } = await cache.put("k", 1);
  await rejects(cache.put("k", 2, { ifVersion: null }), (error) => {
    ok(error instanceof SkeinError);
    deepEqual([error.code, error.details], ["CONFLICT", { version }]);
    return true;
  });
});

Deno.test("cache client: fill gives one caller the token, and the others wait", async () => {
  await using served = await Served.start();
  const { fake, client: { cache } } = served;
  const { status, fillToken } = await cache.get("k", { fill: true, fillTtlMs: 500 });
  deepEqual([status, fillToken], ["miss", "fill-k"]);
  const other = await cache.get("k", { fill: true, waitMs: 2_000 });
  equal(other.fillToken, null);
  await cache.put("k", 7, { fillToken: fillToken! });
  equal((await cache.get("k", { fill: true })).value, 7);
  await rejects(cache.put("k", 8, { fillToken: fillToken! }), code("CONFLICT"));
  const [first, second] = fake.cache.gets;
  deepEqual([first!.fill, first!.waitMs, first!.fillTtlMs], [true, 0, 500]);
  ok(second!.waitMs > 1_900 && second!.waitMs <= 2_000, `waits ${second!.waitMs} ms`);
});

Deno.test("cache client: invalidate, who holds a line, and the counters", async () => {
  await using served = await Served.start();
  const { fake, client: { cache } } = served;
  await cache.put("a/b c&d", 1);
  await cache.invalidate("a/b c&d");
  deepEqual(fake.cache.removals, [["invalidate", "a/b c&d", null]]);
  deepEqual(await cache.state("a/b c&d"), {
    key: "a/b c&d",
    partition: 9,
    home: "two",
    holders: [{ peer: "one", state: "S" }, { peer: "two", state: "S" }],
    version: "3.1.1",
    state: "S",
  });
  fake.members.cluster = {
    ...fake.members.cluster,
    members: fake.members.cluster.members.filter(({ id }) => id !== OTHER_ID),
  };
  equal(
    (await cache.state("a/b c&d")).home,
    OTHER_ID,
    "who is no member any more has its id alone",
  );
  deepEqual(await cache.stats(), { ...CACHE_STATS, peer: "one" });
});

Deno.test("cache client: a write is sent again where it certainly was not done, and has no id", async () => {
  await using server = new FakeServer(failure(429, "TOO_MANY_REQUESTS"), WRITTEN);
  const { cache } = new SkeinClient({ urls: [vacantUrl(), server.url] });
  deepEqual(await cache.put("k", 1), { version: "1.1.1", state: "M" });
  equal(server.received.length, 2);
  for (const { headers } of server.received) equal(headers.get("skein-session"), null);
});

Deno.test("cache client: a write that may have been done is not sent again", async () => {
  await using breaking = new BreakingServer();
  await using server = new FakeServer(failure(503, "UNAVAILABLE"), WRITTEN);
  const lost = new SkeinClient({ urls: [breaking.url, server.url] });
  await rejects(lost.cache.put("k", 1), code("OUTCOME_UNKNOWN"));
  deepEqual([breaking.ids.length, server.received.length], [1, 0]);
  const refused = new SkeinClient({ urls: [server.url] });
  await rejects(refused.cache.delete("k"), code("OUTCOME_UNKNOWN"));
  equal(server.received.length, 1);
});

Deno.test("cache client: a write with the caller's own id is sent again, and so are reads", async () => {
  await using server = new FakeServer(failure(503, "UNAVAILABLE"), WRITTEN);
  const { cache } = new SkeinClient({ urls: [server.url] });
  await cache.put("k", 1, { requestId: "r1" });
  deepEqual(server.received.map(({ headers }) => headers.get("x-request-id")), ["r1", "r1"]);
  await using reading = new FakeServer(
    failure(503, "UNAVAILABLE"),
    json({ success: true, status: "miss", state: "I", version: null, value: null }),
  );
  const read = await new SkeinClient({ urls: [reading.url] }).cache.get("k");
  deepEqual([read.status, reading.received.length], ["miss", 2]);
});
