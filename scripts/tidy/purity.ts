/**
 * Purity: what reaches for the clock, chance, timers, the console, Deno or the machine's I/O, and which files
 * may. Two tables. EDGES lists the files that are the edge, and what each may touch; every other file of
 * src/ may touch none of it. PURE lists where protocol logic lives: these files, and all that they
 * import to run, must give equal results for equal arguments, so for them no edge counts, and of
 * packages and built-ins they may use only what computes.
 */
import type { Token } from "./tokens.ts";
import type { Problem, SourceFile, SourceTree } from "./source_tree.ts";

type Effect = "clock" | "chance" | "timer" | "console" | "deno" | "io" | "microtask";

const EVERYTHING: readonly Effect[] = [
  "clock",
  "chance",
  "timer",
  "console",
  "deno",
  "io",
  "microtask",
];

/** The first row whose path begins the file's counts. */
const EDGES: readonly { readonly path: string; readonly may: readonly Effect[] }[] = [
  { path: "src/main.ts", may: EVERYTHING },
  { path: "src/cli/", may: EVERYTHING },
  { path: "src/peer/", may: EVERYTHING },
  { path: "src/client/", may: ["clock", "chance", "timer", "io"] },
  { path: "src/http/network_listener.ts", may: ["io"] },
  { path: "src/http/loopback_listener.ts", may: ["deno"] },
  { path: "src/http/relay_listener.ts", may: ["deno"] },
  { path: "src/http/relay.ts", may: ["deno"] },
  { path: "src/http/tls.ts", may: ["deno"] },
  { path: "src/http/metrics.ts", may: ["deno", "io"] },
  {
    path: "src/storage/log/deno_file_system.ts",
    may: ["deno", "io", "clock", "chance", "timer"],
  },
  { path: "src/net/", may: ["io", "microtask"] },
  { path: "src/discovery/", may: ["io"] },
  {
    path: "src/udx/deno_runtime.ts",
    may: ["deno", "io", "clock", "timer", "microtask"],
  },
  { path: "src/udx/address.ts", may: ["io"] },
  { path: "src/", may: ["microtask"] },
];

const PURE: readonly RegExp[] = [
  /^src\/(?:raft|ring|codec|config)\//,
  /^src\/(?:\w+\/)*(?:\w+_)?machine\.ts$/,
  /^src\/members\/(?:formation|former|decide|expect|plan|steward|wanted)\.ts$/,
  /^src\/net\/failure_detector\.ts$/,
  /^src\/cache\/protocol\.ts$/,
  /^src\/udx\/protocol\//,
];

/** What pure files may import beside files: `*` or the names that only compute. */
const PURE_PACKAGES: ReadonlyMap<string, readonly string[]> = new Map([
  ["@msgpack/msgpack", ["*"]],
  ["node:buffer", ["*"]],
  ["node:assert", ["*"]],
  ["node:zlib", ["crc32"]],
  ["node:crypto", ["createHash", "hash", "timingSafeEqual"]],
]);

/** Built-ins that reach outside the program; the rest only compute. */
const IO_MODULES =
  /^node:(?:fs|net|tls|dgram|dns|http|https|http2|os|process|child_process|cluster|worker_threads|readline|repl|tty|timers|perf_hooks|inspector|v8|vm)(?:\/|$)/;

/** A name alone that is an effect, wherever it is not a property. */
const GLOBALS: ReadonlyMap<string, Effect> = new Map([
  ["setTimeout", "timer"],
  ["setInterval", "timer"],
  ["setImmediate", "timer"],
  ["queueMicrotask", "microtask"],
  ["console", "console"],
  ["Deno", "deno"],
  ["process", "deno"],
  ["fetch", "io"],
  ["WebSocket", "io"],
  ["crypto", "chance"],
]);

/** A property of a global that is an effect. */
const PROPERTIES: ReadonlyMap<string, Effect> = new Map([
  ["Date.now", "clock"],
  ["performance.now", "clock"],
  ["performance.timeOrigin", "clock"],
  ["Math.random", "chance"],
  ["AbortSignal.timeout", "timer"],
]);

interface Use {
  readonly effect: Effect;
  readonly what: string;
  readonly line: number;
}

