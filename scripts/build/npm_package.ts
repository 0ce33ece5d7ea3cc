/**
 * What is in the npm package: the stage as JavaScript, for Deno runs no TypeScript that lies in node_modules; the
 * launcher, which npm puts on the PATH as `skein`; and the runtime's packages, bundled.
 */
import { sortedFiles } from "./file_tree.ts";
import { toJavaScript } from "./javascript.ts";
import { LICENCES_FILE } from "./licences.ts";
import { bundledManifest, skeinManifest } from "./npm_manifest.ts";
import { type Stage, stage } from "./stage.ts";
import { type ArchivedFile, makeTarball } from "./tarball.ts";

export interface NpmPackage {
  readonly stage: Stage;
  readonly tarball: Uint8Array<ArrayBuffer>;
  /** In the order of the archive, without its `package/`. */
  readonly files: readonly ArchivedFile[];
}

const REPOSITORY = `${import.meta.dirname}/../..`;
const LAUNCHER_FOLDER = "scripts/build/npm_package";
const COPIED = ["LICENSE", LICENCES_FILE];
/** Where npm expects everything in the archive. */
const ARCHIVE_FOLDER = "package";

/**
 * Makes it from what is committed or, where something is not, from what is there, which its commit then says.
 * @param signal ends the work, which then throws
 * @throws {Error} as `stage` does
 */
export async function makeNpmPackage(signal?: AbortSignal): Promise<NpmPackage> {
  const directory = await Deno.makeTempDir({ prefix: "skein-npm-" });
  try {
    const staged = await stage({
      target: null,
      form: "npm",
      directory,
      ...signal === undefined ? {} : { signal },
    });
    const files = [
      ...await modules(directory),
      ...await packages(staged),
      ...await Promise.all(COPIED.map((path) => copy(`${directory}/${path}`, path))),
      await copy(`${REPOSITORY}/${LAUNCHER_FOLDER}/README.md`, "README.md"),
      await manifest(staged),
    ].sort((left, right) => left.path < right.path ? -1 : 1);
    const archived = files.map((file) => ({ ...file, path: `${ARCHIVE_FOLDER}/${file.path}` }));
    const tarball = await makeTarball(archived, staged.origin.date, signal);
    return { stage: staged, tarball, files };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Our own modules: those of the stage, and the launcher's. */
async function modules(directory: string): Promise<ArchivedFile[]> {
  const sources = new Map<string, string>();
  const moves = new Map<string, string>();
  for (const path of await sortedFiles(`${directory}/src`)) {
    sources.set(`src/${path}`, await Deno.readTextFile(`${directory}/src/${path}`));
    moves.set(`src/${path}`, `src/${path.replace(/\.ts$/, ".js")}`);
  }
  for (const path of await sortedFiles(`${REPOSITORY}/${LAUNCHER_FOLDER}`)) {
    if (!path.endsWith(".ts")) continue;
    const source = `${LAUNCHER_FOLDER}/${path}`;
    sources.set(source, await Deno.readTextFile(`${REPOSITORY}/${source}`));
    moves.set(source, `bin/${path === "launcher.ts" ? "skein.js" : path.replace(/\.ts$/, ".js")}`);
  }
  return [...sources].map(([path, source]) => ({
    path: moves.get(path)!,
    bytes: utf8(toJavaScript(path, source, moves)),
    executable: path === `${LAUNCHER_FOLDER}/launcher.ts`,
  }));
}

async function packages({ directory, packages }: Stage): Promise<ArchivedFile[]> {
  const names = new Set(packages.map(({ name }) => name));
  const manifests = new Set([...names].map((name) => `${name}/package.json`));
  const files: ArchivedFile[] = [];
  for (const path of await sortedFiles(`${directory}/node_modules`)) {
    const file = await copy(`${directory}/node_modules/${path}`, `node_modules/${path}`);
    if (!manifests.has(path)) files.push(file);
    else files.push({ ...file, bytes: json(bundledManifest(text(file.bytes), names)) });
  }
  return files;
}

async function manifest({ directory, version, packages }: Stage): Promise<ArchivedFile> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${directory}/deno.json`));
  const direct = packages.filter(({ name }) => name in imports);
  const versions = new Map(direct.map((each) => [each.name, each.version]));
  return { path: "package.json", bytes: json(skeinManifest({ version, direct: versions })) };
}

async function copy(from: string, path: string): Promise<ArchivedFile> {
  return { path, bytes: await Deno.readFile(from) };
}

function json(value: unknown): Uint8Array {
  return utf8(`${JSON.stringify(value, null, 2)}\n`);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function utf8(written: string): Uint8Array {
  return new TextEncoder().encode(written);
}
