/**
 * The table of settings in words: the options of `--help`, the table of the README, `scripts/.env.example`.
 * All three come from the same rows, so they cannot say different things. Pure.
 */
import type { Setting } from "./setting.ts";
import { SETTING_ROWS } from "./settings.ts";

const ROWS: readonly Setting<unknown>[] = SETTING_ROWS.map(([, setting]) => setting);

/** Every environment name of a setting, in the order in which they count. */
export function environmentNames(setting: Setting<unknown>): string[] {
  const single = setting.environment.map(({ name }) => name);
  return [...single, ...setting.environmentGroup?.names ?? []];
}

/** What the documentation gives as the default. */
export function defaultText(setting: Setting<unknown>): string {
  return setting.defaultText ?? setting.default ?? "none";
}

/** What `--help` says behind the flag: the help, its default and its names in the environment. */
export function helpText(setting: Setting<unknown>): string {
  const names = environmentNames(setting).join(", ");
  return setting.placeholder === ""
    ? `${setting.help} (env: ${names})`
    : `${setting.help} (default: ${defaultText(setting)}; env: ${names})`;
}

/** Markdown: a table a section, its columns padded as the formatter wants them. */
export function markdownTables(): string {
  return sections().map(([section, rows]) => {
    const cells = rows.map((row) => [
      `\`--${row.flag}${row.placeholder === "" ? "" : ` ${row.placeholder}`}\``,
      environmentNames(row).map((name) => `\`${name}\``).join(", "),
      defaultText(row),
      row.help,
    ]);
    return `**${section}**\n\n${
      markdownTable(["flag", "environment", "default", "what it does"], cells)
    }`;
  }).join("\n\n");
}

/** A table as the formatter would leave it. */
export function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)]
    .join("\n");
}

/** The text of `scripts/.env.example`: every name, commented out, with what it means. */
export function environmentExample(): string {
  const blocks = sections().map(([section, rows]) =>
    [
      `# --- ${section} ---`,
      ...rows.flatMap((row) => [
        "",
        `# ${row.help} (--${row.flag})`,
        `# default: ${defaultText(row)}; allowed: ${row.format.allowed}`,
        ...environmentNames(row).map((name) => `# ${name}=${exampleValue(row, name)}`),
      ]),
    ].join("\n")
  );
  return [
    "# Settings of a peer, for `docker run --env-file` and the like: remove the # in front of a name to set it.",
    "# Written by scripts/document.ts from the one table in src/config/settings.ts.",
    "",
    ...blocks.flatMap((block) => [block, ""]),
  ].join("\n");
}

function exampleValue(row: Setting<unknown>, name: string): string {
  const group = row.environmentGroup;
  if (group === undefined || row.default === null) return row.default ?? "";
  return row.default.split(",")[group.names.indexOf(name)] ?? "";
}

/** Rows by section, in the order in which the sections first appear. */
function sections(): [string, Setting<unknown>[]][] {
  return [...Map.groupBy(ROWS, ({ section }) => section)];
}
