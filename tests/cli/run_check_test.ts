/** `skein run --check`: all that is in a peer's way, and nothing changed by looking. */
import assert from "node:assert/strict";
import { makeCertificate } from "../certificates.ts";
import { freeFirstPort } from "./free_ports.ts";
import { RunningSkein } from "./running_skein.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { skein } from "./skein_process.ts";
import { logTest } from "../tested_state.ts";

const WHY_LOG = "it is about a data directory; of Redis another test says as much";

type Files = Readonly<Record<string, string>>;

async function withDirectory(test: (directory: string, port: number) => Promise<void>) {
  const directory = await Deno.makeTempDir({ prefix: "skein-run-check-" });
  try {
    await test(directory, freeFirstPort(1));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Everything below a directory: names, sizes and times of change. */
function contentOf(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    const { size, mtime } = Deno.statSync(path);
    return [`${path} ${size} ${mtime?.getTime()}`, ...isDirectory ? contentOf(path) : []];
  }).toSorted();
}

function checkArgs(directory: string, port: number, ...more: readonly string[]): string[] {
  return ["run", "--check", `--http=${port}`, `--data=${directory}/peer`, ...more];
}

logTest("a peer that could start is exit code 0, and nothing is made", WHY_LOG, async () => {
  await withDirectory(async (directory, port) => {
    const args = checkArgs(directory, port, `--log-file=${directory}/peer.log`, "--name=ann");
    const { code, stdout, stderr } = await skein(args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^peer +ann could start\ndata +.*\/peer: empty, a new peer\n/);
    const json = await skein([...args, "--quorum", "7", "--json"]);
    const { warnings, ...document } = JSON.parse(json.stdout);
    assert.deepEqual(document, {
      success: true,
      name: "ann",
      data_directory: `${directory}/peer`,
      data: "new",
      problems: [],
    });
    assert.match(warnings.join(), /^--quorum 7 is more than the majority/);
    assert.deepEqual(contentOf(directory), []);
  });
});

logTest(
  "every problem is listed, of the settings, the files, the data and the addresses",
  WHY_LOG,
  async () => {
    await withDirectory(async (directory, port) => {
      const [one, other] = [await makeCertificate("one"), await makeCertificate("other")];
      const files: Files = { "cert.pem": one.cert, "key.pem": other.key, peer: "", "c.json": "{}" };
      for (const [name, content] of Object.entries(files)) {
        await Deno.writeTextFile(`${directory}/${name}`, content);
      }
      using taken = Deno.listen({ hostname: "127.0.0.1", port });
      const args = checkArgs(
        directory,
        port,
        ...["--listen", `127.0.0.1:${port + 10}`, "--metrics-port", `127.0.0.1:${port + 10}`],
        ...["--tls-cert", `${directory}/cert.pem`, "--tls-key", `${directory}/key.pem`],
        ...["--log-file", directory, "--config", `${directory}/c.json`],
        ...["--redis-require-durable", "--zone", "/", "--heartbeat", "9"],
      );
      const { code, stdout, stderr } = await skein(args);
      assert.deepEqual([code, stdout], [2, ""]);
      const expected = [
        /^--zone: cannot use "\/" from the flag --zone; allowed: /,
        /^--redis-require-durable: cannot be used without a Redis; /,
        /^--heartbeat: cannot use 9 with an election timeout from 1; /,
        /^--tls-cert: certificate and key cannot be served with: the key is another certificate's$/,
        /^--data: cannot keep data in .*\/peer: .*\/peer is no directory$/,
        /^--log-file: cannot write there: \/.* is a directory$/,
        new RegExp(
          `^--http: cannot listen on 127.0.0.1:${port}: port ${port} is in use by another p`,
        ),
        new RegExp(
          `^--listen: cannot listen on .*: port ${port + 10} is in use by another address`,
        ),
      ];
      const lines = stderr.trimEnd().split("\n");
      assert.equal(lines.length, expected.length, stderr);
      expected.forEach((pattern, at) => assert.match(lines[at]!.replace(/^skein: /, ""), pattern));
      const json = await skein([...args, "--json"]);
      assert.deepEqual([json.code, json.stderr], [2, ""]);
      const { success, error, message, problems, data } = JSON.parse(json.stdout);
      assert.deepEqual([success, error, data], [false, "BAD_CONFIGURATION", "unknown"]);
      assert.equal(message, lines.map((line) => line.replace(/^skein: /, "")).join("\n"));
      assert.deepEqual(problems.map(({ setting }: { setting: string }) => setting), [
        "--zone",
        "--redis-require-durable",
        "--heartbeat",
        "--tls-cert",
        "--data",
        "--log-file",
        "--http",
        "--listen",
      ]);
      assert.equal(taken.addr.transport, "tcp");
    });
  },
);

