/**
 * `deno task compile [--all | --target T] [--output FILE] [--json]`: builds the executable for this machine, for
 * another, or for every machine of scripts/build/targets.ts, as dist/skein-VERSION-TARGET. Exit codes are those of
 * build/task.ts, and 3 where the runtime for something that was asked for cannot be had.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildExecutable, type Executable, mebibytes } from "./build/executables.ts";
import { type Origin, readOrigin } from "./build/origin.ts";
import { runTask, type Work } from "./build/task.ts";
import { hostTarget, type Target, targetOf, TARGETS } from "./build/targets.ts";

const REPOSITORY = resolve(`${import.meta.dirname}/..`);
const USAGE = "deno task compile [--all | --target TARGET] [--output FILE] [--json]";
const NO_RUNTIME = 3;
const LARGEST_PACKAGES = 5;

interface Asked {
  readonly targets: readonly Target[];
  readonly host: Target;
  readonly output: string | null;
  readonly json: boolean;
}

function readArguments(args: readonly string[]): Asked {
  const { values: { all, target, output, json } } = parseArgs({
    args: [...args],
    options: {
      all: { type: "boolean", default: false },
      target: { type: "string" },
      output: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (all && target !== undefined) throw new TypeError("--all and --target exclude each other");
  if (all && output !== undefined) throw new TypeError("--output names one file; --all makes more");
  const host = hostTarget();
  const one = target === undefined ? host : targetOf(target);
  return { targets: all ? TARGETS : [one], host, output: output ?? null, json };
}

async function build(
  { targets, host, output, json }: Asked,
  { report, signal }: Work,
): Promise<number> {
  const origin = await readOrigin(REPOSITORY);
  const built: Executable[] = [];
  const missing: { readonly target: string; readonly reason: string }[] = [];
  for (const target of targets) {
    const isHost = target === host;
    const outcome = await buildExecutable({
      target,
      isHost,
      origin,
      output: (version) =>
        resolve(
          output ??
            `${REPOSITORY}/dist/skein-${version}-${target.triple}${target.executableSuffix}`,
        ),
      // It is a runtime for this machine; for another one Deno would take it all the same.
      denort: isHost ? Deno.env.get("DENORT_BIN") ?? null : null,
      report,
      signal,
    });
    if ("reason" in outcome) missing.push(outcome);
    else built.push(outcome);
  }
  if (json) console.log(JSON.stringify(document(origin, built, missing)));
  else for (const each of built) console.log(describe(each));
  return missing.length === 0 ? 0 : NO_RUNTIME;
}

function document(
  { commit, date }: Origin,
  built: readonly Executable[],
  missing: readonly object[],
): object {
  return {
    success: missing.length === 0,
    commit,
    date: date.toISOString(),
    built: built.map(({ target, stage: { version, form, packages }, path, sizeBytes, sha256 }) => ({
      target,
      version,
      form,
      file: path,
      size_bytes: sizeBytes,
      sha256,
      packages: packages.map(({ name, version, sizeBytes }) => {
        return { name, version, size_bytes: sizeBytes };
      }),
    })),
    missing,
  };
}

function describe({ stage, path, sizeBytes, sha256 }: Executable): string {
  const largest = stage.packages.toSorted((left, right) => right.sizeBytes - left.sizeBytes)
    .slice(0, LARGEST_PACKAGES)
    .map((each) => `${each.name} ${mebibytes(each.sizeBytes)}`);
  return [
    `${path} (${stage.form}, ${mebibytes(sizeBytes)})`,
    `  of ${stage.packages.length} packages the largest: ${largest.join(", ")}`,
    `  sha256 ${sha256}, of commit ${stage.origin.commit}`,
  ].join("\n");
}

Deno.exit(await runTask({ name: "compile", usage: USAGE, readArguments, build }));
