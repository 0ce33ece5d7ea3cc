/**
 * The front of scripts/haproxy.cfg: that it sends requests to the peers of compose.yaml and to nobody else, and asks each
 * whether it is healthy. Where HAProxy is installed it judges for itself, and serves a peer's answer over HTTPS.
 */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/mod.ts";
import { LIMITS } from "../../src/limits.ts";
import { makeCertificate } from "../certificates.ts";
import { eventually } from "../eventually.ts";
import { freePorts } from "../integration/skein_process.ts";
import { readComposeFile, SCRIPTS } from "./compose_file.ts";

const CERTIFICATE = "/etc/haproxy/front.pem";
const CONFIGURATION = await Deno.readTextFile(`${SCRIPTS}/haproxy.cfg`);
const TOKEN = "for-clients";

/** "backend peers" → its lines, without comments and empty ones. */
const sections = readSections(CONFIGURATION);

function readSections(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split("\n").filter((each) => !/^\s*(?:#|$)/.test(each))) {
    if (line.startsWith(" ")) lines.push(line.trim());
    else found.set(line.trim(), lines = []);
  }
  return found;
}

function linesOf(section: string, word: string): string[] {
  const lines = sections.get(section) ?? assert.fail(`there is a section ${section}`);
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) =>
    line.slice(word.length + 1)
  );
}

function only(section: string, word: string): string {
  const [line, ...others] = linesOf(section, word);
  assert.deepEqual(others, [], `${word} stands there once`);
  return line ?? assert.fail(`${word} is there`);
}

/** Of "65m". */
function seconds(text: string): number {
  const [, count, unit] = /^(\d+)(m|s)$/.exec(text) ?? assert.fail(`no time: ${text}`);
  return Number(count) * (unit === "m" ? 60 : 1);
}

Deno.test("every peer that has a name of its own is served, and those that share one", async () => {
  const { services } = await readComposeFile({ TOKEN, CLUSTER_KEY: "a-key-that-peers-share" });
  const behind = services.get("front")?.dependsOn ?? [];
  assert.deepEqual(behind, ["peer-1", "peer-2", "peer-3"]);
  const { http } = loadConfig({
    flags: {},
    environment: services.get("peer-1")!.environment,
    readFile: (path) => assert.fail(`it reads ${path}`),
    hostName: "box",
    terminal: false,
  });
  const port = http[0]!.port;
  const servers = linesOf("backend peers", "server");
  assert.deepEqual(servers, behind.map((name) => `${name} ${name}:${port}`));
  const [name, count, address] = only("backend peers", "server-template").split(" ");
  assert.deepEqual([name, address], ["node", `node:${port}`]);
  assert.ok(Number(count) <= LIMITS.membersMax);
});

Deno.test("compose.yaml puts both files where HAProxy looks for them, and the port where it listens", async () => {
  const { services } = await readComposeFile({ TOKEN, CLUSTER_KEY: "a-key-that-peers-share" });
  const front = services.get("front")!;
  const bind = only("frontend https", "bind");
  assert.ok(bind.startsWith(`:443 ssl crt ${CERTIFICATE} `), bind);
  assert.deepEqual(front.ports, [{ host: "", published: 443, target: 443 }]);
  assert.deepEqual(front.mounts, [
    { source: "./haproxy.cfg", target: "/usr/local/etc/haproxy/haproxy.cfg" },
    { source: "./front.pem", target: CERTIFICATE },
  ]);
});

Deno.test("every server is checked by what a peer answers without a token", () => {
  assert.match(only("backend peers", "default-server"), /^check /);
  assert.ok(sections.get("backend peers")?.includes("option httpchk"));
  const [question, answer] = linesOf("backend peers", "http-check");
  assert.match(question ?? "", /^send meth GET uri \/health ver HTTP\/1\.1 hdr Host \w+$/);
  assert.equal(answer, "expect status 200");
});

Deno.test("it is more patient than the longest wait for a lock, and repeats nothing that was sent", () => {
  const times = linesOf("defaults", "timeout").map((line) => line.split(" ") as [string, string]);
  const timeouts = new Map(times.map(([name, time]) => [name, seconds(time)]));
  for (const side of ["client", "server"]) {
    assert.ok(timeouts.get(side)! * 1000 > LIMITS.lockWaitMaxMs, side);
  }
  for (const lines of sections.values()) {
    assert.ok(!lines.some((line) => line.startsWith("retry-on")), "it retries connections alone");
  }
});

const missing = haproxyMissing();
const leftOut = missing === null ? "" : ` (skipped: ${missing})`;

function haproxyMissing(): string | null {
  try {
    const { success } = new Deno.Command("haproxy", { args: ["-v"], stdout: "null" }).outputSync();
    return success ? null : "haproxy does not run";
  } catch {
    return "haproxy is not installed (apt-get install haproxy)";
  }
}

/** A folder with the certificate and the configuration, changed as said; gone afterwards. */
async function withConfiguration(
  change: (text: string) => string,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "skein-haproxy-" });
  try {
    const { cert, key } = await makeCertificate("front");
    await Deno.writeTextFile(`${folder}/front.pem`, `${cert}\n${key}`);
    const text = change(CONFIGURATION.replace(CERTIFICATE, `${folder}/front.pem`));
    await Deno.writeTextFile(`${folder}/haproxy.cfg`, text);
    await use(`${folder}/haproxy.cfg`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: `HAProxy takes the file${leftOut}`,
  ignore: missing !== null,
  async fn() {
    await withConfiguration((text) => text, async (path) => {
      const { code, stderr } = await new Deno.Command("haproxy", { args: ["-c", "-f", path] })
        .output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    });
  },
});

Deno.test({
  name: `a request over HTTPS reaches a healthy peer, and none that says it is not${leftOut}`,
  ignore: missing !== null,
  async fn() {
    const [front] = freePorts(1);
    const sound = fakePeer("sound", 200);
    const ill = fakePeer("ill", 503);
    try {
      const here = (text: string): string =>
        text.replace("bind :443", `bind 127.0.0.1:${front}`)
          .replace("server peer-1 peer-1:8001", `server peer-1 127.0.0.1:${ill.addr.port}`)
          .replace("server peer-2 peer-2:8001", `server peer-2 127.0.0.1:${sound.addr.port}`);
      await withConfiguration(here, async (path) => {
        const child = new Deno.Command("haproxy", {
          args: ["-db", "-f", path],
          stdout: "null",
          stderr: "null",
        }).spawn();
        try {
          await eventually("only the healthy peer is asked", 20_000, async () => {
            const names = await Promise.all(Array.from({ length: 8 }, () => ask(front!)));
            assert.deepEqual(new Set(names), new Set(["sound"]));
          });
        } finally {
          child.kill("SIGKILL");
          await child.status;
        }
      });
    } finally {
      await Promise.all([sound.shutdown(), ill.shutdown()]);
    }
  },
});

/** Answers with its name, and on /health with a status; with 400 to whoever names no host, as a peer does. */
function fakePeer(name: string, health: number) {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    if (!request.headers.has("host")) return new Response(null, { status: 400 });
    const isHealth = new URL(request.url).pathname === "/health";
    return new Response(name, { status: isHealth ? health : 200 });
  });
}

/** By curl, which a certificate of nobody does not stop. */
async function ask(port: number): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("curl", {
    args: [
      "--silent",
      "--show-error",
      "--insecure",
      "--max-time",
      "5",
      `https://127.0.0.1:${port}/locks`,
    ],
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}
