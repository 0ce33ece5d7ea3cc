/** `skein status --check`: one question, no word, an exit code; and whom it asks where nobody says it. */
import assert from "node:assert/strict";
import { makeCertificate, type TestCertificate } from "../certificates.ts";
import { limitMs } from "../speed_limit.ts";
import { failed, FakePeer } from "./fake_peer.ts";
import { skein } from "./skein_process.ts";

const GOOD = [200, { success: true }] as const;
const BAD = [503, failed("UNAVAILABLE", "no leader is known")] as const;

/** Its exit code; fails the test where it says anything. */
async function check(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { code, stdout, stderr } = await skein(["status", "--check", ...args], environment);
  assert.deepEqual([stdout, stderr], ["", ""]);
  return code;
}

/** Answers 200 to GET /health over HTTPS, and 500 to everything else. */
function serveHttps(
  { cert, key }: TestCertificate,
): Deno.HttpServer<Deno.NetAddr> {
  const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} };
  return Deno.serve(options, ({ method, url, headers }) => {
    const isGood = method === "GET" && new URL(url).pathname === "/health" && headers.has("host");
    return Response.json({}, { status: isGood ? 200 : 500 });
  });
}

Deno.test("a healthy peer is exit code 0, an unhealthy one 3, and it is asked once", async () => {
  await using peer = new FakePeer({ "GET /health": GOOD, "GET /ready": BAD });
  assert.equal(await check(["--url", peer.url]), 0);
  assert.equal(await check(["--url", peer.url, "--ready"]), 3);
  assert.deepEqual(peer.asked.map(({ route }) => route), ["GET /health", "GET /ready"]);
});

Deno.test("nobody there, and who does not answer in time, is exit code 3", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  const startedMs = performance.now();
  for (const scheme of ["http", "https"]) {
    const url = `${scheme}://127.0.0.1:${port}`;
    assert.equal(await check(["--url", url, "--timeout", "0.3"]), 3);
  }
  assert.ok(performance.now() - startedMs < limitMs(10_000));
  silent.close();
  assert.equal(await check(["--url", `http://127.0.0.1:${port}`]), 3);
  assert.equal(await check(["--url", `https://127.0.0.1:${port}`]), 3);
});

Deno.test("with --json it says what it asked, or what is wrong", async () => {
  await using peer = new FakePeer({ "GET /health": GOOD, "GET /ready": BAD });
  const good = await skein(["status", "--check", "--json", "--url", peer.url]);
  assert.deepEqual(JSON.parse(good.stdout), { success: true, url: `${peer.url}/` });
  const bad = await skein(["status", "--check", "--ready", "--json", "--url", peer.url]);
  assert.equal(bad.code, 3);
  const { error, message } = JSON.parse(bad.stdout);
  assert.deepEqual([error, message], [
    "UNAVAILABLE",
    `${peer.url}/ready answered with status 503`,
  ]);
});

Deno.test("without a URL it asks the peer that the environment makes", async () => {
  await using peer = new FakePeer({ "GET /health": GOOD });
  await using other = new FakePeer({ "GET /health": BAD });
  const { port } = new URL(peer.url);
  const directory = await Deno.makeTempDir({ prefix: "skein-check-" });
  const file = `${directory}/skein.json`;
  await Deno.writeTextFile(file, JSON.stringify({ http: Number(port) }));
  const unread = { TOKEN_FILE: `${directory}/none`, DATA_DIR: "/nowhere", BOOTSTRAP_EXPECT: "x" };
  try {
    assert.equal(await check([], { HTTP_PORT: port, ...unread }), 0);
    assert.equal(await check([], { NODE_PORT: `0.0.0.0:${port}`, HTTP_PORT: "9" }), 0);
    assert.equal(await check([], { HTTP_PORT: `127.0.0.1:${port},0.0.0.0:9` }), 0);
    assert.equal(await check([], { CONFIG_FILE: file }), 0);
    assert.equal(peer.count("GET /health"), 4);
    assert.equal(await check([], { HTTP_PORT: port, SKEIN_URL: other.url }), 3);
    assert.equal(await check(["--url", other.url], { HTTP_PORT: port, SKEIN_URL: peer.url }), 3);
    assert.equal(other.count("GET /health"), 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a peer of this machine may have any certificate: of another name, or ended", async () => {
  for (const tls of [await makeCertificate("else.example"), await makeCertificate("ended", -3)]) {
    const server = serveHttps(tls);
    const { port } = server.addr;
    const environment = { HTTP_PORT: `0.0.0.0:${port}`, TLS_CERT: "/nowhere", TLS_KEY: "/nowhere" };
    assert.equal(await check([], environment), 0);
    assert.equal(await check(["--url", `https://localhost:${port}`]), 0);
    assert.equal(await check(["--ready"], environment), 3);
    assert.equal(await check([], { HTTP_PORT: `${port}` }), 3, "HTTP where it speaks HTTPS");
    await server.shutdown();
  }
});

Deno.test("who answers something else over TLS is not healthy", async () => {
  const { cert, key } = await makeCertificate("odd");
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const url = `https://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  for (const answer of ["220 mail.example ESMTP\r\n", ""]) {
    const served = (async () => {
      using connection = await listener.accept();
      await connection.write(new TextEncoder().encode(answer));
    })();
    assert.equal(await check(["--url", url]), 3);
    await served;
  }
  listener.close();
});

Deno.test("what cannot be asked is exit code 2, and is said", async () => {
  const cases = [
    [["--check"], { HTTP_PORT: "x" }, /^skein: --http: cannot use "x" from the environment/],
    [
      ["--check"],
      { CONFIG_FILE: "/nowhere" },
      /^skein: --config: cannot read the file "\/nowhere"/,
    ],
    [["--check", "--url", "ftp://x"], {}, /^skein: cannot ask "ftp:\/\/x"; allowed: the URL/],
    [["--check", "--url", ","], {}, /^skein: cannot ask ""; allowed: the URL/],
    [["--check", "--timeout", "0"], {}, /Allowed: seconds from 0\.1 to 60/],
    [["--ready"], {}, /^skein: --ready and --timeout are for --check\n$/],
    [["--timeout", "1"], {}, /^skein: --ready and --timeout are for --check\n$/],
  ] as const;
  for (const [args, environment, expected] of cases) {
    const { code, stderr } = await skein(["status", ...args], environment);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, expected);
  }
});
