import assert from "node:assert/strict";
import { CAN_STRIP_TYPES, toJavaScript } from "../../scripts/build/javascript.ts";

const ignore = !CAN_STRIP_TYPES;

Deno.test({
  name: "types are blanked, and every line and column stays",
  ignore,
  fn() {
    const source = [
      "interface Point {",
      "  readonly x: number;",
      "}",
      "export function fail(point: Point): never { throw new Error(`${point.x as number}`); }",
    ].join("\n");
    const code = toJavaScript("src/a.ts", source, new Map([["src/a.ts", "src/a.js"]]));
    const lines = code.split("\n");
    assert.equal(lines.slice(0, 3).join("").trim(), "");
    assert.equal(lines[3]!.indexOf("throw"), source.split("\n")[3]!.indexOf("throw"));
    assert.doesNotMatch(code, /Point|number|never/);
  },
});

Deno.test({
  name: "imports, loading on demand and URLs follow the modules; other strings stay",
  ignore,
  fn() {
    const moves = new Map([
      ["src/main.ts", "src/main.js"],
      ["src/cli/a.ts", "src/cli/a.js"],
      ["tools/npm/launcher.ts", "bin/skein.js"],
      ["tools/npm/deno.ts", "bin/deno.js"],
    ]);
    const code = toJavaScript(
      "tools/npm/launcher.ts",
      [
        'import { a } from "../../src/cli/a.ts";',
        'export * from "./deno.ts";',
        'const b = await import("./deno.ts");',
        'const main = new URL("../../src/main.ts", import.meta.url);',
        'import { z } from "zod";',
        'const text = ["./elsewhere.ts", "see src/main.ts", a, b, main, z];',
      ].join("\n"),
      moves,
    );
    assert.deepEqual(code.split("\n"), [
      'import { a } from "../src/cli/a.js";',
      'export * from "./deno.js";',
      'const b = await import("./deno.js");',
      'const main = new URL("../src/main.js", import.meta.url);',
      'import { z } from "zod";',
      'const text = ["./elsewhere.ts", "see src/main.ts", a, b, main, z];',
    ]);
  },
});

Deno.test({
  name: "what is not JavaScript without its types is refused, and the message says where",
  ignore,
  fn() {
    const moves = new Map([["src/a.ts", "src/a.js"]]);
    assert.throws(
      () => toJavaScript("src/a.ts", "enum Colour { Red }", moves),
      /^SyntaxError: src\/a\.ts: .*enum/,
    );
  },
});
