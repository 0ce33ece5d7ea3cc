/**
 * Writes what is printed from the table of settings: scripts/.env.example, and in README.md what stands
 * between the two markers. Run it after a change of src/config/settings.ts; a test compares.
 */
import { environmentExample, markdownTables } from "../src/config/describe.ts";

export const EXAMPLE_PATH = "scripts/.env.example";
export const README_PATH = "README.md";
const BEGIN = "<!-- settings: written by scripts/document.ts -->";
const END = "<!-- end of settings -->";

/** @returns the text with the tables between its markers; as it is where it has none */
export function withSettings(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) return readme;
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${markdownTables()}\n\n${readme.slice(end)}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(EXAMPLE_PATH, environmentExample());
  await Deno.writeTextFile(README_PATH, withSettings(await Deno.readTextFile(README_PATH)));
}
