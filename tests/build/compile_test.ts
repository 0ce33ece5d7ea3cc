/**
 * `deno compile` on a stage, with Deno itself in place of its smaller runtime: what comes out cannot be run, but it
 * holds what it would hold.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { compileStage } from "../../scripts/build/compile.ts";
import { COMPILE_FLAGS } from "../../scripts/build/compile_flags.ts";
import { readEmbedded } from "../../scripts/build/embedded.ts";
import { sortedFiles, writeTree } from "../../scripts/build/file_tree.ts";
import { type Stage, stage } from "../../scripts/build/stage.ts";
import { hostTarget, TARGETS } from "../../scripts/build/targets.ts";
import { verifyExecutable } from "../../scripts/build/verify_executable.ts";
import { withDirectory } from "../with_directory.ts";

const ORIGIN = { commit: "0123456789abcdef", date: new Date("2026-01-02T03:04:05Z") };
const NEVER = new AbortController().signal;
const HOST = hostTarget();
const FOREIGN = TARGETS.filter((target) => target !== HOST);

function stageIn(directory: string): Promise<Stage> {
  return stage({ target: HOST, form: "compiled", directory, origin: ORIGIN });
}

async function compile(
  staged: Stage,
  output: string,
  flags: readonly string[] = COMPILE_FLAGS,
): Promise<Uint8Array> {
  const denort = await Deno.realPath(Deno.execPath());
  const options = { stage: staged, target: HOST, flags, denort, output, signal: NEVER };
  assert.deepEqual(await compileStage(options), { done: true });
  return await Deno.readFile(output);
}

Deno.test("an executable holds the stage, every command, and no other machine's code", async () => {
  await withDirectory(async (root) => {
    const staged = await stageIn(`${root}/stage`);
    const executable = await compile(staged, `${root}/skein`);
    const { fileCount, embeddedBytes } = await verifyExecutable(executable, {
      stage: staged,
      target: HOST,
      flags: COMPILE_FLAGS,
    });
    const { files, metadata } = readEmbedded(executable);
    assert.equal(files.size, fileCount);
    assert.ok(embeddedBytes < 13_000_000, `${embeddedBytes} bytes are embedded`);
    const paths = [...files.keys()];
    const native = paths.filter((path) => path.endsWith(".node"));
    assert.deepEqual(native, [
      `node_modules/sodium-native/prebuilds/${HOST.prebuild}/sodium-native.node`,
    ]);
    for (const needed of ["LICENSE", "THIRD_PARTY_LICENSES.txt", "src/main.ts", "src/cli/run.ts"]) {
      assert.ok(files.has(needed), needed);
    }
    assert.deepEqual(paths.filter((path) => /_test\.ts$|^tests\//.test(path)), []);
    assert.equal(metadata.permissions.prompt, false);
    assert.ok(metadata.v8_flags.includes("--max-semi-space-size=4"));
  });
});

Deno.test("one stage gives one executable, wherever and as whatever it is built", async () => {
  await withDirectory(async (root) => {
    const staged = await stageIn(`${root}/stage`);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const path of await sortedFiles(staged.directory)) {
      files.set(path, await Deno.readFile(`${staged.directory}/${path}`));
    }
    const directory = `${root}/elsewhere/copy`;
    await writeTree(directory, files, ORIGIN.date);
    const first = await compile(staged, `${root}/skein`);
    const second = await compile({ ...staged, directory }, `${root}/another-name`);
    assert.ok(Buffer.from(first).equals(second), "bytes differ");
  });
});

Deno.test("what is not as it should be is found", async () => {
  await withDirectory(async (root) => {
    const staged = await stageIn(`${root}/stage`);
    const executable = await compile(staged, `${root}/skein`);
    const expected = { stage: staged, target: HOST, flags: COMPILE_FLAGS };
    const complaint = async (changes: Partial<typeof expected>): Promise<string> => {
      try {
        await verifyExecutable(executable, { ...expected, ...changes });
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    assert.equal(await complaint({}), "");
    assert.match(
      await complaint({ target: FOREIGN[0]! }),
      new RegExp(`^the runtime is for ${HOST.prebuild}, not ${FOREIGN[0]!.prebuild}$`),
    );
    assert.match(
      await complaint({ flags: COMPILE_FLAGS.filter((flag) => flag !== "--allow-run") }),
      /^allow_run is \[\], not null$/,
    );
    assert.match(
      await complaint({ flags: [...COMPILE_FLAGS, "--allow-moonshine"] }),
      /^allow_moonshine is null, not \[\]$/,
    );
    assert.match(
      await complaint({ flags: COMPILE_FLAGS.filter((flag) => flag !== "--ignore-env") }),
      /^ignore_env is \[\], not null$/,
    );
    assert.match(
      await complaint({ flags: [...COMPILE_FLAGS, "--v8-flags=--jitless"] }),
      /^V8 does not get --jitless$/,
    );

    await Deno.writeTextFile(`${staged.directory}/src/main.ts`, "// changed\n");
    await Deno.remove(`${staged.directory}/src/version.ts`);
    await Deno.writeTextFile(`${staged.directory}/node_modules/zod/more.js`, "");
    assert.deepEqual((await complaint({})).split("\n").sort(), [
      "it holds src/version.ts, which is not of the stage",
      "node_modules/zod/more.js is missing",
      "src/main.ts is not as in the stage",
    ]);
  });
});

Deno.test("a command that `deno compile` left out is found", async () => {
  await withDirectory(async (root) => {
    const directory = `${root}/stage`;
    const staged = await stageIn(directory);
    const configuration = JSON.parse(await Deno.readTextFile(`${directory}/deno.json`));
    configuration.unstable.push("lazy-dynamic-imports");
    await Deno.writeTextFile(`${directory}/deno.json`, JSON.stringify(configuration));
    const executable = await compile(staged, `${root}/skein`);
    await assert.rejects(
      verifyExecutable(executable, { stage: staged, target: HOST, flags: COMPILE_FLAGS }),
      { message: /src\/cli\/run\.ts is missing, which src\/cli\/program\.ts loads later/ },
    );
  });
});

Deno.test("an executable that is none of ours is refused", async () => {
  const deno = await Deno.readFile(Deno.execPath());
  assert.throws(() => readEmbedded(deno), { message: /nothing that `deno compile` embeds/ });
});
