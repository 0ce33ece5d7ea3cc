/** What a long run says once more at its end: which tests failed and why, of real runs of `deno test`. */
import assert from "node:assert/strict";
import { failureText } from "../../scripts/test_failures.ts";
import { withDirectory } from "../with_directory.ts";

async function failuresOf(test: string): Promise<string> {
  let text = "";
  await withDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/one_test.ts`, test);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", "--no-check", `${directory}/one_test.ts`],
    }).output();
    assert.equal(code, 1);
    text = failureText(new TextDecoder().decode(stdout), new TextDecoder().decode(stderr));
  });
  return text;
}

Deno.test("failures are named with their errors, the rest is left out", async () => {
  const text = await failuresOf(`
    Deno.test("good one", () => {});
    Deno.test("bad one", () => { throw new Error("first reason"); });
    Deno.test("worse one", () => { throw new Error("second reason"); });
  `);
  const [names, errors] = text.split(" ERRORS ");
  assert.match(names!, /FAILURES[^]*bad one[^]*worse one[^]*1 passed \| 2 failed/);
  assert.match(errors!, /bad one[^]*first reason[^]*worse one[^]*second reason/);
  assert.doesNotMatch(text, /good one/);
});

Deno.test("an error outside of every test is named", async () => {
  const text = await failuresOf(`
    setTimeout(() => { throw new Error("nobody waited for this"); });
    Deno.test("waits", () => new Promise(() => {}));
  `);
  assert.match(text, /uncaught error[^]*nobody waited for this/);
});

Deno.test("a module that cannot be loaded is named", async () => {
  assert.match(await failuresOf('import "./nowhere.ts";'), /Module not found[^]*nowhere\.ts/);
});

Deno.test("long errors are cut off, and the names stay", async () => {
  const text = await failuresOf(`
    Deno.test("talkative", () => { throw new Error("word ".repeat(100_000)); });
    Deno.test("late one", () => { throw new Error("reason"); });
  `);
  assert.match(text, /FAILURES[^]*talkative[^]*late one/);
  assert.ok(text.length < 10_000, `${text.length} characters`);
});
