/**
 * One executable file where the runtime of `deno compile` cannot be had: a shell script (self_extracting/*.sh), and
 * behind it an archive of Deno's own executable and the stage. How it unpacks and what it checks is told at the head
 * of the script. The same stage and Deno give the same bytes.
 */
import { createHash } from "node:crypto";
import { sortedFiles } from "./file_tree.ts";
import { replaceFile } from "./replace_file.ts";
import { makeScript } from "./self_extracting/script.ts";
import { sealedConfiguration } from "./self_extracting/sealed_configuration.ts";
import { type ArchivedFile, makeTarball } from "./tarball.ts";

export interface SelfExtractingOptions {
  /** What is shipped, as stage.ts makes it. */
  readonly stage: string;
  /** Deno's executable for the machines that this is for. */
  readonly deno: string;
  /** Is replaced in one step. */
  readonly output: string;
  readonly version: string;
  /** Ends the work, which then throws and leaves nothing. */
  readonly signal?: AbortSignal;
}

export interface SelfExtracting {
  readonly path: string;
  readonly sizeBytes: number;
  /** In hex. */
  readonly sha256: string;
}

const MODE = 0o755;

/** @throws {Error} where the machine is no Linux, or a name in the stage cannot stand in the script */
export async function buildSelfExtracting(
  { stage, deno, output, version, signal }: SelfExtractingOptions,
): Promise<SelfExtracting> {
  if (Deno.build.os !== "linux") {
    throw new Error(`self-extracting executables are made on and for Linux, not ${Deno.build.os}`);
  }
  const files = await readProgram(stage, deno);
  const manifest = manifestOf(files);
  files.push({ path: "manifest", bytes: manifest });
  const script = await makeScript({
    version,
    target: Deno.build.target,
    manifestSha256: sha256(manifest),
    paths: files.map(({ path }) => path),
  });
  const { mtime } = await Deno.stat(`${stage}/deno.json`);
  const archive = await makeTarball(files, mtime ?? new Date(0), signal);
  await replaceFile(output, ReadableStream.from([script, archive]), MODE);
  return {
    path: output,
    sizeBytes: script.length + archive.length,
    sha256: sha256(script, archive),
  };
}

/** What lies in program/ once it is unpacked, but for the manifest. */
async function readProgram(stage: string, deno: string): Promise<ArchivedFile[]> {
  const files = new Map<string, ArchivedFile>();
  for (const path of await sortedFiles(stage)) {
    files.set(path, { path, bytes: await Deno.readFile(`${stage}/${path}`) });
  }
  for (const [path, text] of sealedConfiguration(await Deno.readTextFile(`${stage}/deno.json`))) {
    files.set(path, { path, bytes: new TextEncoder().encode(text) });
  }
  files.set("deno", { path: "deno", bytes: await Deno.readFile(deno), executable: true });
  return [...files.values()];
}

/** In the format of sha256sum, whose -c reads it. */
function manifestOf(files: readonly ArchivedFile[]): Uint8Array {
  const lines = files.map(({ path, bytes }) => `${sha256(bytes)}  ${path}\n`);
  return new TextEncoder().encode(lines.join(""));
}

function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
