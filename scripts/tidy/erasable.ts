/**
 * Erasable types: what is shipped to npm is src/ with its types blanked, so that every line and column stays where it
 * is. What TypeScript would have to write code for cannot be in it: parameter properties, enums, namespaces.
 */
import type { Token } from "./tokens.ts";
import type { Problem, SourceTree } from "./source_tree.ts";

/** Where the shipped modules lie: the program, and npm's launcher. */
const SHIPPED = /^(?:src|scripts\/build\/npm_package)\//;
const MODIFIERS: ReadonlySet<string> = new Set(["readonly", "public", "private", "protected"]);
const CODE_WORDS: ReadonlySet<string> = new Set(["enum", "namespace"]);
const OPENING = /^[([{<]$/;
const CLOSING = /^[)\]}>]$/;

export function checkErasable(tree: SourceTree): Problem[] {
  const problems: Problem[] = [];
  for (const { path, tokens } of tree.files.values()) {
    if (!SHIPPED.test(path)) continue;
    const code = tokens.filter(({ kind }) => kind !== "comment");
    code.forEach((token, at) => {
      for (const line of parameterProperties(code, at)) {
        problems.push({ path, line, message: "a parameter property: declare the field" });
      }
      if (isDeclaration(code, at)) {
        problems.push({ path, line: token.line, message: `${token.text} is not erasable` });
      }
    });
  }
  return problems;
}

/** `enum Name {` and `namespace Name {`, and not a thing that goes by such a name. */
function isDeclaration(code: readonly Token[], at: number): boolean {
  return code[at]!.kind === "name" && CODE_WORDS.has(code[at]!.text) &&
    code[at + 1]?.kind === "name" && code[at + 2]?.text === "{";
}

/** Lines of the modifiers before parameters, where a constructor begins at the token. */
function parameterProperties(code: readonly Token[], start: number): number[] {
  const lines: number[] = [];
  if (code[start]!.text !== "constructor" || code[start + 1]?.text !== "(") return lines;
  for (let at = start + 1, depth = 0; at < code.length; at++) {
    const { text, line } = code[at]!;
    // The `>` of an arrow closes nothing.
    if (CLOSING.test(text) && code[at - 1]!.text !== "=" && --depth === 0) return lines;
    if (OPENING.test(text)) depth++;
    const begins = depth === 1 && /^[(,]$/.test(code[at - 1]!.text);
    if (begins && MODIFIERS.has(text) && code[at + 1]?.kind === "name") lines.push(line);
  }
  return lines;
}
