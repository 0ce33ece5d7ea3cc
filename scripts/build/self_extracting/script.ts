/**
 * Puts the shell script together that self-extracting executables begin with: the parts beside this file, filled in with
 * what is known only when it is built.
 */
import { createHash } from "node:crypto";
import { LAUNCH_TABLE, type LaunchCommand } from "../../../src/cli/launch_flags.ts";
import { OUTER_ENVIRONMENT } from "../../../src/cli/outer_environment.ts";
import { COMMANDS_THAT_START_OTHERS, fixedFlags } from "../../../src/cli/rights.ts";
import { RUNTIME_FLAGS } from "../../../src/cli/runtime_flags.ts";
import { KEPT_RUNTIME_VARIABLES, RUNTIME_VARIABLES } from "../../../src/cli/runtime_variables.ts";

export interface ScriptOptions {
  readonly version: string;
  /** As Deno and LLVM call the machine. */
  readonly target: string;
  readonly manifestSha256: string;
  /** Of the archive's files. */
  readonly paths: readonly string[];
}

const PARTS = ["header.sh", "copy.sh", "unpack.sh", "start.sh"];
/** Enough to tell builds of one version apart; the manifest's whole hash is checked. */
const ID_DIGITS = 16;
/** Words that mean nothing but themselves to a shell that was told `set -f`. */
const PLAIN_WORD = /^[A-Za-z0-9_.,=*@/+-]+$/;

/**
 * @returns the script; the archive is to follow at once
 * @throws {Error} where a path cannot stand in it
 */
export async function makeScript(options: ScriptOptions): Promise<Uint8Array> {
  const parts = PARTS.map((name) => Deno.readTextFile(`${import.meta.dirname}/${name}`));
  const template = (await Promise.all(parts)).join("");
  const values = {
    VERSION: plain(options.version),
    TARGET: plain(options.target),
    MANIFEST_SHA256: options.manifestSha256,
    ENTRIES: entriesOf(options.paths).map(plain).join("\n"),
    READING_FLAGS: [...fixedFlags(["env"]), "--allow-read"].map(plain).join(" "),
    RUNTIME_FLAGS: RUNTIME_FLAGS.map(plain).join(" "),
    RUNTIME_VARIABLES: RUNTIME_VARIABLES.map(plain).join(" | "),
    KEPT_VARIABLES: KEPT_RUNTIME_VARIABLES.map(plain).join(" | "),
    CHOICE: LAUNCH_TABLE.commands.flatMap(choiceOf).join("\n  "),
  };
  const hash = createHash("sha256").update(template).update(JSON.stringify(values)).digest("hex");
  const filled = fill(template, {
    ...values,
    ID: `skein-${options.version}-${hash.slice(0, ID_DIGITS)}`,
  });
  const archiveLine = filled.split("\n").length;
  return new TextEncoder().encode(fill(filled, { ARCHIVE_LINE: String(archiveLine) }));
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@${name}@`, value),
    template,
  );
}

/** The files, and the folders that they lie in, in the order of their bytes. */
function entriesOf(paths: readonly string[]): string[] {
  const entries = new Set(paths);
  for (const path of paths) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      entries.add(path.slice(0, at));
    }
  }
  return [...entries].sort();
}

/** The lines that choose what a command may do, where that does not depend on paths. */
function choiceOf({ words, flags, reads, ffi, paths }: LaunchCommand): string[] {
  if (paths.length > 0 || reads.length > 0 || ffi) return [];
  const [first = "", second] = words;
  const tests = [`[ "$skein_first" = ${plain(first)} ]`];
  if (second !== undefined) tests.push(`[ "$skein_second" = ${plain(second)} ]`);
  // They give back to their command what start.sh takes out of the environment.
  const given = COMMANDS_THAT_START_OTHERS.includes(words.join(" ")) ? OUTER_ENVIRONMENT : [];
  const granted = flags.map((flag) =>
    flag.startsWith("--allow-env=") ? [flag, ...given].join(",") : flag
  );
  return [`${tests.join(" && ")} && skein_flags="${granted.map(plain).join(" ")}"`];
}

/** @throws {Error} where a shell would take the word for something else */
function plain(word: string): string {
  if (PLAIN_WORD.test(word)) return word;
  throw new Error(`this cannot stand in a shell script: ${JSON.stringify(word)}`);
}
