/**
 * The rules of the house, as a check: direction of imports, purity, shape of files. Prints each problem
 * as `path:line: message` and exits with 1 when there is one. The rules are in tidy/, a table each.
 */
import { checkErasable } from "./tidy/erasable.ts";
import { checkLayers } from "./tidy/layers.ts";
import { checkPurity } from "./tidy/purity.ts";
import { checkShape } from "./tidy/shape.ts";
import { buildTree } from "./tidy/source_tree.ts";

const ROOTS = ["src", "tests", "scripts", "bench"];

const texts = new Map<string, string>();
for (const root of ROOTS) await readInto(root);
const tree = buildTree(texts);
const checks = [checkLayers, checkPurity, checkShape, checkErasable];
const problems = checks.flatMap((check) => check(tree));
for (const { path, line, message } of problems) {
  console.error(line > 0 ? `${path}:${line}: ${message}` : `${path}: ${message}`);
}
console.log(`tidy: ${tree.files.size} files, ${problems.length} problems`);
if (problems.length > 0) Deno.exit(1);

async function readInto(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (name === "node_modules") continue;
    if (isDirectory) await readInto(path);
    else if (/\.(?:ts|md)$/.test(name)) texts.set(path, await Deno.readTextFile(path));
  }
}
