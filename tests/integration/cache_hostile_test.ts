/**
 * A real cluster, and requests of the cache that are wrong: each is answered with what is wrong and changes nothing, the
 * process lives, and an honest client is served meanwhile.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { eventually } from "../eventually.ts";
import { SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const KIB = 1024;

interface WrongRequest {
  readonly what: string;
  readonly path: string;
  /** Sent as it is where it is a text; null: a GET. */
  readonly body: unknown;
  readonly status: number;
  readonly error: string;
}

function invalid(what: string, path: string, body: unknown): WrongRequest {
  return { what, path: `/cache/${path}`, body, status: 422, error: "INVALID" };
}

function put(what: string, fields: object, status = 422, error = "INVALID"): WrongRequest {
  return { what, path: "/cache/put", body: { key: "k", value: 0, ...fields }, status, error };
}

function malformed(what: string, body: string): WrongRequest {
  return { what, path: "/cache/write", body, status: 400, error: "BAD_REQUEST" };
}

const WRONG: readonly WrongRequest[] = [
  put("a key of 10 KiB", { key: "x".repeat(10 * KIB) }),
  put("a key of one byte too much", { key: "x".repeat(KIB + 1) }),
  put("an empty key", { key: "" }),
  put("a key with a line break", { key: "a\nReceived INVAL for x. State -> I" }),
  put("a key of another type", { key: 7 }),
  put("no key", { key: undefined }),
  put("no value", { value: undefined }),
  put("a value over the bound", { value: "x".repeat(KIB * KIB) }, 413, "PAYLOAD_TOO_LARGE"),
  put("a ttl of nothing", { ttl: 0 }),
  put("a negative ttl", { ttl: -1 }),
  put("a ttl of a thousand years", { ttl: 3e10 }),
  put("a ttl in words", { ttl: "60" }),
  put("durable in words", { durable: "yes" }),
  put("a version that is a number", { if_version: 7 }),
  put("a version that is an object", { if_version: {} }),
  put("an empty version", { if_version: "" }),
  put("a version that was never one", { if_version: "nonsense" }, 409, "CONFLICT"),
  put("a version of another key", { if_version: "999.1.1" }, 409, "CONFLICT"),
  put("a value where there must be none", { if_version: null }, 409, "CONFLICT"),
  put("a fill token that nobody got", { fill_token: "1.1.abc" }, 409, "CONFLICT"),
  put("a long fill token that nobody got", { fill_token: "x".repeat(400) }, 409, "CONFLICT"),
  put("a fill token of another type", { fill_token: [1] }),
  invalid("a read of no key", "get", {}),
  invalid("a read of a key of 10 KiB", "read", { key: "x".repeat(10 * KIB) }),
  invalid("a negative wait", "get", { key: "k", fill: true, wait: -1 }),
  invalid("a wait of two hours", "get", { key: "k", fill: true, wait: 7_200 }),
  invalid("fill in words", "get", { key: "k", fill: "yes" }),
  invalid("an invalidate of a key of 10 KiB", "invalidate", { key: "x".repeat(10 * KIB) }),
  invalid("a delete of nothing", "delete", { value: "k" }),
  invalid("the state of nothing", "state", null),
  invalid("the state of a key of 10 KiB", `state?key=${"x".repeat(10 * KIB)}`, null),
  malformed("an empty body", ""),
  malformed("no JSON", "key=k&value=0"),
  malformed("half an object", '{"key":"k","value":'),
  malformed("a list", '[{"key":"k","value":0}]'),
  malformed("a value that is no JSON", '{"key":"k","value":NaN}'),
  malformed("a value nested too deep", `{"key":"k","value":${"[".repeat(500) + "]".repeat(500)}}`),
  malformed("brackets without end", `{"key":"k","value":${"[".repeat(100_000)}`),
];

function send(peer: SkeinProcess, { path, body }: WrongRequest): Promise<Response> {
  const signal = AbortSignal.timeout(20_000);
  if (body === null) return fetch(peer.url + path, { signal });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(peer.url + path, { method: "POST", body: text, signal });
}

function clientOf(peer: SkeinProcess) {
  return new SkeinClient({ urls: [peer.url] }).cache;
}

