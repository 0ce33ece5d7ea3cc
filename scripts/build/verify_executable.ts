/**
 * Whether an executable that `deno compile` made holds what it must and no more, before anybody gets it: the target's
 * code, every file of the stage as it is, the permissions that were asked for, and nothing of the machine that
 * built it.
 */
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path/posix";
import { type Embedded, readEmbedded } from "./embedded.ts";
import { sortedFiles } from "./file_tree.ts";
import { HEAD_BYTES, machineOf } from "./native_code.ts";
import type { Stage } from "./stage.ts";
import type { Target } from "./targets.ts";

export interface Verified {
  readonly fileCount: number;
  /** Of what was embedded; the rest is the runtime. */
  readonly embeddedBytes: number;
}

/** What of the stage is read when it is built and not when it runs. */
const NOT_EMBEDDED = new Set(["deno.json"]);
/** A module that is loaded when it is needed: what `deno compile` most easily leaves out. */
const LOADED_LATER = /\bimport\("(\.[^"]+)"\)/g;

/** @throws {Error} whose message has a line for each thing that is not right */
export async function verifyExecutable(
  executable: Uint8Array,
  stage: Stage,
  target: Target,
): Promise<Verified> {
  const problems: string[] = [];
  const machine = machineOf(executable.subarray(0, HEAD_BYTES));
  if (machine !== target.prebuild) {
    problems.push(`the runtime is for ${machine ?? "no known machine"}, not ${target.prebuild}`);
  }
  const embedded = readEmbedded(executable);
  problems.push(...await compareFiles(embedded, stage.directory));
  problems.push(...checkModulesLoadedLater(embedded));
  problems.push(...checkMetadata(embedded));
  const directory = await Deno.realPath(stage.directory);
  if (embedded.section.includes(Buffer.from(directory))) {
    problems.push(`it names the directory that it was built in, ${directory}`);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return { fileCount: embedded.files.size, embeddedBytes: embedded.section.length };
}

async function compareFiles({ files }: Embedded, directory: string): Promise<string[]> {
  const problems: string[] = [];
  const staged = await sortedFiles(directory);
  const known = new Set(staged);
  for (const path of files.keys()) {
    if (!known.has(path)) problems.push(`it holds ${path}, which is not of the stage`);
  }
  for (const path of staged) {
    const bytes = files.get(path);
    if (bytes === undefined) {
      // A module that nobody loads, or for its types alone, is not taken along.
      const needed = !path.startsWith("src/") && !NOT_EMBEDDED.has(path);
      if (needed) problems.push(`${path} is missing`);
    } else if (!Buffer.from(bytes).equals(await Deno.readFile(`${directory}/${path}`))) {
      problems.push(`${path} is not as in the stage`);
    }
  }
  return problems;
}

function checkModulesLoadedLater({ files }: Embedded): string[] {
  const problems: string[] = [];
  for (const [path, bytes] of files) {
    if (!path.startsWith("src/")) continue;
    for (const [, specifier = ""] of new TextDecoder().decode(bytes).matchAll(LOADED_LATER)) {
      const module = join(dirname(path), specifier);
      if (!files.has(module)) problems.push(`${module} is missing, which ${path} loads later`);
    }
  }
  return problems;
}

function checkMetadata({ metadata }: Embedded): string[] {
  const problems: string[] = [];
  const { permissions, entrypoint_key: entry, code_cache_key: codeCache } = metadata;
  if (permissions.prompt) problems.push("it would ask for permissions");
  if (permissions["allow_all"] === true) problems.push("it is allowed everything");
  if (entry !== "src/main.ts") problems.push(`it begins with ${entry}`);
  if (codeCache !== null) problems.push("it would keep compiled code in a directory for all");
  return problems;
}
