/**
 * `deno task compile` as people call it, where the runtime of `deno compile` cannot be had: what it says and hands back,
 * and that nothing unfinished is ever left behind.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { hostTarget, TARGETS } from "../../scripts/build/targets.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/compile.ts", import.meta.url));
const HOST = hostTarget();
const FOREIGN = TARGETS.find((target) => target !== HOST)!;
/** Nobody listens there, so nothing can be downloaded. */
const NO_PROXY = "http://127.0.0.1:9";

interface Workplace {
  /** Where the executable shall go; is not there yet. */
  readonly output: string;
  /** For temporary files, and nothing else. */
  readonly temporary: string;
  command(...args: readonly string[]): Deno.Command;
}

/** With the packages that this machine has, and without any runtime. */
async function withWorkplace(use: (workplace: Workplace) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "skein-test-" });
  const temporary = `${root}/tmp`;
  const command = (...args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", SCRIPT, ...args],
      env: {
        DENO_DIR: `${root}/deno`,
        HTTPS_PROXY: NO_PROXY,
        TMPDIR: temporary,
        NO_COLOR: "1",
        SKEIN_BUILD_COMMIT: "0123456789abcdef",
        SOURCE_DATE_EPOCH: "1700000000",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  try {
    await Deno.mkdir(temporary);
    await Deno.mkdir(`${root}/deno`);
    await Deno.symlink(await packageCache(), `${root}/deno/npm`, { type: "dir" });
    await use({ output: `${root}/out/skein`, temporary, command });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function packageCache(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).npmCache;
}

async function ended(command: Deno.Command) {
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

Deno.test({
  name: "without the runtime this machine's executable unpacks itself, and one line says so",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withWorkplace(async ({ output, temporary, command }) => {
      const { code, stdout, stderr } = await ended(command("--output", output, "--json"));
      assert.equal(code, 0, stderr);
      const said = stderr.split("\n").filter((line) => line.includes("cannot be had"));
      assert.equal(said.length, 1, stderr);
      assert.match(said[0]!, /DENORT_BIN may name one: making a self-extracting executable/);

      const { success, commit, built: [built, ...more], missing } = JSON.parse(stdout);
      assert.deepEqual([success, commit, more, missing], [true, "0123456789abcdef", [], []]);
      assert.equal(built.target, HOST.triple);
      assert.equal(built.form, "self-extracting");
      assert.equal(built.file, output);
      const bytes = await Deno.readFile(output);
      assert.equal(built.size_bytes, bytes.length);
      assert.equal(built.sha256, createHash("sha256").update(bytes).digest("hex"));
      const folder = output.slice(0, output.lastIndexOf("/"));
      assert.deepEqual(namesIn(folder), ["SHA256SUMS", "skein"]);
      assert.equal(await Deno.readTextFile(`${folder}/SHA256SUMS`), `${built.sha256}  skein\n`);
      assert.deepEqual(namesIn(temporary), []);
    });
  },
});

Deno.test("without the runtime nothing is built for another machine, and the exit code says so", async () => {
  await withWorkplace(async ({ output, temporary, command }) => {
    const { code, stdout, stderr } = await ended(
      command("--target", FOREIGN.triple, "--output", output, "--json"),
    );
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`the runtime for ${FOREIGN.triple} cannot be had \\(.+\\)`));
    const { success, built, missing: [missing, ...more] } = JSON.parse(stdout);
    assert.deepEqual([success, built, more], [false, [], []]);
    assert.equal(missing.target, FOREIGN.triple);
    assert.notEqual(missing.reason, "");
    assert.deepEqual(namesIn(output.slice(0, output.lastIndexOf("/"))), []);
    assert.deepEqual(namesIn(temporary), []);
  });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `${signal} ends a build at once, and nothing of it is left`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await withWorkplace(async ({ output, temporary, command }) => {
        const child = command("--output", output).spawn();
        let said = "";
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
          if (!said.includes(" staged ") && (said + text).includes(" staged ")) child.kill(signal);
          said += text;
        }
        const { code } = await child.status;
        await child.stdout.cancel();
        assert.equal(code, signal === "SIGINT" ? 130 : 143, said);
        assert.match(said, new RegExp(`^compile: stopped by ${signal}$`, "m"));
        assert.deepEqual(namesIn(output.slice(0, output.lastIndexOf("/"))), []);
        assert.deepEqual(namesIn(temporary), []);
      });
    },
  });
}

Deno.test("a command line that asks for nothing that there is gets the usage", async () => {
  const wrong = [
    ["--target", "sparc-sun-solaris"],
    ["--all", "--target", HOST.triple],
    ["--all", "--output", "skein"],
    ["--fast"],
    ["skein"],
  ];
  await withWorkplace(async ({ command }) => {
    for (const args of wrong) {
      const { code, stdout, stderr } = await ended(command(...args));
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^compile: .+\nusage: deno task compile /);
    }
  });
});
