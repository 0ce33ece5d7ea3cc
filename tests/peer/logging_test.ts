/** The real log in a real file: appended to, opened anew, and kept where that fails. */
import assert from "node:assert/strict";
import { type Log, openLog } from "../../src/peer/logging.ts";

function testWithFile(name: string, test: (path: string, directory: string) => void): void {
  // A log's file is open until the process ends.
  Deno.test(name, { sanitizeResources: false }, async () => {
    const directory = await Deno.makeTempDir({ prefix: "skein-log-" });
    try {
      test(`${directory}/peer.log`, directory);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

function logTo(file: string, format: "pretty" | "json" = "json"): Log {
  return openLog({ level: "info", format, name: "p", file });
}

function messagesIn(path: string): string[] {
  const lines = Deno.readTextFileSync(path).split("\n");
  assert.equal(lines.pop(), "", "the last line ends");
  return lines.map((line) => JSON.parse(line).message);
}

testWithFile(
  "the log is appended to a file that only its owner and their group can read",
  (path) => {
    logTo(path).logger.log("info", "one {x}", { x: 1 });
    logTo(path).logger.log("warn", "two");
    assert.deepEqual(messagesIn(path), ["one {x}", "two"]);
    if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o137, 0);
  },
);

testWithFile(
  "what was written before reopening is in the file that was moved, the rest in a new one",
  (path) => {
    const { logger, reopen } = logTo(path);
    logger.log("info", "before");
    Deno.renameSync(path, `${path}.1`);
    logger.log("info", "between");
    reopen!();
    logger.log("info", "after");
    assert.deepEqual(messagesIn(`${path}.1`), ["before", "between"]);
    assert.deepEqual(messagesIn(path), ["after"]);
  },
);

testWithFile(
  "a file that cannot be opened anew leaves the former one in use",
  (path, directory) => {
    const { logger, reopen } = logTo(path);
    Deno.renameSync(path, `${directory}/moved`);
    Deno.mkdirSync(path);
    assert.throws(() => reopen!(), /^Error: cannot open the log file ".*peer\.log": .+/);
    logger.log("error", "still here");
    assert.deepEqual(messagesIn(`${directory}/moved`), ["still here"]);
    assert.throws(() => logTo(path), /cannot open the log file/);
  },
);

testWithFile("for people a file has no colours", (path) => {
  logTo(path, "pretty").logger.log("info", "hello", { count: 2 });
  assert.match(Deno.readTextFileSync(path), /^[\d:.]+ .*INF.* hello count=2\n$/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(Deno.readTextFileSync(path), /\x1b/);
});
