/**
 * The stage: the same commit gives the same directory; it holds what runs on the target and nothing else; and with
 * nothing but itself it runs.
 */
import assert from "node:assert/strict";
import type { BuildForm } from "../../src/build_info.ts";
import { VERSION } from "../../src/version.ts";
import { sortedFiles } from "../../scripts/build/file_tree.ts";
import { machineOfFile } from "../../scripts/build/native_code.ts";
import { type Stage, stage } from "../../scripts/build/stage.ts";
import { hostTarget, type Target, TARGETS } from "../../scripts/build/targets.ts";

const ORIGIN = { commit: "0123456789abcdef", date: new Date("2026-01-02T03:04:05Z") };

async function withStage(
  target: Target | null,
  form: BuildForm,
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-test-" });
  try {
    await use(await stage({ target, form, directory: `${directory}/stage`, origin: ORIGIN }));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Each path with the hash of its bytes, its mode and its time; directories too. */
async function fingerprint(directory: string): Promise<string[]> {
  const lines: string[] = [];
  const describe = async (path: string, content: string) => {
    const { mode, mtime } = await Deno.stat(`${directory}/${path}`);
    lines.push(`${path} ${content} ${mode!.toString(8)} ${mtime!.toISOString()}`);
  };
  const folders = new Set<string>([""]);
  for (const path of await sortedFiles(directory)) {
    const bytes = await Deno.readFile(`${directory}/${path}`);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    await describe(path, hash.toHex());
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      folders.add(path.slice(0, end));
    }
  }
  for (const folder of folders) await describe(folder, "folder");
  return lines;
}

Deno.test("the same commit gives the same bytes, modes and times", async () => {
  await withStage(hostTarget(), "compiled", async (first) => {
    await withStage(hostTarget(), "compiled", async (second) => {
      const expected = await fingerprint(first.directory);
      assert.deepEqual(await fingerprint(second.directory), expected);
      assert.ok(expected.every((line) => line.endsWith(" 2026-01-02T03:04:05.000Z")));
    });
  });
});

for (const target of TARGETS) {
  Deno.test(`the stage for ${target.triple} holds its native code alone`, async () => {
    await withStage(target, "compiled", async ({ directory }) => {
      const native = (await sortedFiles(directory)).filter((path) => /\.(?:node|bare)$/.test(path));
      const [only] = native;
      const folder = "node_modules/sodium-native/prebuilds";
      assert.deepEqual(native, [`${folder}/${target.prebuild}/sodium-native.node`]);
      assert.equal(await machineOfFile(`${directory}/${only}`), target.prebuild);
    });
  });
}

Deno.test("the stage for every machine holds the native code of each", async () => {
  await withStage(null, "npm", async ({ directory }) => {
    const machines: (string | null)[] = [];
    for (const path of await sortedFiles(directory)) {
      if (path.endsWith(".node")) machines.push(await machineOfFile(`${directory}/${path}`));
    }
    assert.deepEqual(machines.sort(), TARGETS.map(({ prebuild }) => prebuild).sort());
  });
});

Deno.test("what never runs stays out, and what is counted is what is there", async () => {
  await withStage(hostTarget(), "self-extracting", async (staged) => {
    const paths = await sortedFiles(staged.directory);
    const tops = new Set(paths.map((path) => path.split("/")[0]));
    assert.deepEqual(
      [...tops].sort(),
      ["LICENSE", "THIRD_PARTY_LICENSES.txt", "deno.json", "node_modules", "src"],
    );
    for (const path of paths) {
      const inPackage = path.startsWith("node_modules/");
      const never = inPackage ? /\.(?:[cm]?ts|map|md|c|cc|h|html)$|\/tests?\// : /_test\.ts$|\.md$/;
      assert.doesNotMatch(path, never);
    }
    const { sizeBytes, fileCount } = staged;
    const sizes = paths.map((path) => Deno.statSync(`${staged.directory}/${path}`).size);
    assert.equal(fileCount, paths.length);
    assert.equal(sizeBytes, sizes.reduce((sum, size) => sum + size, 0));
    for (const { name, sizeBytes, fileCount } of staged.packages) {
      const within = await sortedFiles(`${staged.directory}/node_modules/${name}`);
      assert.equal(within.length, fileCount, name);
      assert.ok(sizeBytes > 0, name);
    }
  });
});

Deno.test("every package is there in the version of the lock file, with its licence", async () => {
  const lock: { readonly npm: Readonly<Record<string, unknown>> } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)),
  );
  const locked = new Set(Object.keys(lock.npm).map((id) => id.split("_")[0]));
  await withStage(hostTarget(), "compiled", async ({ directory, packages }) => {
    const licences = await Deno.readTextFile(`${directory}/THIRD_PARTY_LICENSES.txt`);
    for (const { name, version } of packages) {
      const manifest = JSON.parse(
        await Deno.readTextFile(`${directory}/node_modules/${name}/package.json`),
      );
      assert.equal(manifest.version, version);
      assert.ok(locked.has(`${name}@${version}`), `${name}@${version} is not locked`);
      assert.ok(licences.includes(`\n${name} ${version}: ${manifest.license}\n`), name);
    }
    const without = licences.split("It has no text of its licence.").length - 1;
    assert.ok(without <= 3, `${without} packages have no text of their licence`);
    assert.ok(licences.includes("Permission is hereby granted"));
    assert.ok(licences.includes("Apache License"));
  });
});

