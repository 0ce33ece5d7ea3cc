/**
 * Each rule of tidy fails on a planted violation and lets the right thing pass. The planted sources are
 * strings here, so that this file itself breaks no rule.
 */
import assert from "node:assert/strict";
import { checkErasable } from "../../scripts/tidy/erasable.ts";
import { checkLayers } from "../../scripts/tidy/layers.ts";
import { checkPurity } from "../../scripts/tidy/purity.ts";
import { checkShape } from "../../scripts/tidy/shape.ts";
import { buildTree, type Problem, type SourceTree } from "../../scripts/tidy/source_tree.ts";

const HEADER = "/**\n * What this file owns.\n */\n";

function plant(files: Readonly<Record<string, string>>): SourceTree {
  return buildTree(new Map(Object.entries(files)));
}

function said(problems: readonly Problem[]): string[] {
  return problems.map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

const upward = [
  ["src/raft/log.ts", 'import { open } from "../storage/storage.ts";', /raft does not lie above/],
  ["src/storage/log/a.ts", 'export * from "../../net/frame.ts";', /storage does not lie above net/],
  ["src/locks/a.ts", 'import type { Q } from "../queue/q.ts";', /locks does not lie above queue/],
  ["src/assert.ts", 'import { x } from "./raft/a.ts";', /contracts does not lie above raft/],
  ["src/groups/a.ts", 'const m = await import("../locks/a.ts");', /groups does not lie above/],
  ["src/client/a.ts", 'import { apply } from "../locks/machine.ts";', /may take only types/],
  ["src/client/a.ts", 'import { type A, b } from "../locks/locks.ts";', /may take only types/],
  ["src/peer/a.ts", 'import { x } from "../../tests/fake.ts";', /lies outside src/],
  ["src/novelty/a.ts", "", /src\/novelty has no row/],
] as const;

for (const [path, source, expected] of upward) {
  Deno.test(`layers: refused in ${path}: ${source}`, () => {
    const problems = said(checkLayers(plant({ [path]: source })));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, expected);
  });
}

Deno.test("layers: downward, sideways within a folder, and the client's types pass", () => {
  const tree = plant({
    "src/main.ts": 'await import("./cli/program.ts");',
    "src/locks/service.ts":
      'import { a } from "./machine.ts";\nimport { assert } from "../assert.ts";\nimport type { G } from "../groups/groups.ts";',
    "src/client/client.ts":
      'import { type A, type B } from "../locks/locks.ts";\nexport type { C } from "../members/members.ts";\nimport { SkeinError } from "../errors.ts";',
    "src/raft/raft.ts":
      '// import { x } from "../peer/a.ts";\nconst text = `import "../peer/a.ts"`;',
  });
  assert.deepEqual(said(checkLayers(tree)), []);
});

const impure = [
  ["src/raft/a.ts", "const now = Date.now();", "Date.now"],
  ["src/raft/a.ts", "const text = `${new Date().toISOString()}`;", "Date without an argument"],
  ["src/locks/machine.ts", "const now = performance.now();", "performance.now"],
  ["src/groups/machine.ts", "if (Math.random() < 0.5) stop();", "Math.random"],
  ["src/groups/host.ts", "setTimeout(run, 5);", "setTimeout"],
  ["src/groups/host.ts", "const timers = { setTimeout };", "setTimeout"],
  ["src/groups/host.ts", "globalThis.setInterval(run, 5);", "setInterval"],
  ["src/members/service.ts", 'console.log("x");', "console"],
  ["src/members/service.ts", "await Deno.readFile(path);", "Deno"],
  ["src/members/service.ts", "await fetch(url);", "fetch"],
  [
    "src/groups/host.ts",
    'import { readFile } from "node:fs/promises";',
    "imports node:fs/promises",
  ],
  ["src/raft/a.ts", "queueMicrotask(run);", "queueMicrotask"],
  ["src/raft/a.ts", "crypto.getRandomValues(bytes);", "crypto"],
  ["src/codec/a.ts", 'import { randomBytes } from "node:crypto";', "imports node:crypto"],
  ["src/codec/a.ts", 'import { Hono } from "hono";', "imports hono"],
  ["src/storage/log/a.ts", "const now = Date.now();", "Date.now"],
  ["src/net/a.ts", "const now = Date.now();", "Date.now"],
  ["src/net/failure_detector.ts", 'import { connect } from "node:net";', "imports node:net"],
] as const;

for (const [path, source, what] of impure) {
  Deno.test(`purity: ${what} is found in ${path}: ${source}`, () => {
    const problems = said(checkPurity(plant({ [path]: `// first line\n${source}` })));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.ok(problems[0]!.startsWith(`${path}:2: ${what}: `), problems[0]);
  });
}

