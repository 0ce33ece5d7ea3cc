/**
 * Makes the directory that every form of the program is built from: `src/`, a `deno.json` with no more than running
 * needs, `LICENSE`, and a `node_modules` of the packages that are reached, flat and without links, with the
 * target's native code alone. The same commit gives the same bytes, modes and times.
 */
import { hasFiles, sortedFiles } from "./file_tree.ts";
import type { BuildForm } from "../../src/build_info.ts";
import { installPackages, type Package } from "./packages.ts";
import { isShipped } from "./pruning.ts";
import { type Origin, readOrigin } from "./origin.ts";
import { type Target, TARGETS } from "./targets.ts";

export interface StageOptions {
  /** Null: for every machine of the table, with the native code of each. */
  readonly target: Target | null;
  readonly form: BuildForm;
  /** Is made; must hold nothing yet. */
  readonly directory: string;
  /** Of what it is made. Read from git or the environment where it is not given. */
  readonly origin?: Origin;
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
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * @throws {Error} when the directory is not empty, the packages cannot be had, or nobody knows which commit
 * this is
 */
export async function stage({ target, form, directory, origin }: StageOptions): Promise<Stage> {
  if (await hasFiles(directory)) throw new Error(`${directory} is not empty`);
  const from = origin ?? await readOrigin(REPOSITORY);
  const configuration: Configuration = JSON.parse(
    await Deno.readTextFile(`${REPOSITORY}/deno.json`),
  );
  const files = new Map<string, Uint8Array>();
  for (const path of await sortedFiles(`${REPOSITORY}/src`)) {
    if (path.endsWith(".md")) continue;
    files.set(`src/${path}`, await Deno.readFile(`${REPOSITORY}/src/${path}`));
  }
  files.set("src/build_info.ts", utf8(buildInfo(files.get("src/build_info.ts")!, form, from)));
  files.set("deno.json", utf8(shippedConfiguration(configuration)));
  files.set("LICENSE", await Deno.readFile(`${REPOSITORY}/LICENSE`));

  const packages: StagedPackage[] = [];
  const prebuilds = (target === null ? TARGETS : [target]).map(({ prebuild }) => prebuild);
  await withPackages(async (installed) => {
    for (const { name, version, path } of installed) {
      let sizeBytes = 0;
      const paths = (await sortedFiles(path)).filter((each) => isShipped(each, prebuilds));
      for (const each of paths) {
        const bytes = await Deno.readFile(`${path}/${each}`);
        files.set(`node_modules/${name}/${each}`, bytes);
        sizeBytes += bytes.length;
      }
      packages.push({ name, version, sizeBytes, fileCount: paths.length });
    }
  });
  await writeTree(directory, files, from.date);
  let sizeBytes = 0;
  for (const bytes of files.values()) sizeBytes += bytes.length;
  const { version } = configuration;
  const fileCount = files.size;
  return { directory, version, target, form, origin: from, sizeBytes, fileCount, packages };
}

/** The text of src/build_info.ts with what was built in place of `null`. */
function buildInfo(source: Uint8Array, form: BuildForm, { commit, date }: Origin): string {
  const text = new TextDecoder().decode(source);
  const nothing = "BUILD: BuildInfo | null = null;";
  if (!text.includes(nothing)) throw new Error(`src/build_info.ts has no line "${nothing}"`);
  const value = { commit, date: date.toISOString().replace(".000Z", "Z"), form };
  return text.replace(nothing, `BUILD: BuildInfo | null = ${JSON.stringify(value)};`);
}

function shippedConfiguration({ version, license, unstable, imports }: Configuration): string {
  const shipped = {
    version,
    license,
    nodeModulesDir: "manual",
    lock: false,
    unstable,
    imports,
  };
  return `${JSON.stringify(shipped, null, 2)}\n`;
}

/** Hands over the installed packages, which are gone afterwards. */
async function withPackages(use: (installed: readonly Package[]) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-packages-" });
  try {
    for (const name of ["deno.json", "deno.lock"]) {
      await Deno.copyFile(`${REPOSITORY}/${name}`, `${directory}/${name}`);
    }
    for (const path of await sortedFiles(`${REPOSITORY}/src`)) {
      const copy = `${directory}/src/${path}`;
      await Deno.mkdir(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(`${REPOSITORY}/src/${path}`, copy);
    }
    await use(await installPackages(directory));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** In order of their paths, so that a directory lists alike wherever it is made. */
async function writeTree(
  root: string,
  files: ReadonlyMap<string, Uint8Array>,
  date: Date,
): Promise<void> {
  const directories = new Set([root]);
  for (const path of [...files.keys()].sort()) {
    const steps = path.split("/");
    for (let depth = 1; depth < steps.length; depth++) {
      directories.add(`${root}/${steps.slice(0, depth).join("/")}`);
    }
    await Deno.mkdir(`${root}/${steps.slice(0, -1).join("/")}`, { recursive: true });
    await Deno.writeFile(`${root}/${path}`, files.get(path)!);
    await settle(`${root}/${path}`, FILE_MODE, date);
  }
  // The deepest first: writing into a directory changes its time.
  for (const path of [...directories].sort().reverse()) await settle(path, DIRECTORY_MODE, date);
}

async function settle(path: string, mode: number, date: Date): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
  await Deno.utime(path, date, date);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
