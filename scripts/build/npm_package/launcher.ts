#!/usr/bin/env node
/**
 * `skein`, as npm installs it: a Node program that starts Deno, of the npm package of that name, on the program beside
 * it, with the rights that this command line needs. It runs on Node 18 and needs no package of its own.
 */
import { readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { launchFlags } from "../../../src/cli/launch_flags.ts";
import { RUNTIME_FLAGS } from "../../../src/cli/runtime_flags.ts";
import { become } from "./become.ts";
import { findDeno, NoDenoError } from "./deno_binary.ts";
import { runtimeEnvironment } from "./environment.ts";

/** What shells answer for a program that is not there. */
const NOT_FOUND = 127;

const main = realpathSync(fileURLToPath(new URL("../../../src/main.ts", import.meta.url)));
const args = process.argv.slice(2);
try {
  const deno = findDeno(main);
  const rights = launchFlags({
    args,
    environment: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
    programFolder: dirname(dirname(main)),
  });
  const flags = ["run", "--quiet", ...RUNTIME_FLAGS, ...rights];
  become(deno, [...flags, main, ...args], runtimeEnvironment(process.env, args));
} catch (error) {
  if (!(error instanceof NoDenoError)) throw error;
  console.error(`skein: ${error.message}`);
  process.exitCode = NOT_FOUND;
}
