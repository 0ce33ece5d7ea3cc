/**
 * The direction of imports: the one table of what lies above what. A file may import from its own folder and
 * from every row below its own; folders of one row do not know each other. The client runs in users'
 * programs, so of the peer it may know types alone. Nothing in src/ imports from outside src/.
 */
import type { Problem, SourceTree } from "./source_tree.ts";

/** From top to bottom. `contracts` are the files that lie in src/ itself, beside main.ts. */
const ROWS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["cli"],
  ["http", "client"],
  ["console"],
  ["peer"],
  ["placement"],
  ["members", "locks", "queue", "cache", "events", "config"],
  ["groups"],
  ["storage", "net", "discovery"],
  ["raft", "udx"],
  ["ring", "codec"],
  ["contracts"],
];

/** Folders that may take only types from other folders (the contracts excepted). */
const TYPES_ONLY: ReadonlySet<string> = new Set(["client"]);

const ROW_OF: ReadonlyMap<string, number> = new Map(
  ROWS.flatMap((folders, row) => folders.map((folder) => [folder, row] as const)),
);

/** The folder of the table that a file of src/ belongs to. */
function folderOf(path: string): string {
  const [, folder = "", inside] = path.split("/");
  return inside !== undefined || folder === "main.ts" ? folder : "contracts";
}

export function checkLayers(tree: SourceTree): Problem[] {
  const problems: Problem[] = [];
  for (const { path, imports } of tree.files.values()) {
    if (!path.startsWith("src/")) continue;
    const from = folderOf(path);
    if (!ROW_OF.has(from)) {
      problems.push({ path, line: 0, message: `the folder src/${from} has no row in the layers` });
      continue;
    }
    for (const { path: target, typeOnly, line } of imports) {
      if (target === null) continue;
      const reason = refusal(from, target, typeOnly);
      if (reason !== null) problems.push({ path, line, message: reason });
    }
  }
  return problems;
}

function refusal(from: string, target: string, typeOnly: boolean): string | null {
  if (!target.startsWith("src/")) return `imports ${target}, which lies outside src/`;
  const to = folderOf(target);
  if (to === from) return null;
  const toRow = ROW_OF.get(to);
  if (toRow === undefined) return `imports ${target}, whose folder has no row in the layers`;
  if (toRow <= ROW_OF.get(from)!) return `imports ${target}: ${from} does not lie above ${to}`;
  if (TYPES_ONLY.has(from) && !typeOnly && to !== "contracts") {
    return `imports ${target}: ${from} may take only types from ${to}`;
  }
  return null;
}
