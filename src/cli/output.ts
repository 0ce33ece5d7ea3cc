/**
 * What a command prints when it succeeds: one JSON document for scripts, or text for people. Tables come from
 * cli-table3, loaded when the first one is drawn.
 */
export const JSON_FLAG = "--json";
export const JSON_HELP = "print one JSON document for scripts";

/**
 * Prints the answer of a command, in the form that was asked for.
 * @param document for scripts; its fields are named as in HTTP's answers
 * @param text for people
 */
export function print(json: boolean | undefined, document: object, text: () => string): void {
  printWire(json, snakeCased(document), text);
}

/** As `print`, of a document that has the fields of HTTP's answers already. */
export function printWire(json: boolean | undefined, document: unknown, text: () => string): void {
  console.log(json ? JSON.stringify(document) : text());
}

/** One document as a line. @param document its fields are named as in HTTP's answers */
export function documentText(document: object): string {
  return JSON.stringify(snakeCased(document));
}

/** The same value with its fields in the way of our JSON: `fencingToken` → `fencing_token`. */
function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => {
    const wireName = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return [wireName, snakeCased(field)];
  });
  return Object.fromEntries(fields);
}

/** A table without lines, as people pipe it into other programs. */
export async function table(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const plain = new Table({
    head: heads.map((head) => head.toUpperCase()),
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 2 },
    chars: {
      "top": "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      "bottom": "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      "left": "",
      "left-mid": "",
      "mid": "",
      "mid-mid": "",
      "right": "",
      "right-mid": "",
      "middle": "",
    },
  });
  for (const row of rows) plain.push(row.map(String));
  return plain.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}

/** The part of a command's help that shows how it is called. */
export function examples(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? "s" : ""}:\n${
    lines.map((line) => `  $ ${line}`).join("\n")
  }`;
}