Deno.test("purity: what a pure file runs must be pure, however far away", () => {
  const tree = plant({
    "src/locks/machine.ts": 'import { search } from "./graph.ts";',
    "src/locks/graph.ts": 'import { shuffle } from "./shuffle.ts";',
    "src/locks/shuffle.ts": "queueMicrotask(run);",
  });
  assert.deepEqual(said(checkPurity(tree)), [
    "src/locks/shuffle.ts:1: queueMicrotask: src/locks/graph.ts, which is pure, needs this file",
  ]);
});

Deno.test("purity: strings, comments, properties, declarations and formatting are no effects", () => {
  const tree = plant({
    "src/raft/a.ts": [
      "/** Date.now() and Deno.exit(); */",
      "const text = 'setTimeout(Date.now)' + `Math.random() ${a.fetch(1)} console.log`;",
      'const pattern = /Deno.readFile("`/; const half = total / 2 / 3;',
      "const at = new Date(timeMs).toISOString();",
      "const views = { console: 1, process: 2 };",
      "interface Peers { fetch?: boolean; crypto: string; }",
      "this.process(entry); entry?.console;",
    ].join("\n"),
    "src/groups/a.ts": "interface Edge { fetch(group: G, fetch: F): void }\nedge.fetch(g, fetch);",
    "src/storage/log/deno_file_system.ts": 'import { open } from "node:fs/promises";',
    "src/cli/run.ts": "console.log(Date.now(), Deno.args);",
    "src/codec/a.ts": 'import { crc32 } from "node:zlib";\nimport type { Stats } from "node:fs";',
  });
  assert.deepEqual(said(checkPurity(tree)), []);
});

Deno.test("purity: a type from an impure file does not make it pure", () => {
  const tree = plant({
    "src/raft/a.ts": 'import type { Clock } from "../peer/clock.ts";',
    "src/peer/clock.ts": "export const now = () => Date.now();",
  });
  assert.deepEqual(said(checkPurity(tree)), []);
});

const misshapen = [
  ["src/raft/log.ts", HEADER + "const a = 1;\n".repeat(400), /403 lines; at most 400/],
  ["src/raft/log.ts", "const a = 1;\n", /does not begin with a comment/],
  ["src/raft/log.ts", "/** Short. */\nconst a = 1;\n", /first comment has 1 lines/],
  ["src/raft/log.ts", `/**\n${" * x\n".repeat(20)} */`, /first comment has 22 lines/],
  ["src/raft/utils.ts", HEADER, /says nothing/],
  ["src/raft/helpers.ts", HEADER, /says nothing/],
  ["src/raft/bigLog.ts", HEADER, /not snake_case/],
  ["src/raft/log.ts", HEADER + "// TO" + "DO: later\n", /in a comment/],
  ["tests/raft/log_test.ts", "/* FIX" + "ME */", /in a comment/],
] as const;

for (const [path, source, expected] of misshapen) {
  Deno.test(`shape: ${expected.source} in ${path}`, () => {
    const problems = said(checkShape(plant({ [path]: source, "src/raft/README.md": "" })));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, expected);
  });
}

Deno.test("shape: each folder of src/ needs a README", () => {
  const problems = said(checkShape(plant({ "src/raft/log.ts": HEADER, "src/a.ts": HEADER })));
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /^src\/raft\/README\.md:0: missing/);
});

Deno.test("shape: a good file passes, and a word in a string is no promise", () => {
  const tree = plant({ "src/a.ts": `${HEADER}const words = ["TO` + `DO"];\n` });
  assert.deepEqual(said(checkShape(tree)), []);
});

const notErasable = [
  ["class A { constructor(readonly a: number) {} }", /src\/a\.ts:1: a parameter property/],
  ["class A { constructor(a: string, private b = {}) {} }", /parameter property/],
  [
    "class A {\n  constructor(\n    a: (b: number) => void,\n    public c: Map<string, number>,\n  ) {}\n}",
    /:4:/,
  ],
  ["export enum Colour { Red }", /enum is not erasable/],
  ["export namespace Colours { const red = 1; }", /namespace is not erasable/],
] as const;

for (const [source, expected] of notErasable) {
  Deno.test(`erasable: refused in src/: ${source}`, () => {
    const problems = said(checkErasable(plant({ "src/a.ts": source })));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, expected);
  });
}

Deno.test("erasable: fields, types of parameters and mere names pass, and tests may do as they like", () => {
  const tree = plant({
    "src/a.ts":
      "class A {\n  readonly a: number;\n  constructor(a: number, b: readonly string[], c: { readonly d: number }) {}\n}\nconst readonly = { enum: 1 };\nnew A(readonly, []);",
    "tests/a.ts": "class A { constructor(readonly a: number) {} }",
  });
  assert.deepEqual(said(checkErasable(tree)), []);
});
