/**
 * Where a self-extracting executable unpacks to: the first folder that it can use, and never one in which others could
 * put something of theirs. Some of it needs root, for other users' folders.
 */
import assert from "node:assert/strict";
import { isRoot, OTHER_USER, parentOf, TinyExecutable } from "./tiny_executable.ts";

const NOT_ROOT = !isRoot();

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
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
    const copy = await executable.runsFrom({
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
    const copy = await executable.runsFrom({ environment: { SKEIN_CACHE_DIR: folder } });
    assert.equal(parentOf(copy), folder);
    assert.equal(await executable.runsFrom({ environment: { SKEIN_CACHE_DIR: folder } }), copy);
  }
});

Deno.test("the runtime gets real paths", async () => {
  await using executable = await TinyExecutable.build();
  await Deno.symlink(executable.home, `${executable.directory}/link`);
  const environment = { HOME: `${executable.directory}/link` };
  assert.equal(parentOf(await executable.runsFrom({ environment })), executable.folder);
});

Deno.test("paths that depend on where it is started are not used", async () => {
  await using executable = await TinyExecutable.build();
  const copy = await executable.runsFrom({ environment: { XDG_CACHE_HOME: "relative" } });
  assert.equal(parentOf(copy), executable.folder);
  await executable.isRefused(/\n {2}relative: not an absolute path\n/, {
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
    const copy = await executable.runsFrom({ environment: { XDG_CACHE_HOME: xdg } });
    assert.equal(parentOf(copy), executable.folder);
    await executable.isRefused(reason, { environment: { SKEIN_CACHE_DIR: `${folder}/` } });
    await Deno.chmod(xdg, 0o755);
    await Deno.remove(folder, { recursive: true });
  }
  assert.deepEqual([...Deno.readDirSync(elsewhere)], []);
});

Deno.test({
  name: "whoever owns a folder above could put another folder in its place: it is not used",
  ignore: NOT_ROOT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    const theirs = `${executable.directory}/theirs`;
    const ours = `${theirs}/ours`;
    await Deno.mkdir(ours, { recursive: true });
    await Deno.chown(theirs, 12_345, 12_345);
    for (const home of [theirs, ours]) {
      const environment = { HOME: home, TMPDIR: executable.directory };
      const copy = await executable.runsFrom({ environment });
      assert.equal(parentOf(copy), `${executable.directory}/skein-0`);
      await executable.isRefused(/user 12345 can put another folder in its place/, {
        environment: { SKEIN_CACHE_DIR: `${home}/cache` },
      });
      const made = namesIn(home).filter((name) => name !== "ours");
      assert.deepEqual(made, [], "nothing is put in their way");
    }
    // They may be root's, or of somebody whom this namespace of users does not know.
    await Deno.chown(theirs, OTHER_USER, OTHER_USER);
    const copy = await executable.runsFrom({ environment: { HOME: ours } });
    assert.equal(parentOf(copy), `${ours}/.cache/skein`);
  },
});

Deno.test("a copy is not run any more once others can change its folder, or what is above", async () => {
  await using executable = await TinyExecutable.build();
  const environment = { SKEIN_CACHE_DIR: executable.folder };
  const copy = await executable.runsFrom({ environment });
  const folders = [
    [executable.folder, 0o700, /others can change it/],
    [parentOf(executable.folder), 0o755, /anybody can put another folder in its place/],
    [executable.home, 0o755, /anybody can put another folder in its place/],
  ] as const;
  for (const [folder, mode, reason] of folders) {
    await Deno.chmod(folder, 0o777);
    await executable.isRefused(reason, { environment });
    await Deno.chmod(folder, mode);
  }
  await Deno.chmod(copy, 0o777);
  const { stderr } = await executable.start({ environment });
  assert.match(stderr, /is not as it was built, and is replaced/);
});

Deno.test("among what all may write to, a sticky folder is good enough", async () => {
  await using executable = await TinyExecutable.build();
  const shared = `${executable.directory}/tmp`;
  await madeWith(shared, 0o1777);
  const environment = { HOME: "", TMPDIR: shared };
  const copy = await executable.runsFrom({ environment });
  assert.equal(parentOf(copy), `${shared}/skein-${Deno.uid()}`);
  await Deno.chmod(shared, 0o777);
  await executable.isRefused(/anybody can put another folder in its place/, { environment });
});

Deno.test({
  name: "a folder of root's with a copy serves everybody, read-only as it is to them",
  ignore: NOT_ROOT,
  fn: async () => {
    await using executable = await TinyExecutable.build();
    const folder = `${executable.directory}/shared`;
    const environment = { SKEIN_CACHE_DIR: folder };
    await madeWith(folder, 0o755);
    await executable.isRefused(/Permission denied/, { environment, uid: OTHER_USER });
    // Whatever root's umask is.
    const shell = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];
    const copy = await executable.runsFrom({ environment, shell });
    assert.equal(await executable.runsFrom({ environment, uid: OTHER_USER }), copy);

    // As in a container's image, where files have other inodes than those that were verified.
    const pointer = await Deno.readTextFile(copy.replace(/\.\w+$/, ""));
    await Deno.utime(`${copy}/program/src/main.ts`, new Date(0), new Date(0));
    assert.equal(await executable.runsFrom({ environment, uid: OTHER_USER }), copy);
    assert.equal(await Deno.readTextFile(copy.replace(/\.\w+$/, "")), pointer);

    await Deno.writeTextFile(`${copy}/program/src/main.ts`, "evil");
    await executable.isRefused(/src\/main\.ts was changed\nskein: it cannot be replaced/, {
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

async function madeWith(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path);
  // Beside the umask.
  await Deno.chmod(path, mode);
}
