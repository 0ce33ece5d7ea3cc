/**
 * The permission flags that a launcher starts Deno with for one command line. Deno cannot narrow the rights to files
 * once it runs, so whoever starts it looks beforehand at the paths that the command line, the environment and
 * the configuration file name. LAUNCH_TABLE is the same as plain data, for launchers in other languages. Pure: no
 * Deno here, so that Node's launcher may import it.
 */
import { SETTING_ROWS, SETTINGS } from "../config/settings.ts";
import { COMMAND_RIGHTS, fixedFlags, namesOf, NATIVE_CODE_READS } from "./rights.ts";

/** Where a path may stand: first the option (or argument), then the environment, then the file, then the default. */
export interface LaunchPath {
  /** With its dashes, as `--data DIR` or `--data=DIR`, the last one counting; null: no option. */
  readonly option: string | null;
  /** Which of the command's arguments it is, from 0; null: none. */
  readonly argument: number | null;
  /** The first that is set and not empty counts. */
  readonly environment: readonly string[];
  /** Its key in the file of --config; null: it cannot stand there. */
  readonly configKey: string | null;
  /** `write` is read as well. */
  readonly access: "read" | "write";
  /** Where nobody names one; null: none. */
  readonly default: string | null;
}

export interface LaunchCommand {
  /** What the command line begins with, behind an optional `help`. */
  readonly words: readonly string[];
  /** Whatever else stands on the line. */
  readonly flags: readonly string[];
  /** Read in any case, beside the program's folder. */
  readonly reads: readonly string[];
  /** Native code may be loaded from the program's folder: --allow-ffi=FOLDER. */
  readonly ffi: boolean;
  readonly paths: readonly LaunchPath[];
}

export interface LaunchTable {
  /** By the first that fits; a line that fits none gets `other`. */
  readonly commands: readonly LaunchCommand[];
  readonly other: LaunchCommand;
  /** How the file of --config is named. */
  readonly config: Pick<LaunchPath, "option" | "environment">;
}

const CONFIG_ENVIRONMENT = SETTINGS.config.environment.map(({ name }) => name);
const NOWHERE = { option: null, argument: null, environment: [], configKey: null, default: null };

/** Where `skein run` is told of paths. */
const SETTING_PATHS: readonly LaunchPath[] = SETTING_ROWS.flatMap(([, row]) => {
  const files = row.environment.filter(({ readsFile }) => readsFile === true)
    .map(({ name }) => ({ ...NOWHERE, environment: [name], access: "read" as const }));
  if (row.path === undefined) return files;
  return [{
    option: `--${row.flag}`,
    argument: null,
    environment: row.environment.map(({ name }) => name),
    configKey: row === SETTINGS.config ? null : row.flag,
    access: row.path,
    // It is ./skein-data/NAME, and a launcher does not know NAME where that is made of the host's: so the folder above.
    default: row === SETTINGS.data ? "./skein-data" : row.default,
  }, ...files];
});

const PATHS: Readonly<Record<string, readonly LaunchPath[]>> = {
  "run": SETTING_PATHS,
  "cluster": [
    { ...NOWHERE, option: "--data", access: "write", default: "./skein-data/cluster" },
    { ...NOWHERE, environment: ["TOKEN_FILE"], access: "read" },
  ],
  "status": [{ ...NOWHERE, environment: CONFIG_ENVIRONMENT, access: "read" }],
  "events publish": [{ ...NOWHERE, argument: 0, access: "read" }],
  "log check": [{ ...NOWHERE, argument: 0, access: "write" }],
  "log move": [
    { ...NOWHERE, option: "--from", access: "write" },
    { ...NOWHERE, option: "--to", access: "write" },
    ...SETTING_PATHS.filter(({ option, environment }) =>
      option === "--redis-ca" || option === "--config" ||
      environment.includes("CLUSTER_KEY_FILE") || environment.includes("REDIS_URL_FILE")
    ),
  ],
};

