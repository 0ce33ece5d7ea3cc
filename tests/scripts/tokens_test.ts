/** The tokenizer of tidy: what is code, what is text, and in which line. */
import assert from "node:assert/strict";
import { tokenize } from "../../scripts/tidy/tokens.ts";

function kinds(source: string): string[] {
  return tokenize(source).map(({ kind, text }) => `${kind} ${text}`);
}

Deno.test("a slash divides after a value and begins a regular expression elsewhere", () => {
  assert.deepEqual(kinds("a / b / c"), [
    "name a",
    "punctuation /",
    "name b",
    "punctuation /",
    "name c",
  ]);
  assert.deepEqual(kinds("x = /[/'\"]/g"), ["name x", "punctuation =", "regex /[/'\"]/g"]);
  assert.deepEqual(kinds("return /a/"), ["name return", "regex /a/"]);
  assert.deepEqual(kinds("(a) / 2").filter((kind) => kind.startsWith("regex")), []);
});

Deno.test("templates nest, and what stands inside ${} is code", () => {
  assert.deepEqual(kinds("`a ${b + `c ${{ d: 1 }} e`} f` + g"), [
    "template `a ${",
    "name b",
    "punctuation +",
    "template `c ${",
    "punctuation {",
    "name d",
    "punctuation :",
    "number 1",
    "punctuation }",
    "template } e`",
    "template } f`",
    "punctuation +",
    "name g",
  ]);
});

Deno.test("escapes end neither strings nor templates", () => {
  assert.deepEqual(kinds(String.raw`'it\'s' "\"" ` + "`\\` \\${`"), [
    String.raw`string it\'s`,
    String.raw`string \"`,
    "template `\\` \\${`",
  ]);
});

Deno.test("lines are counted through comments, templates and a first line of #!", () => {
  const tokens = tokenize("#!/usr/bin/env deno\n/* a\nb */ `c\n${d}\n`\ne");
  assert.deepEqual(tokens.map(({ text, line }) => [text, line]), [
    ["/* a\nb */", 2],
    ["`c\n${", 3],
    ["d", 4],
    ["}\n`", 4],
    ["e", 6],
  ]);
});

Deno.test("what does not end is refused with its line", () => {
  assert.throws(() => tokenize('\n"abc'), /cannot read the string in line 2/);
  assert.throws(() => tokenize("/* abc"), /cannot read the comment in line 1/);
  assert.throws(() => tokenize("`abc ${1"), { name: "SyntaxError" });
});
