/**
 * What a row of the table of settings says: by which names a setting goes, how it is written, what it is
 * when nobody says anything, and what people are told of it.
 */
import type { Format } from "./formats.ts";

/** An environment name, where its value is not simply the flag's. */
export interface EnvironmentName<T> {
  readonly name: string;
  /** How this name's value is written, where that differs from the flag. */
  readonly format?: Format<T>;
  /** The value is the path of a file whose content, less the last line feed, is the setting. */
  readonly readsFile?: boolean;
}

/** Names that give one value together, such as host and port. Unset ones are undefined. */
export interface EnvironmentGroup {
  readonly names: readonly string[];
  combine(values: readonly (string | undefined)[]): string;
}

export interface Setting<T> {
  readonly section: "Peer" | "HTTP" | "Cluster" | "Storage" | "Raft" | "Services" | "Logging";
  /** Without the dashes; the key in the configuration file is the same. */
  readonly flag: string;
  /** What the help shows behind the flag; "" for a switch. */
  readonly placeholder: string;
  /** The first one that is set and not empty counts. */
  readonly environment: readonly EnvironmentName<T>[];
  readonly environmentGroup?: EnvironmentGroup;
  readonly format: Format<T>;
  /** Written as a person would; null where none, or where it is derived. */
  readonly default: string | null;
  /** What the documentation says in place of the default. */
  readonly defaultText?: string;
  /** May be given several times, or as a list. */
  readonly repeatable?: boolean;
  /** Never shown, not even in a refusal. */
  readonly secret?: boolean;
  /** Its value is a path: of what is read, or of what is read and written. */
  readonly path?: "read" | "write";
  /** `skein cluster` takes it too and hands it to each of its peers. */
  readonly shared?: boolean;
  readonly help: string;
}

/** Lets a row's type follow from its format. */
export function setting<const T>(row: Setting<T>): Setting<T> {
  return row;
}
