import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import {
  findDeno,
  type Machine,
  NoDenoError,
} from "../../scripts/build/npm_package/deno_binary.ts";
import { runtimeEnvironment } from "../../scripts/build/npm_package/environment.ts";

const LINUX: Machine = { platform: "linux", architecture: "x64", hasGlibc: () => true };
const WINDOWS: Machine = { platform: "win32", architecture: "x64", hasGlibc: () => false };

/** Lays out packages as a package manager does, and hands over where our main module would be. */
async function withPackages(
  files: readonly string[],
  test: (main: string, root: string) => void,
): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "skein-packages-" }));
  try {
    for (const file of files) {
      await Deno.mkdir(dirname(join(root, file)), { recursive: true });
      await Deno.writeTextFile(join(root, file), file.endsWith(".json") ? "{}" : "");
    }
    test(join(root, files[0]!), root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const LAYOUTS = {
  "hoisted, as npm does": [
    "node_modules/skein/src/main.js",
    "node_modules/deno/package.json",
    "node_modules/@deno/linux-x64-glibc/package.json",
    "node_modules/@deno/linux-x64-glibc/deno",
  ],
  "beside another version in the project": [
    "node_modules/skein/src/main.js",
    "node_modules/skein/node_modules/deno/package.json",
    "node_modules/skein/node_modules/@deno/linux-x64-glibc/package.json",
    "node_modules/skein/node_modules/@deno/linux-x64-glibc/deno",
    "node_modules/deno/package.json",
    "node_modules/@deno/linux-x64-glibc/package.json",
    "node_modules/@deno/linux-x64-glibc/deno",
  ],
  "nested, where deno has its own": [
    "node_modules/skein/src/main.js",
    "node_modules/deno/package.json",
    "node_modules/deno/node_modules/@deno/linux-x64-glibc/package.json",
    "node_modules/deno/node_modules/@deno/linux-x64-glibc/deno",
  ],
};

for (const [name, files] of Object.entries(LAYOUTS)) {
  Deno.test(`deno is found: ${name}`, () =>
    withPackages(files, (main, root) => {
      assert.equal(findDeno(main, LINUX), join(root, files.find((file) => /\/deno$/.test(file))!));
    }));
}

Deno.test("deno is found where packages are links, as pnpm has it", async () => {
  const files = [
    "node_modules/.pnpm/skein@0.1.0/node_modules/skein/src/main.js",
    "node_modules/.pnpm/deno@2.9.6/node_modules/deno/package.json",
    "node_modules/.pnpm/deno@2.9.6/node_modules/@deno/linux-x64-glibc/package.json",
    "node_modules/.pnpm/deno@2.9.6/node_modules/@deno/linux-x64-glibc/deno",
  ];
  await withPackages(files, (main, root) => {
    const store = join(root, "node_modules/.pnpm");
    Deno.symlinkSync(
      join(store, "deno@2.9.6/node_modules/deno"),
      join(store, "skein@0.1.0/node_modules/deno"),
    );
    assert.equal(findDeno(main, LINUX), join(root, files[3]!));
  });
});

Deno.test("on Windows the program has an ending", () =>
  withPackages([
    "node_modules/skein/src/main.js",
    "node_modules/deno/package.json",
    "node_modules/@deno/win32-x64/package.json",
    "node_modules/@deno/win32-x64/deno.exe",
  ], (main) => assert.match(findDeno(main, WINDOWS), /deno\.exe$/)));

const WITHOUT = ["node_modules/skein/src/main.js", "node_modules/deno/package.json"];
const MISSING = [
  ["left out by the installer", LINUX, /@deno\/linux-x64-glibc is not installed.*--omit=optional/],
  ["musl", { ...LINUX, hasGlibc: () => false }, /needs glibc, and this system has musl/],
  ["an unknown machine", { ...LINUX, architecture: "s390x" }, /does not run on linux-s390x/],
] as const;

for (const [name, machine, expected] of MISSING) {
  Deno.test(`no deno: ${name}: one line that says what to do`, () =>
    withPackages(WITHOUT, (main) => {
      assert.throws(() => findDeno(main, machine), (error) => {
        assert.ok(error instanceof NoDenoError);
        assert.match(error.message, expected);
        return !error.message.includes("\n");
      });
    }));
}

Deno.test("what would change Deno is taken out of the environment, what the machine says of itself stays", () => {
  const own = {
    PATH: "/bin",
    NODE_ID: "a",
    DENO_DIR: "/cache",
    DENO_CERT: "/ca.pem",
    DENO_SERVE_ADDRESS: "tcp:0.0.0.0:80",
    Deno_V8_Flags: "--bogus",
    NODE_OPTIONS: "--require ./a.cjs",
    SKEIN_EXECUTABLE: "/elsewhere/skein",
    EMPTY: undefined,
  };
  assert.deepEqual(runtimeEnvironment(own, ["run"]), {
    PATH: "/bin",
    NODE_ID: "a",
    DENO_DIR: "/cache",
    DENO_CERT: "/ca.pem",
    DENO_NO_UPDATE_CHECK: "1",
  });
});

Deno.test("a command under a lock has the environment that it would have had without", () => {
  const own = { PATH: "/bin", NODE_OPTIONS: "--max-old-space-size=64", DENO_ENV: "production" };
  const environment = runtimeEnvironment(own, ["lock", "run", "a", "--", "deno", "task", "b"]);
  assert.deepEqual(environment, { ...own, DENO_NO_UPDATE_CHECK: "1" });
});
