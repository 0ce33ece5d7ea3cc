/**
 * The shape of files: their length, their names, the comment that each begins with, the README of each
 * folder, and nothing left to be done later. Style.md has the reasons.
 */
import type { Problem, SourceFile, SourceTree } from "./source_tree.ts";

const LINES_MAX = 400;
const HEADER_LINES_MIN = 3;
const HEADER_LINES_MAX = 14;
const FILE_NAME = /^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.d)?\.ts$/;
/** Names of files that end as a heap of everything. */
const HEAPS: ReadonlySet<string> = new Set([
  "utils.ts",
  "util.ts",
  "helpers.ts",
  "helper.ts",
  "types.ts",
  "common.ts",
  "misc.ts",
]);
const LEFT_FOR_LATER = /\b(?:TODO|FIXME|XXX|HACK)\b/;

export function checkShape(tree: SourceTree): Problem[] {
  const problems: Problem[] = [];
  for (const file of tree.files.values()) {
    const report = (message: string, line = 0) => problems.push({ path: file.path, line, message });
    const lineCount = file.text.trimEnd().split("\n").length;
    if (lineCount > LINES_MAX) report(`${lineCount} lines; at most ${LINES_MAX}`);

    const name = file.path.split("/").at(-1)!;
    if (!FILE_NAME.test(name)) report("the file's name is not snake_case");
    if (HEAPS.has(name)) report(`${name} says nothing: name the file after its one idea`);

    if (file.path.startsWith("src/")) {
      const complaint = headerComplaint(file);
      if (complaint !== null) report(complaint);
    }
    for (const { kind, text, line } of file.tokens) {
      if (kind !== "comment") continue;
      const mark = LEFT_FOR_LATER.exec(text);
      if (mark !== null) report(`${mark[0]} in a comment: do it, or leave it out`, line);
    }
  }
  for (const folder of foldersOfSource(tree)) {
    const path = `${folder}/README.md`;
    if (!tree.otherPaths.has(path)) {
      problems.push({
        path,
        line: 0,
        message: "missing: each folder of src/ says what lives in it",
      });
    }
  }
  return problems;
}

function headerComplaint({ tokens }: SourceFile): string | null {
  const [first] = tokens;
  if (first?.kind !== "comment" || !first.text.startsWith("/**")) {
    return "does not begin with a comment that says what it owns";
  }
  const lines = first.text.split("\n").length;
  return lines < HEADER_LINES_MIN || lines > HEADER_LINES_MAX
    ? `its first comment has ${lines} lines; ${HEADER_LINES_MIN} to ${HEADER_LINES_MAX} are right`
    : null;
}

function foldersOfSource(tree: SourceTree): Set<string> {
  const folders = new Set<string>();
  for (const path of tree.files.keys()) {
    const [root, folder, inside] = path.split("/");
    if (root === "src" && inside !== undefined) folders.add(`src/${folder}`);
  }
  return folders;
}
