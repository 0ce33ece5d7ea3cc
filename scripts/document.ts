/**
 * Writes what is printed from the tables of settings and of rights: scripts/.env.example, and in README.md what stands
 * between its markers. Run it after a change of src/config/settings.ts or src/cli/rights.ts; tests compare.
 */
import { environmentExample, markdownTables } from "../src/config/describe.ts";
import { rightsTables } from "./rights_tables.ts";

export const EXAMPLE_PATH = "scripts/.env.example";
export const README_PATH = "README.md";

/** @returns the text with the tables between its markers; as it is where it has none */
export function withSettings(readme: string): string {
  return between(readme, "settings", markdownTables());
}

/** @returns the text with the tables between its markers; as it is where it has none */
export function withRights(readme: string): string {
  return between(readme, "rights", rightsTables());
}

function between(text: string, what: string, tables: string): string {
  const beginning = `<!-- ${what}: written by scripts/document.ts -->`;
  const begin = text.indexOf(beginning);
  const end = text.indexOf(`<!-- end of ${what} -->`);
  if (begin < 0 || end < begin) return text;
  return `${text.slice(0, begin + beginning.length)}\n\n${tables}\n\n${text.slice(end)}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(EXAMPLE_PATH, environmentExample());
  const readme = await Deno.readTextFile(README_PATH);
  await Deno.writeTextFile(README_PATH, withRights(withSettings(readme)));
}
