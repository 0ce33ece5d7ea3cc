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
  /** Where nobody names it; null: none. */
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
    // The name that is its last part may be the host's; all peers' data lies side by side.
    default: row === SETTINGS.data ? "./skein-data" : row.default,
  }, ...files];
});

const PATHS: Readonly<Record<string, readonly LaunchPath[]>> = {
  "run": SETTING_PATHS,
  "cluster": [
    { ...NOWHERE, option: "--data", access: "write", default: "./skein-data/cluster" },
    { ...NOWHERE, environment: ["TOKEN_FILE"], access: "read" },
  ],
  "log check": [{ ...NOWHERE, argument: 0, access: "write" }],
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
    environment: SETTINGS.config.environment.map(({ name }) => name),
  },
};
