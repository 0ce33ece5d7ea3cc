/**
 * `deno task compile` as people call it, where the runtime of `deno compile` cannot be had: what it says and hands back,
 * and that nothing unfinished is ever left behind.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hostTarget, TARGETS } from "../../scripts/build/targets.ts";
import { ended, endsAt, namesIn, withWorkplace } from "./task_workplace.ts";

const SCRIPT = "compile.ts";

const HOST = hostTarget();
const FOREIGN = TARGETS.find((target) => target !== HOST)!;
Deno.test({
  name: "without the runtime this machine's executable unpacks itself, and one line says so",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withWorkplace(SCRIPT, async ({ output, temporary, command }) => {
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
  await withWorkplace(SCRIPT, async ({ output, temporary, command }) => {
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

for (const [signal, moment] of [["SIGINT", " staged "], ["SIGTERM", ": packing it"]] as const) {
  Deno.test({
    name: `${signal} at "${moment}" ends a build at once, and nothing of it is left`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await withWorkplace(SCRIPT, async ({ output, temporary, command }) => {
        const { code, said } = await endsAt(moment, signal, command("--output", output));
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
  await withWorkplace(SCRIPT, async ({ command }) => {
    for (const args of wrong) {
      const { code, stdout, stderr } = await ended(command(...args));
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^compile: .+\nusage: deno task compile /);
    }
  });
});