export const LAUNCH_TABLE: LaunchTable = {
  commands: Object.entries(COMMAND_RIGHTS).map(([words, rights]) => ({
    words: words.split(" "),
    flags: fixedFlags(namesOf(rights)),
    reads: rights.ffi === undefined ? [] : NATIVE_CODE_READS,
    ffi: rights.ffi !== undefined,
    paths: PATHS[words] ?? [],
  })),
  other: { words: [], flags: fixedFlags([]), reads: [], ffi: false, paths: [] },
  config: {
    option: `--${SETTINGS.config.flag}`,
    environment: CONFIG_ENVIRONMENT,
  },
};

export interface LaunchLine {
  /** What stands behind the program's name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @throws whatever reading throws: the program will read the file again, and say what is wrong with it */
  readonly readFile: (path: string) => string;
  /** The real path of the folder that holds `src/` and `node_modules/`. */
  readonly programFolder: string;
}

/** The permission flags of `deno run` for one command line: what it needs, and nothing else. */
export function launchFlags(line: LaunchLine): string[] {
  const args = line.args[0] === "help" ? line.args.slice(1) : line.args;
  const command =
    LAUNCH_TABLE.commands.find(({ words }) => words.every((word, at) => args[at] === word)) ??
      LAUNCH_TABLE.other;
  const said = readLine(args.slice(command.words.length));
  const file = configFile(said, line);
  const found = command.paths.map((path) => ({ ...path, value: valueOf(path, said, line, file) }));
  const named = found.filter(({ value }) => value !== "");
  const read = [line.programFolder, ...command.reads, ...named.map(({ value }) => value)];
  const written = named.filter(({ access }) => access === "write").map(({ value }) => value);
  return [
    ...command.flags,
    pathFlag("--allow-read", read),
    ...written.length === 0 ? [] : [pathFlag("--allow-write", written)],
    ...command.ffi ? [pathFlag("--allow-ffi", [line.programFolder])] : [],
  ];
}

interface SaidLine {
  /** By option, dashes included; the last one counts. */
  readonly options: ReadonlyMap<string, string>;
  readonly arguments: readonly string[];
}

/** Behind `--` stand arguments alone. An option's value may follow it, so a word may be taken for both. */
function readLine(args: readonly string[]): SaidLine {
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  const options = new Map<string, string>();
  own.forEach((word, at) => {
    if (!word.startsWith("--")) return;
    const [option = "", ...value] = word.split("=");
    options.set(option, value.length > 0 ? value.join("=") : own[at + 1] ?? "");
  });
  const others = own.filter((word) => !word.startsWith("-"));
  return { options, arguments: end < 0 ? others : [...others, ...args.slice(end + 1)] };
}

function configFile(said: SaidLine, line: LaunchLine): Readonly<Record<string, unknown>> {
  const path = spoken(LAUNCH_TABLE.config, said, line);
  if (path === undefined) return {};
  try {
    const content: unknown = JSON.parse(line.readFile(path));
    return typeof content === "object" && content !== null ? { ...content } : {};
  } catch {
    return {};
  }
}

/** What the option or the environment says. */
function spoken(
  { option, environment }: Pick<LaunchPath, "option" | "environment">,
  said: SaidLine,
  line: LaunchLine,
): string | undefined {
  const given = option === null ? undefined : said.options.get(option);
  if (given !== undefined) return given;
  return environment.map((name) => line.environment[name]).find((value) => value);
}

/** @returns "" where nobody names one */
function valueOf(
  path: LaunchPath,
  said: SaidLine,
  line: LaunchLine,
  file: Readonly<Record<string, unknown>>,
): string {
  const { argument, configKey } = path;
  const given = argument === null ? spoken(path, said, line) : said.arguments[argument];
  if (given !== undefined) return given.trim();
  const inFile = configKey !== null && Object.hasOwn(file, configKey) ? file[configKey] : null;
  const isText = typeof inFile === "string" || typeof inFile === "number";
  return String(isText ? inFile : path.default ?? "").trim();
}

function pathFlag(flag: string, paths: readonly string[]): string {
  return `${flag}=${[...new Set(paths.map(withoutComma))].join(",")}`;
}

/**
 * Deno separates paths by commas, and its escape for one that is part of a path does not work in Deno 2.9: the
 * folder that lies above the comma is allowed in its place.
 */
function withoutComma(path: string): string {
  if (!path.includes(",")) return path;
  const [before = ""] = path.split(",");
  const folder = before.replace(/[^\\/]*$/, "");
  return folder === "" ? "." : folder;
}
