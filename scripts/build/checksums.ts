/**
 * `SHA256SUMS`: what each file of a directory must hash to, in the format of sha256sum, in order of the files' names.
 * Each build writes its own line and leaves the others, but for those whose files are gone.
 */
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { replaceFile } from "./replace_file.ts";

const LIST = "SHA256SUMS";

/**
 * Writes or replaces the line of a file in the list beside it.
 * @param path of a file whose bytes are final
 * @returns its SHA-256, in hex
 */
export async function recordChecksum(path: string): Promise<string> {
  const sum = createHash("sha256").update(await Deno.readFile(path)).digest("hex");
  const listPath = `${dirname(path)}/${LIST}`;
  const name = basename(path);
  const names = new Set([...Deno.readDirSync(dirname(path))].map((entry) => entry.name));
  names.delete(name);
  const others = (await readLines(listPath)).filter((line) => names.has(nameOf(line)));
  const lines = [...others, `${sum}  ${name}`];
  lines.sort((left, right) => nameOf(left) < nameOf(right) ? -1 : 1);
  const text = lines.map((line) => `${line}\n`).join("");
  await replaceFile(listPath, new TextEncoder().encode(text));
  return sum;
}

async function readLines(path: string): Promise<string[]> {
  try {
    return (await Deno.readTextFile(path)).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Behind 64 digits and two blanks. */
function nameOf(line: string): string {
  return line.slice(66);
}
