/**
 * Runs the transcripts in `scenarios/`. A file is read top to bottom: `#` begins a comment, `> ` a command
 * (see `scenario.ts`), and the indented lines under a command are what it must lead to. `UPDATE=1`, or
 * `-- --update`, rewrites the indented lines as they are now; then review the difference.
 */
import { strict as assert } from "node:assert";
import { Scenario } from "./scenario.ts";

const FOLDER = new URL("./scenarios/", import.meta.url);
const UPDATE = Deno.env.get("UPDATE") === "1" || Deno.args.includes("--update");

/** The text of the file as it is when the commands are carried out now. */
function rerun(text: string): string {
  const scenario = new Scenario();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("  ")) continue;
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    try {
      for (const output of scenario.run(line.slice(2).trim())) lines.push(`  ${output}`);
    } catch (error) {
      throw new Error(`the command failed: ${line}`, { cause: error });
    }
  }
  return lines.join("\n");
}

const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) =>
  name.endsWith(".txt")
).sort();

for (const name of names) {
  Deno.test(`scenario ${name.replace(".txt", "").replaceAll("_", " ")}`, () => {
    const file = new URL(name, FOLDER);
    const expected = Deno.readTextFileSync(file);
    const actual = rerun(expected);
    if (UPDATE) Deno.writeTextFileSync(file, actual);
    else assert.equal(actual, expected);
  });
}

Deno.test("there are scenarios", () => assert.ok(names.length >= 12, `only ${names.length}`));
