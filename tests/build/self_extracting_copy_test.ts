/**
 * What every start of a self-extracting executable makes sure of: that the copy that it runs is as it was built. Each way
 * of changing it is tried under each shell that this machine has.
 */
import assert from "node:assert/strict";
import { isRoot, TinyExecutable, TOOLS, which } from "./tiny_executable.ts";

interface Shell {
  readonly name: string;
  readonly command: readonly string[];
  readonly missing: boolean;
  prepare(executable: TinyExecutable): Promise<void>;
}

const SHELLS: readonly Shell[] = [
  {
    name: "this machine's sh",
    command: [],
    missing: false,
    prepare: () => Promise.resolve(),
  },
  {
    name: "dash, with no tools but those that it needs",
    command: ["dash"],
    missing: await isMissing("dash"),
    prepare: async (executable) => await executable.useTools([...TOOLS, "dash"]),
  },
  {
    name: "bash, without flock",
    command: ["bash"],
    missing: await isMissing("bash"),
    prepare: async (executable) =>
      await executable.useTools(["bash", ...TOOLS.filter((name) => name !== "flock")]),
  },
  {
    name: "busybox, its shell and its tools",
    command: ["busybox", "sh"],
    missing: await isMissing("busybox"),
    prepare: async (executable) => {
      const busybox = await which("busybox");
      const script = `#!/bin/sh\nexec ${busybox} "\${0##*/}" "$@"\n`;
      const names = ["cat", ...TOOLS.filter((name) => name !== "flock")];
      await executable.useTools([], Object.fromEntries(names.map((name) => [name, script])));
      await Deno.symlink(busybox, `${executable.toolPath}/busybox`);
    },
  },
];

async function isMissing(name: string): Promise<boolean> {
  return await which(name).then(() => false, () => true);
}

for (const { name, command, missing, prepare } of SHELLS) {
  const check = (what: string, use: (start: Start) => Promise<void>, ignore = false) =>
    Deno.test(`${name}: ${what}`, { ignore: missing || ignore }, async () => {
      await using executable = await TinyExecutable.build();
      await prepare(executable);
      const start = () => executable.start({ shell: command, args: ["version"] });
      assert.deepEqual(stripPid(await start()), answer(await executable.copy()));
      await use({ executable, start });
    });
  defineChecks(check);
}

interface Start {
  readonly executable: TinyExecutable;
  readonly start: () => ReturnType<TinyExecutable["start"]>;
}

type Check = (what: string, use: (start: Start) => Promise<void>, ignore?: boolean) => void;

