/** The small rules of the stage: which files of a package go along, and telling machines' native code apart. */
import assert from "node:assert/strict";
import { machineOf } from "../../scripts/build/native_code.ts";
import { isLicence, isShipped } from "../../scripts/build/pruning.ts";

const LINUX = ["linux-x64"];

Deno.test("what can run is shipped", () => {
  const paths = [
    "package.json",
    "index.js",
    "lib/index.mjs",
    "lib/data.json",
    "lib/test.js",
    "lib/test/again.js",
    "prebuilds/linux-x64/some.node",
    "license.js",
  ];
  for (const path of paths) assert.ok(isShipped("some", path, LINUX), path);
});

Deno.test("what cannot run on the target is not", () => {
  const paths = [
    "index.d.ts",
    "index.d.cts",
    "src/index.ts",
    "index.js.map",
    "README.md",
    "binding.cc",
    "CMakeLists.txt",
    "Makefile",
    ".npmignore",
    ".github/workflows/test.js",
    "test/basic.js",
    "tests/data.json",
    "examples/one.js",
    "prebuilds/linux-arm64/some.node",
    "prebuilds/win32-x64/some.node",
    "prebuilds/linux-x64/some.bare",
    "LICENSE",
  ];
  for (const path of paths) assert.ok(!isShipped("some", path, LINUX), path);
});

Deno.test("licences are told by their names", () => {
  const paths = ["LICENSE", "license", "LICENSE.md", "LICENCE-MIT.txt", "lib/COPYING", "NOTICE"];
  for (const path of paths) assert.ok(isLicence(path), path);
  for (const path of ["license.js", "licenses.json", "index.js"]) assert.ok(!isLicence(path), path);
});

/** The first bytes of a file: what stands where. */
function head(parts: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const [offset, values] of Object.entries(parts)) bytes.set(values, Number(offset));
  return bytes;
}

Deno.test("native code says for which machine it is", () => {
  const elf = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];
  const machO = [0xcf, 0xfa, 0xed, 0xfe];
  const mz = [0x4d, 0x5a];
  const pe = [0x50, 0x45, 0, 0];
  assert.equal(machineOf(head({ 0: elf, 18: [62, 0] })), "linux-x64");
  assert.equal(machineOf(head({ 0: elf, 18: [183, 0] })), "linux-arm64");
  assert.equal(machineOf(head({ 0: machO, 4: [7, 0, 0, 1] })), "darwin-x64");
  assert.equal(machineOf(head({ 0: machO, 4: [12, 0, 0, 1] })), "darwin-arm64");
  assert.equal(
    machineOf(head({ 0: mz, 0x3c: [128], 128: pe, 132: [0x64, 0x86] })),
    "win32-x64",
  );
  assert.equal(machineOf(head({ 0: elf, 18: [3, 0] })), null);
  assert.equal(machineOf(head({ 0: mz, 0x3c: [255, 255, 255, 255] })), null);
  assert.equal(machineOf(head({ 0: [0x23, 0x21] })), null);
  assert.equal(machineOf(new Uint8Array(3)), null);
});
