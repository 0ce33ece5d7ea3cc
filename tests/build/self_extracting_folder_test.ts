/**
 * Where a self-extracting executable unpacks to: the first folder that it can use, and never one in which others could
 * put something of theirs. Some of it needs root, for other users' folders and for mounts.
 */
import assert from "node:assert/strict";
import { isRoot, OTHER_USER, type StartOptions, TinyExecutable } from "./tiny_executable.ts";

const NOT_ROOT = !isRoot();
const CANNOT_MOUNT = NOT_ROOT || !await canMount();

/** Starts it, expects that it runs, and tells from which copy. */
async function runsFrom(executable: TinyExecutable, options: StartOptions): Promise<string> {
  const words = (await executable.startsQuietly(options)).split("\0");
  const main = words.find((word) => word.endsWith("/program/src/main.ts"));
  assert.ok(main !== undefined, words.join(" "));
  return main.replace("/program/src/main.ts", "");
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function isRefused(
  executable: TinyExecutable,
  reason: RegExp,
  options: StartOptions,
): Promise<void> {
  const { code, stdout, stderr } = await executable.start(options);
  assert.match(stderr, reason);
  assert.equal(stdout, "");
  assert.equal(code, 126);
}

Deno.test("the folders are tried in their order", async () => {
  await using executable = await TinyExecutable.build();
  const { directory, home } = executable;
  const environment = {
    SKEIN_CACHE_DIR: `${directory}/named`,
    CACHE_DIRECTORY: `${directory}/systemd:${directory}/other`,
    XDG_CACHE_HOME: `${directory}/xdg`,
    HOME: home,
    TMPDIR: `${directory}/temporary`,
  };
  const folders: Readonly<Record<string, string>> = {
    SKEIN_CACHE_DIR: `${directory}/named`,
    CACHE_DIRECTORY: `${directory}/systemd/skein`,
    XDG_CACHE_HOME: `${directory}/xdg/skein`,
    HOME: `${home}/.cache/skein`,
    TMPDIR: `${directory}/temporary/skein-${Deno.uid()}`,
  };
  const left = new Map(Object.entries(environment));
  for (const [name, folder] of Object.entries(folders)) {
    const copy = await runsFrom(executable, {
      environment: { HOME: "", ...Object.fromEntries(left) },
    });
    assert.equal(parentOf(copy), folder);
    assert.equal((await Deno.stat(folder)).mode! & 0o7777, 0o700);
    left.delete(name);
  }
});

Deno.test("a folder's name may be anything that a path may be", async () => {
  await using executable = await TinyExecutable.build();
  for (const name of ["with blanks", "with,comma", "new\nline\n", "*?[a]", "$HOME'\"\\"]) {
    const folder = `${executable.directory}/${name}`;
    const copy = await runsFrom(executable, { environment: { SKEIN_CACHE_DIR: folder } });
    assert.equal(parentOf(copy), folder);
    assert.equal(await runsFrom(executable, { environment: { SKEIN_CACHE_DIR: folder } }), copy);
  }
});

Deno.test("the runtime gets real paths", async () => {
  await using executable = await TinyExecutable.build();
  await Deno.symlink(executable.home, `${executable.directory}/link`);
  const environment = { HOME: `${executable.directory}/link` };
  assert.equal(parentOf(await runsFrom(executable, { environment })), executable.folder);
});

Deno.test("paths that depend on where it is started are not used", async () => {
  await using executable = await TinyExecutable.build();
  const copy = await runsFrom(executable, { environment: { XDG_CACHE_HOME: "relative" } });
  assert.equal(parentOf(copy), executable.folder);
  await isRefused(executable, /\n {2}relative: not an absolute path\n/, {
    environment: { SKEIN_CACHE_DIR: "relative" },
  });
});

Deno.test("a folder that others could change is passed over, or refused where it was named", async () => {
  await using executable = await TinyExecutable.build();
  const xdg = `${executable.directory}/xdg`;
  const folder = `${xdg}/skein`;
  const elsewhere = `${executable.directory}/elsewhere`;
  await Deno.mkdir(xdg);
  await Deno.mkdir(elsewhere);
  const cases: readonly [RegExp, () => Promise<void>, ignore?: boolean][] = [
    [/others can change it \(mode 777/, async () => await madeWith(folder, 0o777)],
    [/others can change it \(mode 770/, async () => await madeWith(folder, 0o770)],
    [/a symbolic link/, async () => await Deno.symlink(elsewhere, folder)],
    [/File exists/, async () => await Deno.writeTextFile(folder, "")],
    [/anybody can put another folder/, async () => {
      await madeWith(folder, 0o700);
      await Deno.chmod(xdg, 0o777);
    }],
    [/others can change it \(mode 700, owner 12345\)/, async () => {
      await madeWith(folder, 0o700);
      await Deno.chown(folder, 12_345, 12_345);
    }, NOT_ROOT],
  ];
  for (const [reason, make, ignore = false] of cases) {
    if (ignore) continue;
    await make();
    const copy = await runsFrom(executable, { environment: { XDG_CACHE_HOME: xdg } });
    assert.equal(parentOf(copy), executable.folder);
    await isRefused(executable, reason, { environment: { SKEIN_CACHE_DIR: `${folder}/` } });
    await Deno.chmod(xdg, 0o755);
    await Deno.remove(folder, { recursive: true });
  }
  assert.deepEqual([...Deno.readDirSync(elsewhere)], []);
});

Deno.test("a copy is not run any more once others can change its folder", async () => {
  await using executable = await TinyExecutable.build();
  const environment = { SKEIN_CACHE_DIR: executable.folder };
  const copy = await runsFrom(executable, { environment });
  await Deno.chmod(executable.folder, 0o777);
  await isRefused(executable, /others can change it/, { environment });
  await Deno.chmod(executable.folder, 0o700);
  await Deno.chmod(copy, 0o777);
  const { stderr } = await executable.start({ environment });
  assert.match(stderr, /is not as it was built, and is replaced/);
});

Deno.test("among what all may write to, a sticky folder is good enough", async () => {
  await using executable = await TinyExecutable.build();
  const shared = `${executable.directory}/tmp`;
  await madeWith(shared, 0o1777);
  const environment = { HOME: "", TMPDIR: shared };
  const copy = await runsFrom(executable, { environment });
  assert.equal(parentOf(copy), `${shared}/skein-${Deno.uid()}`);
  await Deno.chmod(shared, 0o777);
  await isRefused(executable, /anybody can put another folder in its place/, { environment });
});

Deno.test({
  name: "a folder of root's with a copy serves everybody, read-only as it is to them",
  ignore: NOT_ROOT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    const folder = `${executable.directory}/shared`;
    const environment = { SKEIN_CACHE_DIR: folder };
    await madeWith(folder, 0o755);
    await isRefused(executable, /Permission denied/, { environment, uid: OTHER_USER });
    // Whatever root's umask is.
    const shell = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];
    const copy = await runsFrom(executable, { environment, shell });
    assert.equal(await runsFrom(executable, { environment, uid: OTHER_USER }), copy);

    // As in a container's image, where files have other inodes than those that were verified.
    const pointer = await Deno.readTextFile(copy.replace(/\.\w+$/, ""));
    await Deno.utime(`${copy}/program/src/main.ts`, new Date(0), new Date(0));
    assert.equal(await runsFrom(executable, { environment, uid: OTHER_USER }), copy);
    assert.equal(await Deno.readTextFile(copy.replace(/\.\w+$/, "")), pointer);

    await Deno.writeTextFile(`${copy}/program/src/main.ts`, "evil");
    await isRefused(executable, /src\/main\.ts was changed\nskein: it cannot be replaced/, {
      environment,
      uid: OTHER_USER,
    });
  },
});

Deno.test("where nothing can be written it says so for every folder", async () => {
  await using executable = await TinyExecutable.build();
  const environment = { HOME: "/proc/home", XDG_CACHE_HOME: "/proc/xdg", TMPDIR: "/proc/tmp" };
  const { code, stderr } = await executable.start({ environment });
  assert.equal(code, 126);
  assert.match(stderr, /SKEIN_CACHE_DIR=FOLDER names one more/);
  const named = [
    "/proc/xdg/skein: ",
    "/proc/home/.cache/skein: ",
    `/proc/tmp/skein-${Deno.uid()}: `,
  ];
  assert.deepEqual(
    stderr.trimEnd().split("\n").slice(1).map((line) => line.replace(/^ {2}(.*: ).*/, "$1")),
    named,
  );
});

Deno.test({
  name: "where programs cannot be executed it goes elsewhere, or says so",
  ignore: CANNOT_MOUNT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    await using disk = await mount(`${executable.directory}/disk`, "noexec,mode=0755");
    const copy = await runsFrom(executable, { environment: { XDG_CACHE_HOME: disk.path } });
    assert.equal(parentOf(copy), executable.folder);
    const environment = { SKEIN_CACHE_DIR: `${disk.path}/skein` };
    await isRefused(executable, /programs cannot be executed there/, { environment });
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
    assert.equal(parentOf(await runsFrom(executable, { environment })), `${disk.path}/skein`);
    await run("mount", "-o", "remount,noexec", disk.path);
    assert.equal(parentOf(await runsFrom(executable, { environment })), executable.folder);
  },
});

Deno.test({
  name: "a read-only disk with a copy is used",
  ignore: CANNOT_MOUNT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    await using disk = await mount(`${executable.directory}/disk`, "exec,mode=0755");
    const environment = { XDG_CACHE_HOME: disk.path };
    const copy = await runsFrom(executable, { environment });
    await run("mount", "-o", "remount,ro", disk.path);
    assert.equal(await runsFrom(executable, { environment }), copy);
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
      await isRefused(executable, /cannot (?:write|unpack) to .*/, {
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

async function madeWith(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path);
  // Beside the umask.
  await Deno.chmod(path, mode);
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
