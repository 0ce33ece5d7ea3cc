/**
 * The table of rights in words, for the README: what each right is narrowed to and why, and which command has it until
 * when. Commands that have the same share a row.
 */
import { COMMAND_RIGHTS, type Moment, namesOf, RIGHTS, rightsOf } from "../src/cli/rights.ts";
import { markdownTable } from "../src/config/describe.ts";

const UNTIL: Readonly<Record<Moment, string>> = {
  started: "",
  called: "loaded",
  begun: "begun",
  ended: "end",
};

/** Markdown, its columns padded as the formatter wants them. */
export function rightsTables(): string {
  return [
    markdownTable(
      ["right", "narrowed to", "what for"],
      RIGHTS.map(({ name, scope, reason }) => [`\`${name}\``, scope, reason]),
    ),
    markdownTable(["command", ...RIGHTS.map(({ name }) => `\`${name}\``)], commandRows()),
  ].join("\n\n");
}

function commandRows(): string[][] {
  const commands = Object.keys(COMMAND_RIGHTS);
  const alike = Map.groupBy(commands, (command) => cellsOf(command).join("|"));
  return [...alike.values()].map((group) => [
    namesIn(group),
    ...cellsOf(group[0]!),
  ]);
}

/** Those of one first word together: `lock status, ls`. */
function namesIn(commands: readonly string[]): string {
  const byFirst = Map.groupBy(commands, (command) => {
    return command.includes(" ") ? command.slice(0, command.indexOf(" ") + 1) : command;
  });
  const names = [...byFirst].map(([first, group]) =>
    first + group.map((command) => command.slice(first.length)).join(", ")
  );
  return names.map((name) => `\`${name}\``).join(", ");
}

/** Until when, for each right. */
function cellsOf(command: string): string[] {
  const rights = rightsOf(command.split(" "));
  const needed = new Set(namesOf(rights));
  return RIGHTS.map(({ name }) => needed.has(name) ? UNTIL[rights[name]!] : "");
}
