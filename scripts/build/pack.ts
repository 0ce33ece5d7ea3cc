/**
 * `deno task pack [--output FILE] [--json]`: makes the npm package `skein`, dist/skein-VERSION.tgz, which
 * `npm install --global FILE` and `npx` run on Linux, macOS and Windows. One commit gives the same bytes each time.
 * Exit codes are those of build/task.ts.
 */
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { recordChecksum } from "./checksums.ts";
import { makeNpmPackage } from "./npm_package.ts";
import { replaceFile } from "./replace_file.ts";
import type { ArchivedFile } from "./tarball.ts";
import { runTask, type Work } from "./task.ts";

const DIST = resolve(`${import.meta.dirname}/../../dist`);
const USAGE = "deno task pack [--output FILE] [--json]";

interface Asked {
  readonly output: string | null;
  readonly json: boolean;
}

function readArguments(args: readonly string[]): Asked {
  const { values: { output, json } } = parseArgs({
    args: [...args],
    options: { output: { type: "string" }, json: { type: "boolean", default: false } },
  });
  return { output: output ?? null, json };
}

async function build({ output, json }: Asked, { report, signal }: Work): Promise<number> {
  report("gathering what goes into it");
  const { stage, tarball, files } = await makeNpmPackage(signal);
  const { version, origin: { commit, date } } = stage;
  const path = resolve(output ?? `${DIST}/skein-${version}.tgz`);
  await Deno.mkdir(dirname(path), { recursive: true });
  await replaceFile(path, tarball);
  const sha256 = await recordChecksum(path);
  const parts = sizesByPart(files);
  if (json) {
    const document = {
      success: true,
      version,
      commit,
      date: date.toISOString(),
      file: path,
      sha256,
      size_bytes: tarball.length,
      unpacked_bytes: sizeOf(files),
      files: files.length,
      parts: Object.fromEntries(parts),
    };
    console.log(JSON.stringify(document));
    return 0;
  }
  for (const [part, sizeBytes] of parts) console.log(`${kibibytes(sizeBytes)}  ${part}`);
  console.log(`${kibibytes(sizeOf(files))}  unpacked, in ${files.length} files`);
  console.log(`${kibibytes(tarball.length)}  ${path}`);
  console.log(`of commit ${commit}, sha256 ${sha256}`);
  return 0;
}

/** A part is a bundled package, or a folder or file of our own. */
function sizesByPart(files: readonly ArchivedFile[]): [part: string, sizeBytes: number][] {
  const sizes = new Map<string, number>();
  for (const { path, bytes } of files) {
    const part = /^(?:node_modules\/(?:@[^/]+\/)?)?[^/]+/.exec(path)![0];
    sizes.set(part, (sizes.get(part) ?? 0) + bytes.length);
  }
  return [...sizes];
}

function sizeOf(files: readonly ArchivedFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function kibibytes(sizeBytes: number): string {
  return `${(sizeBytes / 1024).toFixed(1)} KiB`.padStart(12);
}

Deno.exit(await runTask({ name: "pack", usage: USAGE, readArguments, build }));
