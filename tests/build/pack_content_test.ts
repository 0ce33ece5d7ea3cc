import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { posix } from "node:path";
import { CAN_STRIP_TYPES } from "../../scripts/build/javascript.ts";
import { makeNpmPackage, type NpmPackage } from "../../scripts/build/npm_package.ts";
import { DENO_VERSION } from "../../scripts/build/npm_manifest.ts";
import { TARGETS } from "../../scripts/build/targets.ts";

const ROOT = new URL("../../", import.meta.url);
const ignore = !CAN_STRIP_TYPES;
const utf8 = new TextDecoder();
let made: Promise<NpmPackage> | null = null;

/** Made once for all tests of this file. */
function npmPackage(): Promise<NpmPackage> {
  return made ??= makeNpmPackage();
}

async function textOf(path: string): Promise<string> {
  const { files } = await npmPackage();
  const file = files.find((each) => each.path === path);
  assert.ok(file, `${path} is in the package`);
  return utf8.decode(file.bytes);
}

Deno.test({
  name: "two packs of one commit are byte for byte the same",
  ignore,
  async fn() {
    const [first, second] = [await npmPackage(), await makeNpmPackage()];
    assert.ok(Buffer.from(first.tarball).equals(second.tarball));
  },
});

Deno.test({
  name: "package.json: exact versions, the locked ones, and nothing that runs at install",
  ignore,
  async fn() {
    const manifest = JSON.parse(await textOf("package.json"));
    const { version, imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    assert.equal(manifest.name, "skein");
    assert.equal(manifest.version, version);
    assert.equal(manifest.scripts, undefined);
    const { deno, ...others } = manifest.dependencies;
    assert.equal(deno, DENO_VERSION);
    for (const [name, locked] of Object.entries(others)) {
      assert.equal(imports[name], `npm:${name}@${locked}`);
      assert.ok(manifest.bundleDependencies.includes(name), `${name} is bundled`);
      assert.equal(JSON.parse(await textOf(`node_modules/${name}/package.json`)).version, locked);
    }
  },
});

Deno.test("the Deno of the package is the one that the project is built and tested with", async () => {
  for (const path of ["README.md", ".ci/run"]) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const versions = [...text.matchAll(/deno@(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
    assert.deepEqual([...new Set(versions)], [DENO_VERSION], path);
  }
});

Deno.test({
  name:
    "bundled packages are whole: whatever one asks for is there, else npm calls the tree broken",
  ignore,
  async fn() {
    const { stage: { packages } } = await npmPackage();
    const names = new Set(packages.map(({ name }) => name));
    for (const { name } of packages) {
      const manifest = JSON.parse(await textOf(`node_modules/${name}/package.json`));
      for (const each of Object.keys(manifest.dependencies ?? {})) {
        assert.ok(names.has(each), `${name} asks for ${each}`);
      }
      assert.equal(manifest.engines, undefined, `${name} runs in Deno, whatever Node installs it`);
      assert.equal(manifest.scripts, undefined);
    }
  },
});

Deno.test({
  name: "every module that one of ours refers to is in the package, and no TypeScript is",
  ignore,
  async fn() {
    const { files } = await npmPackage();
    const paths = new Set(files.map(({ path }) => path));
    const own = files.filter(({ path }) => /^(?:src|bin)\/.*\.js$/.test(path));
    assert.ok(own.length > 200, `${own.length} modules`);
    for (const { path, bytes } of own) {
      const code = utf8.decode(bytes).replace(/^ *(?:\/?\*|\/\/).*$/gm, "");
      assert.doesNotMatch(code, /"\.\.?\/[^"]*\.ts"/, path);
      for (const [, reference] of code.matchAll(/(?:from|import\(|URL\() ?"(\.[^"]+\.js)"/g)) {
        const target = posix.join(posix.dirname(path), reference!);
        assert.ok(paths.has(target), `${path} refers to ${target}`);
      }
    }
    for (const path of paths) assert.doesNotMatch(path, /\.[cm]?ts$|(?:^|\/)tests?\//);
  },
});

Deno.test({
  name: "it has the launcher, the licences, and native code for each machine",
  ignore,
  async fn() {
    const { files } = await npmPackage();
    assert.match(await textOf("bin/skein.js"), /^#!\/usr\/bin\/env node\n/);
    assert.deepEqual(
      files.filter(({ executable }) => executable).map(({ path }) => path),
      ["bin/skein.js"],
    );
    assert.match(await textOf("LICENSE"), /MIT/);
    assert.match(await textOf("THIRD_PARTY_LICENSES.txt"), /sodium-native/);
    for (const { prebuild } of TARGETS) {
      const folder = `node_modules/sodium-native/prebuilds/${prebuild}/`;
      assert.ok(files.some(({ path }) => path.startsWith(folder)), folder);
    }
  },
});
