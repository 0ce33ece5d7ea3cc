/** Commands of the cache: what they send, what they print, and their exit codes. */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { CACHE_STATS_FIELDS } from "../http/fake_cache.ts";
import { failed, type FakeAnswer, FakePeer } from "./fake_peer.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

const VALUE = {
  success: true,
  status: "hit",
  state: "S",
  version: "5.1.3",
  expires_at: "2030-01-01T00:00:00.000Z",
  value: { camelCase: [1, "zwei"] },
};
const MISS = {
  success: true,
  status: "miss",
  state: "I",
  version: null,
  expires_at: null,
  value: null,
  fill_token: null,
};
const STATE = {
  key: "k",
  status: "hit",
  state: "S",
  version: "5.1.3",
  partition: 9,
  home: "peer-2",
  holders: [{ peer: "peer-1", state: "S" }, { peer: "peer-3", state: "S" }],
};
const STATS = { peer: "peer-1", ...CACHE_STATS_FIELDS };
const WRITTEN = { success: true, status: "written", state: "M", version: "5.1.4" };

function cache(peer: FakePeer, words: readonly string[], input?: string | Uint8Array<ArrayBuffer>) {
  return skein(["cache", ...words, "--url", peer.url], {}, input);
}

Deno.test("get prints the value as JSON; a text raw; all there is for scripts", async () => {
  await using peer = new FakePeer({
    "POST /cache/get": (
      { body },
    ) => [200, body["key"] === "k" ? VALUE : { ...VALUE, value: "ä b" }],
  });
  const plain = await cache(peer, ["get", "k"]);
  assert.deepEqual([plain.code, plain.stdout], [0, '{"camelCase":[1,"zwei"]}\n']);
  assert.equal((await cache(peer, ["get", "text"])).stdout, '"ä b"\n');
  assert.equal((await cache(peer, ["get", "text", "--raw"])).stdout, "ä b\n");
  const { success, ...fields } = VALUE;
  const document = JSON.parse((await cache(peer, ["get", "k", "--json"])).stdout);
  assert.deepEqual(document, { success, key: "k", ...fields });
  assert.deepEqual(peer.asked[0]!.body, { key: "k" });
});

Deno.test("get keeps every digit of a number", async () => {
  const digits = "12345678901234567890";
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response(JSON.stringify(VALUE).replace('{"camelCase":[1,"zwei"]}', digits)),
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    assert.equal((await skein(["cache", "get", "k", "--url", url])).stdout, `${digits}\n`);
  } finally {
    await server.shutdown();
  }
});

Deno.test("get of nothing is exit code 1; with --fill it may be this caller's to compute", async () => {
  await using peer = new FakePeer({
    "POST /cache/get": (
      { body },
    ) => [200, { ...MISS, fill_token: body["fill"] === true ? "5.17" : null }],
  });
  const nothing = await cache(peer, ["get", "k"]);
  assert.deepEqual([nothing.code, nothing.stdout], [1, ""]);
  assert.match(nothing.stderr, /"k" has no value\n$/);
  const fill = await cache(peer, ["get", "k", "--fill", "--wait", "1.5", "--fill-ttl", "60"]);
  assert.equal(fill.code, 1);
  assert.match(fill.stderr, /cache put KEY VALUE --fill-token 5\.17/);
  const script = await cache(peer, ["get", "k", "--fill", "--json"]);
  assert.deepEqual([script.code, JSON.parse(script.stdout).fill_token], [1, "5.17"]);
  const [, asked] = peer.asked;
  const wait = Number(asked!.body["wait"]);
  assert.ok(wait > 1.4 && wait <= 1.5, `wait is ${wait}`);
  assert.deepEqual({ ...asked!.body, wait: 0 }, { key: "k", fill: true, fill_ttl: 60, wait: 0 });
  assert.equal((await cache(peer, ["get", "k", "--wait", "1"])).code, 2);
});

Deno.test("put takes JSON, text or standard input, and all of its options", async () => {
  await using peer = new FakePeer({ "POST /cache/put": [200, WRITTEN] });
  const plain = await cache(peer, ["put", "k", '{"n":1}']);
  assert.deepEqual([plain.code, plain.stdout], [0, "wrote version 5.1.4 of k\n"]);
  await cache(peer, ["put", "k", "--text", "hello", "--ttl", "1.5", "--durable"]);
  await cache(peer, ["put", "k", "--if-version", "5.1.3", "--fill-token", "5.17"], "[1]\n");
  await cache(peer, ["put", "k", "--text", "--if-absent"], "zwei\n");
  const script = await cache(peer, ["put", "k", "8", "--json"]);
  assert.deepEqual(JSON.parse(script.stdout), {
    success: true,
    key: "k",
    status: "written",
    state: "M",
    version: "5.1.4",
  });
  assert.deepEqual(peer.asked.map(({ body }) => body), [
    { key: "k", value: { n: 1 } },
    { key: "k", value: "hello", ttl: 1.5, durable: true },
    { key: "k", value: [1], if_version: "5.1.3", fill_token: "5.17" },
    { key: "k", value: "zwei\n", if_version: null },
    { key: "k", value: 8 },
  ]);
});

