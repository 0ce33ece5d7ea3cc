import assert from "node:assert/strict";
import { type ArchivedFile, makeTarball } from "../../scripts/build/tarball.ts";

const DATE = new Date("2026-11-21T10:00:00Z");

function file(path: string, sizeBytes: number, executable = false): ArchivedFile {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251);
  return { path, bytes, executable };
}

const DEEP = `package/${"a-folder/".repeat(12)}with-a-file.js`;
// Around the size of a block, where padding begins and ends.
const FILES = [
  file("package/empty", 0),
  file("package/511", 511),
  file("package/512", 512),
  file("package/513", 513),
  file("package/bin/é.js", 7, true),
  file(DEEP, 3),
];

Deno.test("tar takes out of an archive what went in, with its modes and times", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-tar-" });
  try {
    await Deno.writeFile(`${directory}/a.tgz`, await makeTarball(FILES, DATE));
    const { code } = await new Deno.Command("tar", { args: ["-xzf", "a.tgz"], cwd: directory })
      .output();
    assert.equal(code, 0);
    for (const { path, bytes, executable } of FILES) {
      assert.deepEqual(await Deno.readFile(`${directory}/${path}`), bytes, path);
      const { mode, mtime } = await Deno.stat(`${directory}/${path}`);
      assert.equal(mode! & 0o100, executable === true ? 0o100 : 0, path);
      assert.deepEqual(mtime, DATE);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the same files give the same bytes, in whatever order they come", async () => {
  const backwards = [...FILES].reverse();
  assert.deepEqual(await makeTarball(FILES, DATE), await makeTarball(backwards, DATE));
});

Deno.test("a path that the format cannot hold is refused", async () => {
  for (const path of ["a".repeat(101), `${"a".repeat(156)}/b`]) {
    await assert.rejects(makeTarball([file(path, 1)], DATE), /too long for a tar archive/);
  }
});

Deno.test("a large archive is made in parts: others have their turn, and may end the work", async () => {
  const large = file("package/large", 8 << 20);
  const ending = new AbortController();
  setTimeout(() => ending.abort(new Error("enough")), 1);
  await assert.rejects(makeTarball([large], DATE, ending.signal), /enough/);
});
