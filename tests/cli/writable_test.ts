/** What is in the way of writing, found out without writing. */
import assert from "node:assert/strict";
import { obstacleToDirectory, obstacleToFile } from "../../src/cli/writable.ts";

/** To the superuser modes are no obstacle. */
const MODES_COUNT = Deno.build.os !== "windows" && Deno.uid() !== 0;

function testIn(name: string, test: (directory: string) => void, ignore = false): void {
  Deno.test({
    name,
    ignore,
    fn: () => {
      const directory = Deno.makeTempDirSync({ prefix: "skein-writable-" });
      try {
        test(directory);
        assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["file"]);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    },
  });
}

testIn("a directory may be missing with its parents, but no part of it may be a file", (root) => {
  Deno.writeTextFileSync(`${root}/file`, "");
  assert.equal(obstacleToDirectory(root), null);
  assert.equal(obstacleToDirectory(`${root}/a/b/c`), null);
  assert.equal(obstacleToDirectory(`${root}/file`), `${root}/file is no directory`);
  assert.match(obstacleToDirectory(`${root}/file/a`)!, /^Not a directory/);
});

testIn("a file may be missing, but not its directory", (root) => {
  Deno.writeTextFileSync(`${root}/file`, "kept");
  assert.equal(obstacleToFile(`${root}/file`), null);
  assert.equal(obstacleToFile(`${root}/other`), null);
  assert.equal(obstacleToFile(root), `${root} is a directory`);
  assert.equal(obstacleToFile(`${root}/a/b`), `there is no directory ${root}/a`);
  assert.match(obstacleToFile(`${root}/file/a`)!, /^Not a directory/);
  assert.equal(Deno.readTextFileSync(`${root}/file`), "kept");
});

testIn("what this user may not write to is in the way, and so is what lies below it", (root) => {
  Deno.writeTextFileSync(`${root}/file`, "");
  Deno.chmodSync(`${root}/file`, 0o444);
  Deno.chmodSync(root, 0o555);
  const refused = `this user may not write to the directory ${root}`;
  assert.equal(obstacleToDirectory(root), refused);
  assert.equal(obstacleToDirectory(`${root}/a/b`), refused);
  assert.equal(obstacleToFile(`${root}/other`), refused);
  assert.match(obstacleToFile(`${root}/file`)!, /^Permission denied/);
  Deno.chmodSync(root, 0o755);
  Deno.chmodSync(`${root}/file`, 0o644);
}, !MODES_COUNT);
