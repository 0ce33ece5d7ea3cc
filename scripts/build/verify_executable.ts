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

export interface Expected {
  readonly stage: Stage;
  readonly target: Target;
  /** What it was compiled with. */
  readonly flags: readonly string[];
}

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
  { stage, target, flags }: Expected,
): Promise<Verified> {
  const problems: string[] = [];
  const machine = machineOf(executable.subarray(0, HEAD_BYTES));
  if (machine !== target.prebuild) {
    problems.push(`the runtime is for ${machine ?? "no known machine"}, not ${target.prebuild}`);
  }
  const embedded = readEmbedded(executable);
  problems.push(...await compareFiles(embedded, stage.directory));
  problems.push(...checkModulesLoadedLater(embedded));
  problems.push(...checkMetadata(embedded, flags));
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

function checkMetadata({ metadata }: Embedded, flags: readonly string[]): string[] {
  const problems: string[] = [];
  const { permissions, v8_flags: v8Flags, entrypoint_key: entry, code_cache_key: codeCache } =
    metadata;
  const wanted = permissionsOf(flags);
  // Of both sides: where Deno has renamed one, what we asked for would be found nowhere.
  for (const name of new Set([...Object.keys(permissions), ...wanted.keys()])) {
    if (!/^(?:allow|ignore)_/.test(name)) continue;
    const denied = permissions[name.replace("allow_", "deny_")];
    const isDenied = name.startsWith("allow_") && Array.isArray(denied) && denied.length === 0;
    const given = isDenied ? null : permissions[name] ?? null;
    const scope = wanted.get(name) ?? null;
    if (JSON.stringify(given) === JSON.stringify(scope)) continue;
    problems.push(`${name} is ${JSON.stringify(given)}, not ${JSON.stringify(scope)}`);
  }
  if (permissions.prompt) problems.push("it would ask for permissions");
  for (const flag of v8FlagsOf(flags)) {
    if (!v8Flags.includes(flag)) problems.push(`V8 does not get ${flag}`);
  }
  if (entry !== "src/main.ts") problems.push(`it begins with ${entry}`);
  if (codeCache !== null) problems.push("it would keep compiled code in a directory for all");
  return problems;
}

/** As the metadata has them: `allow_env` → its scope, which is empty for all. */
function permissionsOf(flags: readonly string[]): Map<string, readonly string[]> {
  const permissions = flags.flatMap((flag) => {
    const [, kind, name, scope] = /^--(allow|ignore)-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
    return name === undefined ? [] : [[`${kind}_${name}`, scope?.split(",") ?? []] as const];
  });
  return new Map(permissions);
}

function v8FlagsOf(flags: readonly string[]): string[] {
  const prefix = "--v8-flags=";
  return flags.filter((flag) => flag.startsWith(prefix))
    .flatMap((flag) => flag.slice(prefix.length).split(","));
}
