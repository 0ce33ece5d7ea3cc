/** The command line as a whole: help, usage, and what every command has in common. */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/program.ts";
import { skein } from "./skein_process.ts";

for (const { words, summary } of COMMANDS) {
  Deno.test(`skein ${words.join(" ")} --help has an example and --json`, async () => {
    const { code, stdout } = await skein([...words, "--help"]);
    assert.equal(code, 0);
    assert.ok(stdout.startsWith(`Usage: skein ${words.join(" ")} `), stdout);
    assert.ok(stdout.includes(summary));
    assert.match(stdout, /\n {2}--json /);
    assert.ok(stdout.includes(`\n  $ skein ${words.join(" ")}`), "no example");
  });
}

Deno.test("skein --help lists every first word, with or without the word help", async () => {
  const { code, stdout } = await skein(["--help"]);
  assert.equal(code, 0);
  for (const [first] of COMMANDS.map(({ words }) => words)) {
    assert.match(stdout, new RegExp(`\\n  ${first} `));
  }
  assert.equal((await skein(["help"])).stdout, stdout);
  assert.match((await skein(["help", "lock", "ls"])).stdout, /^Usage: skein lock ls /);
});

Deno.test("deno task skein shows help, whatever the environment says of colours", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  const [, ...line] = tasks.skein.command.split(" ");
  for (const words of [[], ["lock"], ["keygen"], ["log", "check"]]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...line, ...words, "--help"],
      env: { NO_COLOR: "", CLICOLOR_FORCE: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.ok(text.startsWith(`Usage: ${["skein", ...words].join(" ")} `), text);
  }
});

Deno.test("wrong usage is exit code 2, with what is wrong", async () => {
  const cases = [
    [[], /Usage: skein/],
    [["lock"], /Usage: skein lock/],
    [["nonsense"], /^skein: unknown command 'nonsense'/],
    [["lock", "nonsense"], /^skein: unknown command 'nonsense'/],
    [["lock", "acquire"], /^skein: missing required argument 'RESOURCE'/],
    [["lock", "acquire", "a", "--ttl", "0"], /^skein: option '--ttl <SECONDS>' .*Allowed: seconds/],
    [["lock", "acquire", "a", "--mode", "odd"], /Allowed choices are exclusive, shared/],
    [["lock", "release", "a", "--fencing-token", "x"], /Allowed: a whole number/],
    [["keygen", "--nonsense"], /^skein: unknown option '--nonsense'/],
    [["status", "--retry", "soon"], /^skein: --retry: cannot use "soon"; allowed: seconds/],
    [["status", "--url", "ftp://x"], /^skein: a peer's URL begins with http/],
    [["status", "--url", ","], /^skein: a client needs a peer's URL/],
  ] as const;
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await skein(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, expected);
    assert.equal(stdout, "");
  }
});

Deno.test("with --json wrong usage is a JSON document too", async () => {
  const { code, stdout, stderr } = await skein(["lock", "acquire", "--json"]);
  assert.equal(code, 2);
  assert.equal(stderr, "");
  const { success, error, message } = JSON.parse(stdout);
  assert.deepEqual([success, error], [false, "USAGE"]);
  assert.match(message, /RESOURCE/);
});

Deno.test("keygen makes a new key each time, which fits a cluster key", async () => {
  const keys = [
    (await skein(["keygen"])).stdout.trim(),
    JSON.parse((await skein(["keygen", "--json"])).stdout).cluster_key,
  ];
  for (const key of keys) assert.match(key, /^[\w-]{43}$/);
  assert.notEqual(keys[0], keys[1]);
});

Deno.test("the version is that of deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  assert.ok((await skein(["version"])).stdout.startsWith(`skein ${version} (deno `));
  assert.equal(JSON.parse((await skein(["version", "--json"])).stdout).version, version);
});
