/** Collects the transitions that happen, and renders them as the tables of `src/cache/transitions.md`. */
import type { Entry } from "../../src/cache/directory_entry.ts";
import type { Line } from "../../src/cache/line.ts";
import type { Observer } from "./model_world.ts";
import {
  entryEffectName,
  entryEventName,
  entryName,
  lineEffectName,
  lineEventName,
  lineName,
} from "./line_names.ts";

/** State, event, next state → what is caused. */
type Rows = Map<string, Set<string>>;

export class TransitionTable implements Observer {
  readonly #lines: Rows = new Map();
  readonly #entries: Rows = new Map();

  line(...[before, event, after, effects]: Parameters<Observer["line"]>): void {
    if (effects.length === 0 && same(before, after)) return;
    const names = effects.map(lineEffectName).filter((name) => name !== null);
    add(this.#lines, [lineName(before), lineEventName(event), lineName(after)], names);
  }

  entry(...[before, event, after, effects]: Parameters<Observer["entry"]>): void {
    if (effects.length === 0 && same(before, after)) return;
    add(
      this.#entries,
      [entryName(before), entryEventName(event), entryName(after)],
      effects.map(entryEffectName),
    );
  }

  /** @returns two tables, in order of their states */
  render(): string {
    return [
      "## The line at a peer",
      "",
      ...table(this.#lines),
      "",
      "## The entry at the home",
      "",
      ...table(this.#entries),
      "",
    ].join("\n");
  }
}

function same(before: Line | Entry, after: Line | Entry): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

const SEPARATOR = " | ";

function add(rows: Rows, key: readonly string[], effects: readonly string[]): void {
  const text = key.join(SEPARATOR);
  const found = rows.get(text) ?? new Set();
  for (const effect of effects) found.add(effect);
  rows.set(text, found);
}

/** In a block of code, where no formatter moves columns. */
function table(rows: Rows): string[] {
  const cells = [...rows].map(([key, effects]) => {
    return [...key.split(SEPARATOR), [...effects].sort().join("; ")];
  });
  cells.sort((left, right) => left.join() < right.join() ? -1 : 1);
  const all = [["state", "event", "next", "may cause"], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => [...row[column]!].length)));
  const lines = all.map((row) => {
    return row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  });
  return ["```text", ...lines, "```"];
}
