/**
 * One executable for one machine, finished: staged, compiled, verified, tried where this machine can, named and listed
 * in SHA256SUMS. It appears in its place whole or not at all. Where the runtime of `deno compile` cannot be had, this
 * machine's is made self-extracting, from the Deno that runs this.
 */
import { dirname } from "node:path";
import type { BuildForm } from "../../src/build_info.ts";
import { recordChecksum } from "./checksums.ts";
import { compileStage } from "./compile.ts";
import { COMPILE_FLAGS } from "./compile_flags.ts";
import type { Origin } from "./origin.ts";
import { buildSelfExtracting } from "./self_extracting.ts";
import { type Stage, stage } from "./stage.ts";
import type { Target } from "./targets.ts";
import { tryExecutable } from "./try_executable.ts";
import { verifyExecutable } from "./verify_executable.ts";

export interface ExecutableOptions {
  readonly target: Target;
  /** Whether it is for the machine that builds it. */
  readonly isHost: boolean;
  readonly origin: Origin;
  /** Where it goes, given the version. */
  readonly output: (version: string) => string;
  /** A runtime for this machine, in place of the one that would be downloaded; null: none. */
  readonly denort: string | null;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Executable {
  readonly target: string;
  readonly stage: Stage;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface MissingExecutable {
  readonly target: string;
  readonly reason: string;
}

/** While nothing else is said. */
const STILL_AT_IT_MS = 10_000;

/** @throws {Error} when anything but the runtime of `deno compile` is missing or wrong */
export async function buildExecutable(
  options: ExecutableOptions,
): Promise<Executable | MissingExecutable> {
  const { target, isHost, report } = options;
  const compiled = await inWorkplace(options, compiledExecutable);
  if (!("reason" in compiled)) return compiled;
  const complaint = `the runtime for ${target.triple} cannot be had (${compiled.reason})`;
  if (!isHost || Deno.build.os !== "linux") {
    report(`${complaint}: nothing built for it`);
    return compiled;
  }
  report(`${complaint}; DENORT_BIN may name one: making a self-extracting executable instead`);
  return await inWorkplace(options, selfExtractingExecutable) as Executable;
}

/** Where one executable is made. */
interface Workplace {
  readonly directory: string;
  /** Beside the place where it will be, so that it can be renamed. */
  readonly draft: string;
}
type Maker = (
  options: ExecutableOptions,
  workplace: Workplace,
) => Promise<Stage | { readonly reason: string }>;

/** Whatever comes of it, nothing stays but the finished executable. */
async function inWorkplace(
  options: ExecutableOptions,
  make: Maker,
): Promise<Executable | MissingExecutable> {
  const { target, isHost, output, report, signal } = options;
  const directory = await Deno.makeTempDir({ prefix: "skein-build-" });
  // The version is known once it is staged; only the folder counts here.
  const folder = dirname(output("0"));
  await Deno.mkdir(folder, { recursive: true });
  const drafts = await Deno.makeTempDir({ dir: folder, prefix: ".building-" });
  try {
    const draft = `${drafts}/skein${target.executableSuffix}`;
    const made = await make(options, { directory, draft });
    if ("reason" in made) return { target: target.triple, reason: made.reason };
    signal.throwIfAborted();
    if (isHost) {
      report(`${target.triple}: starting it once`);
      await Deno.mkdir(`${directory}/trial`);
      await tryExecutable(draft, made, `${directory}/trial`, signal);
    }
    signal.throwIfAborted();
    const path = output(made.version);
    await Deno.rename(draft, path);
    const sha256 = await recordChecksum(path);
    const { size: sizeBytes } = await Deno.stat(path);
    return { target: target.triple, stage: made, path, sizeBytes, sha256 };
  } finally {
    await Deno.remove(drafts, { recursive: true });
    await Deno.remove(directory, { recursive: true });
  }
}

async function compiledExecutable(
  options: ExecutableOptions,
  workplace: Workplace,
): Promise<Stage | { readonly reason: string }> {
  const { target, denort, report, signal } = options;
  const { draft } = workplace;
  const staged = await stageIn(workplace, "compiled", options);
  const runtime = denort ?? "Deno's runtime, downloaded where this is the first time";
  report(`${target.triple}: compiling with ${runtime}`);
  const outcome = await whileReporting(
    report,
    `${target.triple}: still compiling`,
    compileStage({ stage: staged, target, flags: COMPILE_FLAGS, denort, output: draft, signal }),
  );
  if (!outcome.done) return { reason: outcome.reason };
  const { fileCount, embeddedBytes } = await verifyExecutable(await Deno.readFile(draft), {
    stage: staged,
    target,
    flags: COMPILE_FLAGS,
  });
  report(
    `${target.triple}: verified ${fileCount} embedded files, ${mebibytes(embeddedBytes)}, ` +
      `native code for ${target.prebuild} alone`,
  );
  return staged;
}

async function selfExtractingExecutable(
  options: ExecutableOptions,
  workplace: Workplace,
): Promise<Stage> {
  const { target, report, signal } = options;
  const staged = await stageIn(workplace, "self-extracting", options);
  report(`${target.triple}: packing it with Deno ${Deno.version.deno}`);
  await whileReporting(
    report,
    `${target.triple}: still packing`,
    buildSelfExtracting({
      stage: staged.directory,
      deno: await Deno.realPath(Deno.execPath()),
      output: workplace.draft,
      version: staged.version,
      signal,
    }),
  );
  return staged;
}

async function stageIn(
  { directory }: Workplace,
  form: BuildForm,
  { target, origin, report, signal }: ExecutableOptions,
): Promise<Stage> {
  const staged = await stage({ target, form, directory: `${directory}/stage`, origin, signal });
  const { fileCount, sizeBytes, packages } = staged;
  const size = mebibytes(sizeBytes);
  report(`${target.triple}: staged ${fileCount} files, ${packages.length} packages, ${size}`);
  return staged;
}

async function whileReporting<T>(
  report: (line: string) => void,
  text: string,
  work: Promise<T>,
): Promise<T> {
  const begunMs = performance.now();
  const timer = setInterval(
    () => report(`${text} (${Math.round((performance.now() - begunMs) / 1_000)} s)`),
    STILL_AT_IT_MS,
  );
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

export function mebibytes(sizeBytes: number): string {
  return `${(sizeBytes / 1_048_576).toFixed(1)} MiB`;
}
