/**
 * The table of settings as flags of a command, and back: what the command line said, by the flags' own names,
 * as `loadConfig` takes it. What this process knows of its surroundings is handed to the configuration here.
 */
import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { helpText } from "../config/describe.ts";
import type { SettingSources, Sources } from "../config/mod.ts";
import type { Setting } from "../config/setting.ts";
import { SETTING_ROWS } from "../config/settings.ts";
import { notAllowed } from "./not_allowed.ts";

export type Flags = Sources["flags"];

type Row = Setting<unknown>;

/** Adds the flags of the rows that are wanted, under the headings of their sections. */
export function addSettingFlags(command: CommandUnknownOpts, wanted: (row: Row) => boolean): void {
  for (const row of rowsOf(wanted)) command.addOption(optionOf(row));
}

/** @param options what Commander read, by its own names */
export function settingFlags(options: Readonly<Record<string, unknown>>): Flags {
  const flags: Record<string, string | readonly string[] | boolean> = {};
  for (const row of rowsOf(() => true)) {
    const value = options[optionOf(row).attributeName()];
    if (value !== undefined) flags[row.flag] = value as string | readonly string[] | boolean;
  }
  return flags;
}

/** The sources of this process: its environment, its files, its host's name. */
export function processSources(flags: Flags): Sources {
  return {
    ...settingSources(flags),
    hostName: Deno.hostname(),
    terminal: Deno.stderr.isTerminal(),
  };
}

/** The same for who needs single settings, and may not ask for the host's name. */
export function settingSources(flags: Flags): SettingSources {
  return { flags, environment: Deno.env.toObject(), readFile };
}

/** @throws {Error} whose message says in words that people can act on why it cannot be read */
function readFile(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new Error(notAllowed(error) ?? (error as Error).message, { cause: error });
  }
}

function rowsOf(wanted: (row: Row) => boolean): Row[] {
  return SETTING_ROWS.map(([, row]) => row).filter(wanted);
}

function optionOf(row: Row): Option {
  const value = row.placeholder === "" ? "" : " <value>";
  const option = new Option(`--${row.flag}${value}`, helpText(row)).helpGroup(`${row.section}:`);
  if (row.repeatable) {
    option.argParser((text, before: readonly string[] | undefined) => [...before ?? [], text]);
  }
  // As people know the flag; Commander would take the brackets of [HOST:]PORT for its own.
  if (row.placeholder !== "") option.flags = `--${row.flag} ${row.placeholder}`;
  return option;
}
