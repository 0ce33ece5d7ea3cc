/**
 * The files that the rules look at, read once: text, tokens and imports of each TypeScript file. A tree
 * can come from disk or from a test's own map, so that every rule is tested on planted violations.
 */
import { type Token, tokenize } from "./tokens.ts";

/** One thing that is not as it must be. */
export interface Problem {
  readonly path: string;
  /** 0 where the whole file is meant. */
  readonly line: number;
  readonly message: string;
}

export interface Import {
  /** As written: `./raft.ts`, `node:fs`, `hono`. */
  readonly specifier: string;
  /** Path in the tree for a relative import, else null. */
  readonly path: string | null;
  /** Erased by the compiler: nothing of it runs. */
  readonly typeOnly: boolean;
  /** Names that are imported, without those that are only types; `*` for a whole module. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly imports: readonly Import[];
}

/** Path → file, for TypeScript; other files are kept by name alone. */
export interface SourceTree {
  readonly files: ReadonlyMap<string, SourceFile>;
  readonly otherPaths: ReadonlySet<string>;
}

/** @param texts path from the project's root, with forward slashes → text */
export function buildTree(texts: ReadonlyMap<string, string>): SourceTree {
  const files = new Map<string, SourceFile>();
  const otherPaths = new Set<string>();
  for (const [path, text] of texts) {
    if (path.endsWith(".ts")) {
      const tokens = tokenize(text);
      files.set(path, { path, text, tokens, imports: findImports(path, tokens) });
    } else otherPaths.add(path);
  }
  return { files, otherPaths };
}

/** Static imports, re-exports and `import("…")` of a literal; all that a file can pull in. */
function findImports(path: string, tokens: readonly Token[]): Import[] {
  const code = tokens.filter(({ kind }) => kind !== "comment");
  const imports: Import[] = [];
  for (let at = 0; at < code.length; at++) {
    const { text, kind, line } = code[at]!;
    if (kind !== "name" || (text !== "import" && text !== "export")) continue;
    if (code[at - 1]?.text === ".") continue;
    const dynamic = code[at + 1]?.text === "(";
    const from = dynamic ? at + 2 : specifierIndex(code, at + 1);
    const specifier = code[from];
    if (specifier?.kind !== "string") continue;
    const clause = dynamic ? [] : code.slice(at + 1, Math.max(at + 1, from - 1));
    imports.push({
      specifier: specifier.text,
      path: resolve(path, specifier.text),
      ...(dynamic ? { typeOnly: false, names: ["*"] } : readClause(clause)),
      line,
    });
  }
  return imports;
}

/** Index of the string that ends an import or re-export, or -1 where it is another statement. */
function specifierIndex(code: readonly Token[], start: number): number {
  if (code[start]?.kind === "string") return start;
  for (let at = start, depth = 0; at < code.length; at++) {
    const { text, kind } = code[at]!;
    if (kind === "punctuation" && text === "{") depth++;
    else if (kind === "punctuation" && text === "}") depth--;
    else if (kind === "punctuation" && text !== "," && text !== "*") return -1;
    else if (depth === 0 && text === "from" && code[at + 1]?.kind === "string") return at + 1;
    else if (kind !== "name" && kind !== "punctuation") return -1;
  }
  return -1;
}

/** What stands between `import` and `from`. */
function readClause(clause: readonly Token[]): Pick<Import, "typeOnly" | "names"> {
  if (clause[0]?.text === "type" && clause.length > 1 && clause[1]!.text !== ",") {
    return { typeOnly: true, names: [] };
  }
  const names: string[] = [];
  let typed = 0;
  for (let at = 0; at < clause.length; at++) {
    const { text, kind } = clause[at]!;
    if (text === "*") names.push("*");
    if (kind !== "name" || text === "as" || clause[at - 1]?.text === "as") continue;
    if (text === "type" && clause[at + 1]?.kind === "name") {
      typed++;
      at++;
    } else names.push(text);
  }
  return { typeOnly: typed > 0 && names.length === 0, names };
}

function resolve(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
