/**
 * `deno compile` on a stage. What has to be known of it is in README.md. Its runtime is a file of some 40 MB that Deno
 * downloads when it first builds for a machine; where that cannot be had, this says so, and executables.ts decides
 * what is built in its place.
 */
import { LICENCES_FILE } from "./licences.ts";
import type { Stage } from "./stage.ts";
import type { Target } from "./targets.ts";

export interface CompileOptions {
  readonly stage: Stage;
  readonly target: Target;
  /** The flags that the program runs with: permissions, and those of V8. */
  readonly flags: readonly string[];
  /** A runtime to take in place of the one that would be downloaded. */
  readonly denort: string | null;
  readonly output: string;
  readonly signal: AbortSignal;
}

export type Compiled =
  | { readonly done: true }
  /** The runtime for this target cannot be had; why, in some words. */
  | { readonly done: false; readonly reason: string };

/** The runtime may have to be downloaded; nothing that works takes this long. */
const DEADLINE_MS = 900_000;

/** @throws {Error} when it fails for any other reason than the runtime */
export async function compileStage(options: CompileOptions): Promise<Compiled> {
  const { stage, target, flags, denort, output, signal } = options;
  const { DENORT_BIN: _, ...environment } = Deno.env.toObject();
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--no-check",
      "--no-lock",
      // The cache would lie in a directory that every user of a machine can write to, and makes no start faster.
      "--no-code-cache",
      "--app-name=skein",
      `--target=${target.triple}`,
      ...flags,
      "--include=LICENSE",
      `--include=${LICENCES_FILE}`,
      `--output=${output}`,
      "src/main.ts",
    ],
    cwd: stage.directory,
    env: { ...environment, NO_COLOR: "1", ...denort === null ? {} : { DENORT_BIN: denort } },
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    signal: AbortSignal.any([signal, deadline]),
  }).output();
  signal.throwIfAborted();
  if (code === 0) return { done: true };
  const said = new TextDecoder().decode(stderr).trim();
  if (deadline.aborted) return { done: false, reason: `no end after ${DEADLINE_MS / 1_000} s` };
  const reason = missingRuntime(said);
  if (reason !== null && denort === null) return { done: false, reason };
  throw new Error(`deno compile failed for ${target.triple}:\n${said}`);
}

/** @returns why the runtime could not be had; null where that was not the reason */
function missingRuntime(said: string): string | null {
  if (!/Setting up base binary|Failed downloading/.test(said)) return null;
  const causes = said.split("\n").filter((line) => /^\s+\d+: /.test(line));
  const plainest = causes.findLast((line) => !line.includes("<unknown>")) ?? "";
  return plainest.replace(/^\s+\d+: /, "").trim() || "the download failed";
}