Deno.test("wrong requests of the cache are answered with what is wrong, and change nothing", async (test) => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const caches = peers.map(clientOf);
    const { version } = await caches[0]!.put("k", "honest", { durable: true });
    for (const [place, wrong] of WRONG.entries()) {
      await test.step(wrong.what, async () => {
        const response = await send(peers[place % peers.length]!, wrong);
        const answer = await response.json();
        const shown = JSON.stringify(answer).slice(0, 500);
        const { success, error, message } = answer;
        assert.deepEqual(
          [response.status, success, error],
          [wrong.status, false, wrong.error],
          shown,
        );
        assert.ok(typeof message === "string" && message.length > 0, shown);
      });
    }
    for (const cache of caches) {
      const read = await cache.get("k");
      assert.deepEqual([read.value, read.version], ["honest", version]);
    }
    assert.ok(peers.every(({ up }) => up));
  });
});

Deno.test("what is unusual and right is cached: keys, values and nesting", async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [first, second, third] = peers as [SkeinProcess, SkeinProcess, SkeinProcess];
    const keys = ["x".repeat(KIB), "Grüße, 世界 🎉", "a b/c?d=e&f#g", "__proto__", "toString", "."];
    const nested: unknown = JSON.parse("[".repeat(60) + "]".repeat(60));
    const values = [null, false, 0, "", "\u0000\u2028", [], {}, { toString: 1 }, nested, 1e308];
    const [writer, reader] = [clientOf(first), clientOf(second)];
    for (const key of keys) {
      for (const value of values) {
        await writer.put(key, value);
        const read = await reader.get(key);
        assert.deepEqual(read.value, value);
        assert.notEqual(read.status, "miss", "null is a value as well");
      }
      assert.equal((await reader.state(key)).key, key);
      assert.equal(await clientOf(third).delete(key), true);
      assert.equal((await writer.get(key)).status, "miss");
    }
    // The largest that a body holds, and one that lies in a value file.
    for (const size of [KIB * KIB - 100, 100 * KIB]) {
      await writer.put("large", "ä".repeat(size / 2), { durable: true });
      assert.equal(((await reader.get("large")).value as string).length, size / 2);
      assert.equal(((await clientOf(third).get("large")).value as string).length, size / 2);
    }
    // A number that no float holds comes out as it went in.
    const text = '{"key":"number","value":{"n":12345678901234567890.5e3}}';
    await fetch(`${first.url}/cache/put`, { method: "POST", body: text });
    const read = await fetch(`${third.url}/cache/get`, {
      method: "POST",
      body: '{"key":"number"}',
    });
    assert.ok((await read.text()).includes('"value":{"n":12345678901234567890.5e3}'));
  });
});

Deno.test("whoever goes away while a value is computed leaves nobody waiting", async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [first, second] = peers as [SkeinProcess, SkeinProcess];
    const { fillToken } = await clientOf(first).get("slow", { fill: true });
    assert.equal(typeof fillToken, "string");
    const leaving = new AbortController();
    const options = { fill: true, waitMs: 3_600_000, signal: leaving.signal };
    const waiting = Array.from({ length: 50 }, () => clientOf(second).get("slow", options));
    const left = Promise.allSettled(waiting);
    await inFlight(second, 50);
    leaving.abort();
    await left;
    await inFlight(second, 0);
    await clientOf(second).put("slow", "at last", { fillToken: fillToken! });
    const read = await clientOf(second).get("slow", { fill: true, waitMs: 60_000 });
    assert.equal(read.value, "at last");
  });
});

Deno.test("a fill that is sent again under its id is answered as before, through whichever peer", async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [first, second] = peers as [SkeinProcess, SkeinProcess];
    const { fillToken } = await clientOf(first).get("dear", { fill: true });
    const fill = async ({ url }: SkeinProcess, id: string) => {
      const response = await fetch(`${url}/cache/put`, {
        method: "POST",
        headers: { "x-request-id": id },
        body: JSON.stringify({ key: "dear", value: 42, fill_token: fillToken }),
      });
      const { version } = await response.json() as { version: string };
      return [response.status, version];
    };
    const [status, version] = await fill(first, "fill-1");
    assert.equal(status, 200);
    assert.deepEqual(await fill(first, "fill-1"), [200, version]);
    assert.deepEqual(await fill(second, "fill-1"), [200, version]);
    assert.deepEqual(await fill(second, "fill-2"), [409, version], "the token is over");
    assert.equal((await clientOf(second).get("dear")).value, 42);
  });
});

/** Resolves when so many requests wait at a peer; the one that asks is not counted. */
async function inFlight(peer: SkeinProcess, count: number): Promise<void> {
  await eventually(`${count} in flight`, 10_000, async () => {
    const text = await (await fetch(`${peer.url}/metrics`)).text();
    const found = /^skein_http_requests_in_flight (\d+)$/m.exec(text);
    assert.equal(Number(found?.[1]) - 1, count);
  });
}
