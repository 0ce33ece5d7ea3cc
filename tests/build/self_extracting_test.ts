/** The file that buildSelfExtracting writes: the same bytes for the same input, and nothing half. */
import assert from "node:assert/strict";
import { buildSelfExtracting } from "../../scripts/build/self_extracting.ts";
import { writeTree } from "./tiny_executable.ts";

const FILES = {
  "deno.json": JSON.stringify({ version: "1.2.3", imports: { zod: "npm:zod@4.6.7" } }),
  "src/main.ts": "console.log();\n",
};

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-test-" });
  try {
    await Deno.writeTextFile(`${directory}/deno`, "#!/bin/sh\n");
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function build(directory: string, name: string, files: Readonly<Record<string, string>>) {
  await writeTree(`${directory}/${name}.stage`, files);
  return await buildSelfExtracting({
    stage: `${directory}/${name}.stage`,
    deno: `${directory}/deno`,
    output: `${directory}/${name}`,
    version: "1.2.3",
  });
}

async function idOf(path: string): Promise<string> {
  const [, id] = /\nskein_id='(.*)'\n/.exec(await Deno.readTextFile(path)) ?? [];
  assert.match(id ?? "", /^skein-1\.2\.3-[0-9a-f]{16}$/);
  return id!;
}

Deno.test("two builds of the same give the same bytes", async () => {
  await inDirectory(async (directory) => {
    const first = await build(directory, "first", FILES);
    // The order in which the files were made does not count.
    const second = await build(
      directory,
      "second",
      Object.fromEntries(Object.entries(FILES).reverse()),
    );
    assert.deepEqual({ ...second, path: first.path }, first);
    const bytes = await Deno.readFile(first.path);
    assert.deepEqual(bytes, await Deno.readFile(second.path));
    assert.equal(bytes.length, first.sizeBytes);
    const hash = await crypto.subtle.digest("SHA-256", bytes);
    assert.equal(new Uint8Array(hash).toHex(), first.sha256);
    assert.equal((await Deno.stat(first.path)).mode! & 0o777, 0o755);
  });
});

Deno.test("every change of what is shipped gives another name in the cache", async () => {
  await inDirectory(async (directory) => {
    const first = await build(directory, "first", FILES);
    const changed = await build(directory, "changed", {
      ...FILES,
      "src/main.ts": "console.error();",
    });
    const added = await build(directory, "added", { ...FILES, "src/other.ts": "" });
    const ids = await Promise.all([first, changed, added].map(({ path }) => idOf(path)));
    assert.equal(new Set(ids).size, ids.length);
  });
});

Deno.test("what cannot be shipped is refused, and what was there before stays", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/skein`, "before");
    const unusable: readonly [Readonly<Record<string, string>>, RegExp][] = [
      [{ ...FILES, "src/a b.ts": "" }, /cannot stand in a shell script: "src\/a b\.ts"/],
      [{ ...FILES, "src/$(id).ts": "" }, /cannot stand in a shell script/],
      [{ ...FILES, "deno.json": '{"version":"1","imports":{"x":"npm:x"}}' }, /not a package with/],
      [{ "src/main.ts": "" }, /deno\.json/],
    ];
    for (const [files, reason] of unusable) {
      await assert.rejects(build(directory, "skein", files), reason);
      await Deno.remove(`${directory}/skein.stage`, { recursive: true });
    }
    assert.equal(await Deno.readTextFile(`${directory}/skein`), "before");
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["deno", "skein"]);
  });
});
