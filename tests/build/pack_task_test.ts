/** `deno task pack` as people call it: what it hands back, and that nothing unfinished is ever left behind. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CAN_STRIP_TYPES } from "../../scripts/build/javascript.ts";
import { ended, endsAt, namesIn, withWorkplace } from "./task_workplace.ts";

const SCRIPT = "build/pack.ts";

Deno.test({
  name: "the package is there, its checksum beside it, and it is said what it is",
  ignore: !CAN_STRIP_TYPES,
  async fn() {
    await withWorkplace(SCRIPT, async ({ output, temporary, command }) => {
      const { code, stdout, stderr } = await ended(command("--output", output, "--json"));
      assert.equal(code, 0, stderr);
      const { success, commit, file, sha256, size_bytes: sizeBytes } = JSON.parse(stdout);
      assert.deepEqual([success, commit, file], [true, "0123456789abcdef", output]);
      const bytes = await Deno.readFile(output);
      assert.equal(sizeBytes, bytes.length);
      assert.equal(sha256, createHash("sha256").update(bytes).digest("hex"));
      const folder = output.slice(0, output.lastIndexOf("/"));
      assert.deepEqual(namesIn(folder), ["SHA256SUMS", "skein"]);
      assert.deepEqual(namesIn(temporary), []);
    });
  },
});

Deno.test({
  name: "SIGINT ends it at once, and nothing of it is left",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withWorkplace(SCRIPT, async ({ output, temporary, command }) => {
      const { code, said } = await endsAt("pack: gathering", "SIGINT", command("--output", output));
      assert.equal(code, 130, said);
      assert.match(said, /^pack: stopped by SIGINT$/m);
      assert.deepEqual(namesIn(temporary), []);
      await assert.rejects(Deno.stat(output), Deno.errors.NotFound);
    });
  },
});

Deno.test("a command line that asks for nothing that there is gets the usage", async () => {
  await withWorkplace(SCRIPT, async ({ command }) => {
    for (const args of [["--all"], ["skein"], ["--output"]]) {
      const { code, stdout, stderr } = await ended(command(...args));
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^pack: .+\nusage: deno task pack /);
    }
  });
});
