/**
 * From what the operator said to a `Config`: flag over environment over file over default. Everything wrong is
 * found in one go and refused together. Pure: files, environment and host name are handed in.
 */
import { resolve } from "./resolve.ts";
import { type Config, ConfigError, type ConfigProblem } from "./config.ts";
import type { Setting } from "./setting.ts";
import { readNamedFile, type SettingSources, type Sources } from "./sources.ts";
import { SETTING_ROWS, type SettingName, SETTINGS, type SettingValues } from "./settings.ts";

/** A setting as it was found, before it is understood. */
interface Found {
  readonly text: string;
  /** Completes "from …" in a refusal. */
  readonly origin: string;
  readonly format: Setting<unknown>["format"];
}

/** @throws {ConfigError} naming each setting that cannot be used, its value, and what is allowed */
export function loadConfig(sources: Sources): Config {
  const { config, problems } = examineConfig(sources);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** A configuration as far as it can be used. */
export interface Examined {
  /** Where a setting is refused its default stands here; nothing may be started with it then. */
  readonly config: Config;
  /** One for each setting that cannot be used; none: `loadConfig` would take it. */
  readonly problems: readonly ConfigProblem[];
}

/** As `loadConfig`, for whoever looks for what else is wrong. */
export function examineConfig(sources: Sources): Examined {
  const problems: ConfigProblem[] = [];
  const file = readConfigFile(sources, problems);
  const values: Record<string, unknown> = {};
  for (const [name, setting] of SETTING_ROWS) {
    values[name] = valueOf(setting, file, sources, problems);
  }
  const config = resolve(values as SettingValues, sources, problems);
  return { config, problems };
}

/**
 * A few settings, for whoever needs no whole configuration: what is wrong with others does not matter.
 * @throws {ConfigError} where one of these cannot be used, or the configuration file
 */
export function loadSettings<const Name extends SettingName>(
  names: readonly Name[],
  sources: SettingSources,
): Pick<SettingValues, Name> {
  const problems: ConfigProblem[] = [];
  const file = readConfigFile(sources, problems);
  const values = names.map((name) => [name, valueOf(SETTINGS[name], file, sources, problems)]);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(values) as Pick<SettingValues, Name>;
}

function valueOf(
  setting: Setting<unknown>,
  file: Readonly<Record<string, unknown>>,
  sources: SettingSources,
  problems: ConfigProblem[],
): unknown {
  let found: Found | null;
  try {
    found = find(setting, file, sources);
  } catch (error) {
    problems.push({ setting: `--${setting.flag}`, message: (error as Error).message });
    return defaultOf(setting);
  }
  if (found === null) return defaultOf(setting);
  const value = found.format.parse(found.text.trim());
  if (value === null) {
    const shown = setting.secret ? "the value" : JSON.stringify(found.text);
    const message = `--${setting.flag}: cannot use ${shown} from ${found.origin}; ` +
      `allowed: ${found.format.allowed}`;
    problems.push({ setting: `--${setting.flag}`, message });
    return defaultOf(setting);
  }
  return value;
}

function defaultOf({ default: written, format }: Setting<unknown>): unknown {
  return written === null ? null : format.parse(written);
}

/** @throws {Error} when a file that the environment names cannot be read, or a JSON value has no text */
function find(
  setting: Setting<unknown>,
  file: Readonly<Record<string, unknown>>,
  { flags, environment, readFile }: SettingSources,
): Found | null {
  const { flag, format } = setting;
  const given = flags[flag];
  if (given !== undefined) {
    const text = typeof given === "object" ? given.join(",") : String(given);
    return { text, origin: `the flag --${flag}`, format };
  }
  for (const { name, format: own = format, readsFile = false } of setting.environment) {
    const text = environment[name];
    if (text === undefined || text === "") continue;
    if (!readsFile) return { text, origin: `the environment variable ${name}`, format: own };
    const content = readNamedFile(readFile, text, `--${flag}`, `named by ${name}`);
    return { text: content, origin: `the file ${text} (${name})`, format: own };
  }
  const group = setting.environmentGroup;
  if (group?.names.some((name) => environment[name])) {
    const text = group.combine(group.names.map((name) => environment[name] || undefined));
    return { text, origin: `the environment variables ${group.names.join(" and ")}`, format };
  }
  if (Object.hasOwn(file, flag)) {
    return { text: textOfJson(setting, file[flag]), origin: "the configuration file", format };
  }
  return null;
}

function textOfJson({ flag }: Setting<unknown>, value: unknown): string {
  const parts = Array.isArray(value) ? value : [value];
  if (parts.some((part) => !["string", "number", "boolean"].includes(typeof part))) {
    throw new Error(
      `--${flag}: cannot use ${JSON.stringify(value)} from the configuration file; ` +
        "allowed: a string, a number, true, false, or a list of them",
    );
  }
  return parts.join(",");
}

function readConfigFile(
  sources: SettingSources,
  problems: ConfigProblem[],
): Readonly<Record<string, unknown>> {
  try {
    const found = find(SETTINGS.config, {}, sources);
    if (found === null) return {};
    const text = readNamedFile(sources.readFile, found.text, "--config", `from ${found.origin}`);
    const content = parseObject(found.text, text);
    const known = new Set(SETTING_ROWS.map(([, { flag }]) => flag).filter((f) => f !== "config"));
    for (const key of Object.keys(content)) {
      if (known.has(key)) continue;
      const message = `--config: cannot use the key ${JSON.stringify(key)} in ${found.text}; ` +
        `allowed: ${[...known].join(", ")}`;
      problems.push({ setting: key, message });
    }
    return content;
  } catch (error) {
    problems.push({ setting: "--config", message: (error as Error).message });
    return {};
  }
}

function parseObject(path: string, text: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error(`--config: cannot read ${path}: ${(error as Error).message}; allowed: JSON`);
  }
  if (typeof content === "object" && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>;
  }
  throw new Error(`--config: cannot use what ${path} holds; allowed: one JSON object`);
}