logTest(
  "a running peer is said, and no fault; its data, once it has stopped, is verified",
  WHY_LOG,
  async () => {
    await withDirectory(async (directory, port) => {
      const args = checkArgs(directory, port);
      await using peer = new RunningSkein(args.filter((each) => each !== "--check"));
      await peer.wrote(/answers on/);
      const running = await skein(args);
      assert.equal(running.code, 0, running.stderr);
      assert.match(running.stdout, /\ndata +.*: a peer is running with it; its addresses were not/);
      assert.equal(JSON.parse((await skein([...args, "--json"])).stdout).data, "running");
      peer.kill("SIGTERM");
      assert.equal(await peer.ended(), 0);

      const before = contentOf(directory);
      const stopped = await skein(args);
      assert.match(stopped.stdout, /\ndata +.*: sound, \d+ bytes\n/);
      assert.deepEqual(contentOf(directory), before);

      const [segment] = before.filter((line) => line.includes("/wal/"));
      const file = await Deno.open(segment!.split(" ")[0]!, { write: true });
      await file.write(new Uint8Array(32).fill(0x5a));
      file.close();
      const damaged = await skein(args);
      assert.equal(damaged.code, 2);
      assert.match(
        damaged.stderr,
        /^skein: --data: cannot keep data in .* is damaged at offset 0: /,
      );
    });
  },
);

Deno.test("a certificate that has ended is warned of", async () => {
  await withDirectory(async (directory, port) => {
    const { cert, key } = await makeCertificate("ended.example", -3);
    await Deno.writeTextFile(`${directory}/cert.pem`, cert);
    await Deno.writeTextFile(`${directory}/key.pem`, key);
    const tls = ["--tls-cert", `${directory}/cert.pem`, "--tls-key", `${directory}/key.pem`];
    const { code, stdout } = await skein(checkArgs(directory, port, ...tls));
    assert.equal(code, 0);
    assert.match(stdout, /\nwarning +the certificate of CN=ended\.example ended at 20/);
    assert.match(stdout, /\nhttp +https:/);
  });
});

redisTest(
  "a Redis is looked at: whether it can be used, what it holds, what could be lost there",
  async () => {
    await withDirectory(async (directory, port) => {
      await RedisServer.with(["--appendfsync", "everysec"], async (server) => {
        const args = checkArgs(directory, port, "--redis", server.url);
        const empty = await skein(args);
        assert.equal(empty.code, 0, empty.stderr);
        assert.match(empty.stdout, /\ndata +redis:\/\/127.0.0.1:\d+: empty, a new peer\n/);
        assert.match(empty.stdout, /\nwarning +the Redis server does not fsync every write/);
        const durable = await skein([...args, "--redis-require-durable"]);
        assert.equal(durable.code, 2);
        assert.match(
          durable.stderr,
          /--redis: cannot keep data there: the Redis server does not fsync/,
        );
        await using peer = new RunningSkein(args.filter((each) => each !== "--check"));
        await peer.wrote(/answers on/);
        assert.match((await skein(args)).stdout, /\ndata +redis:.*: a peer is running with it/);
        peer.kill("SIGTERM");
        assert.equal(await peer.ended(), 0);
        assert.match((await skein(args)).stdout, /\ndata +redis:.*: sound, \d+ bytes\n/);
        await server.down();
        const gone = await skein(args);
        assert.equal(gone.code, 2);
        assert.match(gone.stderr, /--redis: cannot keep data there: Redis at .* does not listen/);
      });
    });
  },
);