function defineChecks(check: Check): void {
  check("a copy that nobody touched is used again", async ({ executable, start }) => {
    const copy = await executable.copy();
    assert.deepEqual(stripPid(await start()), answer(copy));
    assert.equal(await executable.copy(), copy);
  });

  check("a byte is changed, and the time of writing put back", async (each) => {
    await isReplaced(each, /src\/main\.ts was changed/, async (program) => {
      const path = `${program}/src/main.ts`;
      const { mtime, size } = await Deno.stat(path);
      await Deno.writeTextFile(path, "console.log('evil!');\n".slice(0, size));
      await Deno.utime(path, mtime!, mtime!);
      assert.equal((await Deno.stat(path)).size, size);
    });
  });

  check("the runtime is changed", async (each) => {
    await isReplaced(each, /deno was changed/, async (program) => {
      await Deno.writeTextFile(`${program}/deno`, "#!/bin/sh\necho evil\n");
    });
  });

  check("the manifest is changed along with a file", async (each) => {
    await isReplaced(each, /manifest was changed/, async (program) => {
      await Deno.writeTextFile(`${program}/LICENSE`, "");
      const manifest = await Deno.readTextFile(`${program}/manifest`);
      const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      await Deno.writeTextFile(
        `${program}/manifest`,
        manifest.replace(/.* {2}LICENSE\n/, `${empty}  LICENSE\n`),
      );
    });
  });

  for (const path of ["src/evil.js", "node_modules/.package.json", "..evil", "src/a b\nc"]) {
    check(`a file is added: ${JSON.stringify(path)}`, async (each) => {
      await isReplaced(each, /does not belong there/, async (program) => {
        await Deno.writeTextFile(`${program}/${path}`, "evil");
      });
    });
  }

  check("an empty folder is added", async (each) => {
    await isReplaced(each, /node_modules\/evil does not belong there/, async (program) => {
      await Deno.mkdir(`${program}/node_modules/evil`);
    });
  });

  check("a file is missing", async (each) => {
    await isReplaced(each, /src\/cli\/program\.ts is missing/, async (program) => {
      await Deno.remove(`${program}/src/cli/program.ts`);
    });
  });

  check("a link with the same content takes a file's place", async (each) => {
    await isReplaced(each, /has become a symbolic link/, async (program) => {
      const outside = `${each.executable.directory}/main.ts`;
      await Deno.rename(`${program}/src/main.ts`, outside);
      await Deno.symlink(outside, `${program}/src/main.ts`);
    });
  });

  check("a link takes the place of a folder, with the same content", async (each) => {
    await isReplaced(each, /does not belong there|is missing/, async (program) => {
      const outside = `${each.executable.directory}/outside`;
      await Deno.rename(`${program}/src`, outside);
      await Deno.symlink(outside, `${program}/src`);
    });
  });

  check("others may write to a file", async (each) => {
    await isReplaced(each, /has become a regular file with mode 666/, async (program) => {
      await Deno.chmod(`${program}/src/main.ts`, 0o666);
    });
  });

  check("others may write to a folder", async (each) => {
    await isReplaced(each, /has become a directory with mode 777/, async (program) => {
      await Deno.chmod(`${program}/src`, 0o777);
    });
  });

  check("a file belongs to somebody else", async (each) => {
    await isReplaced(each, /something belongs to user 12345/, async (program) => {
      await Deno.chown(`${program}/src/main.ts`, 12_345, 12_345);
    });
  }, !isRoot());

  check("the whole copy is gone", async ({ executable, start }) => {
    await Deno.remove(await executable.copy(), { recursive: true });
    assert.deepEqual(stripPid(await start()), answer(await executable.copy()));
  });

  check("what says which copy counts is damaged", async ({ executable, start }) => {
    const copy = await executable.copy();
    await Deno.writeTextFile(copy.replace(/\.\w+$/, ""), "../../evil 0\n");
    const { stderr } = await start();
    assert.equal(stderr, "");
    const counting = await Deno.readTextFile(copy.replace(/\.\w+$/, ""));
    assert.ok(
      (await executable.copies()).some((each) => counting.startsWith(each.split("/").at(-1)!)),
    );
  });

  check(
    "times alone are changed: the copy is verified, and stays",
    async ({ executable, start }) => {
      const copy = await executable.copy();
      const pointer = copy.replace(/\.\w+$/, "");
      const before = await Deno.readTextFile(pointer);
      await Deno.utime(`${copy}/program/src/main.ts`, new Date(0), new Date(0));
      assert.deepEqual(stripPid(await start()), answer(copy));
      const verified = await Deno.readTextFile(pointer);
      assert.notEqual(verified, before);
      // Once it is known how it looks now, nothing has to be hashed any more.
      assert.deepEqual(stripPid(await start()), answer(copy));
      assert.equal(await Deno.readTextFile(pointer), verified);
    },
  );
}

/** What was done to the copy is found by the next start, which tells it, puts a sound copy in place and runs that. */
async function isReplaced(
  { executable, start }: Start,
  reason: RegExp,
  tamper: (program: string) => Promise<void>,
): Promise<void> {
  const bad = await executable.copy();
  await tamper(`${bad}/program`);
  const { code, stdout, stderr } = await start();
  assert.match(stderr, reason);
  assert.ok(stderr.startsWith(`skein: ${bad} is not as it was built, and is replaced: `), stderr);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  assert.equal(code, 0);
  const pointer = await Deno.readTextFile(bad.replace(/\.\w+$/, ""));
  const sound = `${executable.folder}/${pointer.split(" ")[0]}`;
  assert.notEqual(sound, bad);
  assert.deepEqual(stripPid({ code, stdout, stderr: "" }), answer(sound));
  // And from then on it is quiet.
  assert.deepEqual(stripPid(await start()), answer(sound));
}

/** What the runtime of the tiny executable says of `skein version`, less its process id. */
function answer(copy: string) {
  return { code: 0, words: ["version"], program: `${copy}/program`, stderr: "" };
}

function stripPid({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) {
  const words = stdout.split("\0").slice(1, -1);
  const main = words.findIndex((word) => word.endsWith("/src/main.ts"));
  const program = words[main]?.replace(/\/src\/main\.ts$/, "");
  return { code, words: words.slice(main + 1), program, stderr };
}