Deno.test("put refuses what is no value before it is sent", async () => {
  await using peer = new FakePeer({ "POST /cache/put": [200, WRITTEN] });
  const wrong: readonly (readonly [readonly string[], (string | Uint8Array<ArrayBuffer>)?])[] = [
    [["nonsense"]],
    [[""]],
    [[], "[1"],
    [["--text"], new Uint8Array([0x61, 0xff, 0x62])],
    [["--text"], "x".repeat(1024 * 1024 + 1)],
    [["1", "--ttl", "0"]],
    [["1", "--ttl", "-1"]],
    [["1", "--ttl", "86401"]],
    [["1", "--if-version", "5.1.3", "--if-absent"]],
  ];
  for (const [words, input] of wrong) {
    const { code, stderr } = await cache(peer, ["put", "k", ...words], input);
    assert.equal(code, 2, `${words}: ${stderr}`);
  }
  assert.equal(peer.asked.length, 0);
});

Deno.test("a condition that does not hold is exit code 1, with the version that there is", async () => {
  const conflict = failed("CONFLICT", 'the key "k" has version 5.1.9', { version: "5.1.9" });
  await using peer = new FakePeer({ "POST /cache/put": [409, conflict] });
  const { code, stderr } = await cache(peer, ["put", "k", "1", "--if-absent"]);
  assert.equal(code, 1);
  assert.match(stderr, /has version 5\.1\.9/);
  const script = await cache(peer, ["put", "k", "1", "--if-absent", "--json"]);
  assert.deepEqual([script.code, JSON.parse(script.stdout).version], [1, "5.1.9"]);
});

Deno.test("delete and invalidate", async () => {
  await using peer = new FakePeer({
    "POST /cache/delete": ({ body }) => {
      const status = body["key"] === "k" ? "deleted" : "miss";
      return [200, { success: true, status, state: "I", version: null }];
    },
    "POST /cache/invalidate": [200, { success: true, status: "invalidated", state: "I" }],
  });
  assert.deepEqual(await cache(peer, ["delete", "k"]), {
    code: 0,
    stdout: "deleted k\n",
    stderr: "",
  });
  assert.equal((await cache(peer, ["delete", "other"])).stdout, "other had no value\n");
  const deleted = JSON.parse((await cache(peer, ["delete", "other", "--json"])).stdout);
  assert.deepEqual(deleted, { success: true, key: "other", status: "miss" });
  const invalidated = await cache(peer, ["invalidate", "k"]);
  assert.equal(invalidated.stdout, "no peer has a copy of k; its value stays\n");
});

Deno.test("state tells home and holders, stats what a peer holds", async () => {
  await using peer = new FakePeer({
    "GET /cache/state?key=k": [200, { success: true, ...STATE }],
    "GET /cache/stats": [200, { success: true, ...STATS }],
  });
  const { code, stdout } = await cache(peer, ["state", "k"]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^version +5\.1\.3\nhome +peer-2, partition 9\nat this peer +S \(Shared\)\n/m,
  );
  assert.match(stdout, /^peer-1 +S \(Shared\)\npeer-3 +S \(Shared\)\n/m);
  const state = JSON.parse((await cache(peer, ["state", "k", "--json"])).stdout);
  assert.deepEqual(state, { success: true, ...STATE });
  const stats = await cache(peer, ["stats"]);
  assert.match(stats.stdout, /^lines +7 of at most 1000\n/m);
  assert.match(stats.stdout, /^reads +40, 75\.0 % hits\n/m);
  const document = JSON.parse((await cache(peer, ["stats", "--json"])).stdout);
  assert.deepEqual(document, { success: true, ...STATS });
});

Deno.test("watch says what has changed, and that once, until it is stopped", async () => {
  const states: readonly FakeAnswer[] = [
    [200, { success: true, ...STATE, version: null, home: null, holders: [] }],
    [503, failed("UNAVAILABLE", "no home can be reached")],
    [200, { success: true, ...STATE }],
    [200, { success: true, ...STATE, holders: [{ peer: "peer-3", state: "M" }] }],
  ];
  const REPEATED = 3;
  await using peer = new FakePeer({
    "GET /cache/state?key=k": (_, count) =>
      states[Math.min(Math.floor((count - 1) / REPEATED), states.length - 1)]!,
  });
  const options = ["--url", peer.url, "--interval", "0.05", "--retry", "0"];
  await using watching = new RunningSkein(["cache", "watch", "k", ...options]);
  await watching.wrote(/peer-3 M/);
  const seenAgain = (states.length + 1) * REPEATED;
  await eventually("it looks again", 20_000, () => assert.ok(peer.asked.length > seenAgain));
  watching.kill("SIGINT");
  assert.equal(await watching.ended(), 0);
  assert.deepEqual(watching.output.trimEnd().split("\n"), [
    "version none  home none  held by nobody",
    "no home can be reached",
    "version 5.1.3  home peer-2  held by peer-1 S, peer-3 S",
    "version 5.1.3  home peer-2  held by peer-3 M",
  ]);
});