Deno.test("what lies within native code has its licence as well, Deno where it goes along", async () => {
  for (const form of ["compiled", "self-extracting", "npm"] as const) {
    await withStage(hostTarget(), form, async ({ directory }) => {
      const licences = await Deno.readTextFile(`${directory}/THIRD_PARTY_LICENSES.txt`);
      assert.match(licences, /\nlibsodium, within sodium-native: ISC\n[^]+\nFrank Denis /);
      const deno =
        `\nDeno ${Deno.version.deno}: MIT\n\nMIT License\n\nCopyright 2018-2026 the Deno authors\n`;
      assert.equal(licences.includes(deno), form !== "npm", form);
    });
  }
});

Deno.test("a stage runs with nothing but itself, and says what it was built from", async () => {
  await withStage(hostTarget(), "self-extracting", async ({ directory }) => {
    const { imports } = JSON.parse(await Deno.readTextFile(`${directory}/deno.json`));
    // What dht-rpc asks for and the program gives it in place of the package is in no stage.
    const modules = ["./discovery/no_udx_native.ts", ...Object.keys(imports)];
    const all = modules.map((name) => `await import("${name}");`).join("\n");
    await Deno.writeTextFile(`${directory}/src/import_all.ts`, `${all}\nconsole.log("loaded");\n`);
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", "--cached-only", "--no-check", ...args],
        cwd: "/",
        env: { DENO_DIR: `${directory}/empty`, NO_COLOR: "1" },
      }).output();
      const decoder = new TextDecoder();
      assert.equal(code, 0, decoder.decode(stderr));
      return decoder.decode(stdout);
    };
    assert.equal(await run(`${directory}/src/import_all.ts`), "loaded\n");
    const { commit, date, form, version } = JSON.parse(
      await run(`${directory}/src/main.ts`, "version", "--json"),
    );
    assert.deepEqual(
      { commit, date, form, version },
      {
        commit: ORIGIN.commit,
        date: "2026-01-02T03:04:05Z",
        form: "self-extracting",
        version: VERSION,
      },
    );
  });
});

Deno.test("a directory that holds something is refused, and stays as it is", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-test-" });
  try {
    await Deno.writeTextFile(`${directory}/mine.txt`, "mine");
    const options = { target: hostTarget(), form: "npm", directory, origin: ORIGIN } as const;
    await assert.rejects(stage(options), { message: `${directory} is not empty` });
    assert.deepEqual(await sortedFiles(directory), ["mine.txt"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
