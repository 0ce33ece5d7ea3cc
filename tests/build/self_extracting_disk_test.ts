/** What disks a self-extracting executable can unpack to, and run from: mounted for the test, which needs root. */
import assert from "node:assert/strict";
import { isRoot, parentOf, TinyExecutable } from "./tiny_executable.ts";

const CANNOT_MOUNT = !isRoot() || !await canMount();

Deno.test({
  name: "where programs cannot be executed it goes elsewhere, or says so",
  ignore: CANNOT_MOUNT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    await using disk = await mount(`${executable.directory}/disk`, "noexec,mode=0755");
    const copy = await executable.runsFrom({ environment: { XDG_CACHE_HOME: disk.path } });
    assert.equal(parentOf(copy), executable.folder);
    const environment = { SKEIN_CACHE_DIR: `${disk.path}/skein` };
    await executable.isRefused(/programs cannot be executed there/, { environment });
    assert.deepEqual(await executable.copies(`${disk.path}/skein`), []);
  },
});

Deno.test({
  name: "a copy on a disk where programs can be executed no more counts for nothing",
  ignore: CANNOT_MOUNT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    await using disk = await mount(`${executable.directory}/disk`, "exec,mode=0755");
    const environment = { XDG_CACHE_HOME: disk.path };
    assert.equal(parentOf(await executable.runsFrom({ environment })), `${disk.path}/skein`);
    await run("mount", "-o", "remount,noexec", disk.path);
    assert.equal(parentOf(await executable.runsFrom({ environment })), executable.folder);
  },
});

Deno.test({
  name: "a read-only disk with a copy is used",
  ignore: CANNOT_MOUNT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    await using disk = await mount(`${executable.directory}/disk`, "exec,mode=0755");
    const environment = { XDG_CACHE_HOME: disk.path };
    const copy = await executable.runsFrom({ environment });
    await run("mount", "-o", "remount,ro", disk.path);
    assert.equal(await executable.runsFrom({ environment }), copy);
  },
});

for (const room of ["4k", "200k"]) {
  Deno.test({
    name: `a disk with ${room} of room is said to be full, and nothing half is left on it`,
    ignore: CANNOT_MOUNT,
    fn: async () => {
      await using executable = await TinyExecutable.build();
      await executable.rebuild("1.2.4", { "src/large.ts": randomText(1024 * 1024) });
      await using disk = await mount(`${executable.directory}/disk`, `exec,mode=0755,size=${room}`);
      await executable.isRefused(/cannot (?:write|unpack) to .*/, {
        environment: { SKEIN_CACHE_DIR: `${disk.path}/skein` },
      });
      assert.deepEqual(await executable.copies(`${disk.path}/skein`), []);
      assert.ok(!await hasPointer(`${disk.path}/skein`));
    },
  });
}

async function hasPointer(folder: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(folder)) if (name.startsWith("skein-")) return true;
  return false;
}

function randomText(sizeBytes: number): string {
  const bytes = new Uint8Array(sizeBytes / 2);
  // No more than 64 KiB at a time.
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes.toHex();
}

async function mount(path: string, options: string): Promise<AsyncDisposable & { path: string }> {
  await Deno.mkdir(path);
  await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path);
  return { path, [Symbol.asyncDispose]: async () => await run("umount", path) };
}

async function canMount(): Promise<boolean> {
  const path = await Deno.makeTempDir({ prefix: "skein-test-" });
  try {
    await run("mount", "-t", "tmpfs", "tmpfs", path);
    await run("umount", path);
    return true;
  } catch (error) {
    console.log(`SKIPPED, nothing can be mounted here: ${(error as Error).message}`);
    return false;
  } finally {
    await Deno.remove(path);
  }
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
