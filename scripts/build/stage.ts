/**
 * Makes the directory that every form of the program is built from: `src/`, a `deno.json` with no more than running
 * needs, the licences, and a `node_modules` of the packages that are reached, flat and without links, with the
 * target's native code alone. The same commit gives the same bytes, modes and times.
 */
import type { BuildForm } from "../../src/build_info.ts";
import { type FileTree, hasEntries, sortedFiles, writeTree } from "./file_tree.ts";
import { LICENCES_FILE, licencesText, type Terms, termsOfNativeCode } from "./licences.ts";
import { machineOf } from "./native_code.ts";
import { type Origin, readOrigin } from "./origin.ts";
import { installPackages, type Package } from "./packages.ts";
import { isLicence, isShipped } from "./pruning.ts";
import { type Target, TARGETS } from "./targets.ts";

export interface StageOptions {
  /** Null: for every machine of the table, with the native code of each. */
  readonly target: Target | null;
  readonly form: BuildForm;
  /** Is made; must hold nothing yet. */
  readonly directory: string;
  /** Of what it is made. Read from git or the environment where it is not given. */
  readonly origin?: Origin;
  /** Ends the work, which then throws; what is in the directory by then is left to the caller. */
  readonly signal?: AbortSignal;
}

export interface StagedPackage {
  readonly name: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly fileCount: number;
}

export interface Stage {
  readonly directory: string;
  readonly version: string;
  readonly target: Target | null;
  readonly form: BuildForm;
  readonly origin: Origin;
  /** Of everything. */
  readonly sizeBytes: number;
  readonly fileCount: number;
  /** In order of their names. */
  readonly packages: readonly StagedPackage[];
}

/** The parts of deno.json that the stage takes over. */
interface Configuration {
  readonly version: string;
  readonly license: string;
  readonly unstable: readonly string[];
  readonly imports: Readonly<Record<string, string>>;
}

const REPOSITORY = `${import.meta.dirname}/../..`;
const BUILD_INFO = "src/build_info.ts";

/**
 * @throws {Error} when the directory is not empty, the packages cannot be had or hold code for another machine,
 *   or nobody knows which commit this is
 */
export async function stage(options: StageOptions): Promise<Stage> {
  const { target, form, directory, signal } = options;
  if (await hasEntries(directory)) throw new Error(`${directory} is not empty`);
  const origin = options.origin ?? await readOrigin(REPOSITORY);
  const configuration: Configuration = JSON.parse(
    await Deno.readTextFile(`${REPOSITORY}/deno.json`),
  );
  const source = await readSource();
  const files = new Map(source);
  files.set(BUILD_INFO, utf8(buildInfo(source.get(BUILD_INFO), form, origin)));
  files.set("deno.json", utf8(shippedConfiguration(configuration, form)));
  files.set("LICENSE", await Deno.readFile(`${REPOSITORY}/LICENSE`));

  const staged: StagedPackage[] = [];
  const terms: Terms[] = [];
  const prebuilds = (target === null ? TARGETS : [target]).map(({ prebuild }) => prebuild);
  await withPackages(source, signal, async (packages) => {
    for (const each of packages) {
      const { name, version } = each;
      const { shipped, license, texts } = await readPackage(each, prebuilds);
      for (const [path, bytes] of shipped) files.set(`node_modules/${name}/${path}`, bytes);
      staged.push({ name, version, sizeBytes: sizeOf(shipped), fileCount: shipped.size });
      terms.push({ name, version, license, texts });
      signal?.throwIfAborted();
    }
  });
  files.set(LICENCES_FILE, utf8(licencesText([...await termsOfNativeCode(form), ...terms])));
  await writeTree(directory, files, origin.date);
  return {
    directory,
    version: configuration.version,
    target,
    form,
    origin,
    sizeBytes: sizeOf(files),
    fileCount: files.size,
    packages: staged,
  };
}

/** What of src/ is part of the program. */
async function readSource(): Promise<FileTree> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of await sortedFiles(`${REPOSITORY}/src`)) {
    if (path.endsWith(".md")) continue;
    files.set(`src/${path}`, await Deno.readFile(`${REPOSITORY}/src/${path}`));
  }
  return files;
}

/** Hands over the packages that the source needs, installed in a place of their own that is gone afterwards. */
async function withPackages(
  source: FileTree,
  signal: AbortSignal | undefined,
  use: (packages: readonly Package[]) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-packages-" });
  try {
    for (const name of ["deno.json", "deno.lock"]) {
      await Deno.copyFile(`${REPOSITORY}/${name}`, `${directory}/${name}`);
    }
    await writeTree(`${directory}/src`, withoutPrefix(source, "src/"), new Date());
    await use(await installPackages(directory, signal));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

interface PackageContent {
  readonly shipped: FileTree;
  readonly license: string;
  readonly texts: readonly string[];
}

async function readPackage(
  { name, path: root }: Package,
  prebuilds: readonly string[],
): Promise<PackageContent> {
  const shipped = new Map<string, Uint8Array<ArrayBuffer>>();
  const texts: string[] = [];
  const machines = new Set<string | null>();
  for (const path of await sortedFiles(root)) {
    if (isLicence(path)) texts.push(await Deno.readTextFile(`${root}/${path}`));
    if (!isShipped(name, path, prebuilds)) continue;
    const bytes = await Deno.readFile(`${root}/${path}`);
    shipped.set(path, bytes);
    if (path.endsWith(".node")) machines.add(machineOf(bytes));
  }
  const missing = prebuilds.filter((each) => machines.size > 0 && !machines.has(each));
  const foreign = [...machines].filter((each) => each === null || !prebuilds.includes(each));
  if (missing.length > 0 || foreign.length > 0) {
    const found = [...machines].map((each) => each ?? "an unknown machine").join(", ");
    throw new Error(`${name} holds native code for ${found}; wanted is ${prebuilds.join(", ")}`);
  }
  const { license } = JSON.parse(await Deno.readTextFile(`${root}/package.json`));
  return { shipped, license: String(license), texts };
}

/** The text of src/build_info.ts with what was built in place of `null`. */
function buildInfo(
  source: Uint8Array | undefined,
  form: BuildForm,
  { commit, date }: Origin,
): string {
  const nothing = "BUILD: BuildInfo | null = null;";
  const text = new TextDecoder().decode(source);
  if (!text.includes(nothing)) throw new Error(`${BUILD_INFO} has no "${nothing}"`);
  const value = { commit, date: date.toISOString().replace(".000Z", "Z"), form };
  return text.replace(nothing, `BUILD: BuildInfo | null = ${JSON.stringify(value)};`);
}

function shippedConfiguration(
  { version, license, unstable, imports }: Configuration,
  form: BuildForm,
): string {
  const shipped = {
    version,
    license,
    nodeModulesDir: "manual",
    lock: false,
    // With it `deno compile` leaves every command out, as each is loaded when it is called.
    unstable: unstable.filter((name) => form !== "compiled" || name !== "lazy-dynamic-imports"),
    imports,
  };
  return `${JSON.stringify(shipped, null, 2)}\n`;
}

function withoutPrefix(files: FileTree, prefix: string): FileTree {
  return new Map([...files].map(([path, bytes]) => [path.slice(prefix.length), bytes]));
}

function sizeOf(files: FileTree): number {
  let sizeBytes = 0;
  for (const bytes of files.values()) sizeBytes += bytes.length;
  return sizeBytes;
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