export function checkPurity(tree: SourceTree): Problem[] {
  const problems: Problem[] = [];
  const pure = pureClosure(tree);
  for (const file of tree.files.values()) {
    const { path } = file;
    if (!path.startsWith("src/")) continue;
    const because = pure.get(path);
    const may = because === undefined ? allowedAt(path) : [];
    const why = because === undefined
      ? "this file is no edge"
      : because === path
      ? "this file is pure"
      : `${because}, which is pure, needs this file`;
    for (const { effect, what, line } of findUses(file)) {
      if (!may.includes(effect)) problems.push({ path, line, message: `${what}: ${why}` });
    }
    if (because === undefined) continue;
    for (const { specifier, path: target, typeOnly, names, line } of file.imports) {
      if (target !== null || typeOnly || IO_MODULES.test(specifier)) continue;
      const allowed = PURE_PACKAGES.get(specifier) ?? [];
      if (allowed.includes("*") || names.every((name) => allowed.includes(name))) continue;
      problems.push({ path, line, message: `imports ${specifier}: ${why}` });
    }
  }
  return problems;
}

function allowedAt(path: string): readonly Effect[] {
  return EDGES.find((edge) => path.startsWith(edge.path))?.may ?? [];
}

/** Every file that must be pure → the file that is the reason, itself where the table names it. */
function pureClosure(tree: SourceTree): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const path of tree.files.keys()) {
    if (PURE.some((pattern) => pattern.test(path))) reasons.set(path, path);
  }
  for (const [path] of reasons) {
    for (const { path: target, typeOnly } of tree.files.get(path)!.imports) {
      if (target === null || typeOnly || !tree.files.has(target) || reasons.has(target)) continue;
      reasons.set(target, path);
    }
  }
  return reasons;
}

function findUses({ tokens, imports }: SourceFile): Use[] {
  const code = tokens.filter(({ kind }) => kind !== "comment");
  const uses: Use[] = [];
  for (const { specifier, typeOnly, line } of imports) {
    if (IO_MODULES.test(specifier) && !typeOnly) {
      uses.push({ effect: "io", what: `imports ${specifier}`, line });
    }
  }
  const shadowed = new Set(
    code.filter((_, at) => declares(code, at)).map(({ text }) => text),
  );
  for (let at = 0; at < code.length; at++) {
    const { kind, text, line } = code[at]!;
    if (kind !== "name" || !isReference(code, at) || shadowed.has(text)) continue;
    const property = code[at + 1]?.text === "." ? `${text}.${code[at + 2]?.text}` : "";
    const effect = GLOBALS.get(text) ?? PROPERTIES.get(property);
    if (effect !== undefined) {
      uses.push({ effect, what: GLOBALS.has(text) ? text : property, line });
    } else if (text === "Date" && readsClock(code, at)) {
      uses.push({ effect: "clock", what: "Date without an argument", line });
    }
  }
  return uses;
}

/** `new Date()`, `new Date` and `Date()` read the clock; `new Date(ms)` only formats. */
function readsClock(code: readonly Token[], at: number): boolean {
  const called = code[at + 1]?.text === "(";
  if (called) return code[at + 2]?.text === ")";
  return code[at - 1]?.text === "new";
}

/** Names common enough that a file may have its own, which then was handed in. */
const SHADOWED: ReadonlySet<string> = new Set(["fetch", "process", "crypto"]);

/** Whether a variable or a parameter of a common name is declared here. */
function declares(code: readonly Token[], at: number): boolean {
  if (!SHADOWED.has(code[at]!.text)) return false;
  const before = code[at - 1]?.text ?? "";
  if (["const", "let", "function"].includes(before)) return true;
  return "(,".includes(before) && code[at + 1]?.text === ":";
}

/** Whether the name stands for a variable: no property behind a dot, no key, no member that is declared. */
function isReference(code: readonly Token[], at: number): boolean {
  const before = code[at - 1]?.text;
  const after = code[at + 1]?.text;
  if (before === "." && ![".", "globalThis"].includes(code[at - 2]?.text ?? "")) return false;
  if (after === ":" || (after === "?" && code[at + 2]?.text === ":")) {
    return !["{", ",", ";", "(", "readonly"].includes(before ?? "{");
  }
  return true;
}
