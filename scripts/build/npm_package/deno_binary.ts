/**
 * Where npm has put Deno. The package `deno` names one package a platform as optional dependencies, and the one that
 * fits is installed; its program is found there directly, so that it does not matter whether the install
 * script of `deno` was allowed to run.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";

/** A machine, as Node tells of it. */
export interface Machine {
  readonly platform: string;
  readonly architecture: string;
  /** Whether it has glibc; asked only where Deno is not there, for the answer takes Node a while. */
  hasGlibc(): boolean;
}

/** Platform and architecture → the name of the package with its Deno. */
const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "@deno/linux-x64-glibc",
  "linux-arm64": "@deno/linux-arm64-glibc",
  "darwin-x64": "@deno/darwin-x64",
  "darwin-arm64": "@deno/darwin-arm64",
  "win32-x64": "@deno/win32-x64",
};

const THIS_MACHINE: Machine = {
  platform: process.platform,
  architecture: process.arch,
  hasGlibc() {
    // Node's report names the version of glibc that it runs with.
    const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return report.header?.glibcVersionRuntime !== undefined;
  },
};

/** There is no Deno to run; the message says what to do. */
export class NoDenoError extends Error {
  override readonly name = "NoDenoError";
}

/**
 * @param from a module of the package that depends on `deno`
 * @returns the path of Deno's program
 * @throws {NoDenoError}
 */
export function findDeno(from: string, machine: Machine = THIS_MACHINE): string {
  const { platform, architecture } = machine;
  const name = PACKAGES[`${platform}-${architecture}`];
  if (name === undefined) {
    const known = Object.keys(PACKAGES).join(", ");
    throw new NoDenoError(`Skein does not run on ${platform}-${architecture}; it runs on ${known}`);
  }
  const program = locate(from, name, platform === "win32" ? "deno.exe" : "deno");
  if (program !== null) return program;
  if (platform === "linux" && !machine.hasGlibc()) {
    throw new NoDenoError(
      "Deno needs glibc, and this system has musl (as Alpine Linux does): use a Debian-based image",
    );
  }
  throw new NoDenoError(
    `the package ${name} is not installed; it is an optional dependency of deno: ` +
      "install skein again without --omit=optional or --no-optional",
  );
}

/** As Node's own resolution goes, from our package to `deno` and from there to the platform's package. */
function locate(from: string, name: string, file: string): string | null {
  try {
    const deno = createRequire(from).resolve("deno/package.json");
    const program = join(dirname(createRequire(deno).resolve(`${name}/package.json`)), file);
    return existsSync(program) ? program : null;
  } catch (error) {
    if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}
