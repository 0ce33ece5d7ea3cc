/**
 * How a self-extracting executable becomes the program: arguments, environment, rights, process id, signals and exit
 * code. In Deno's place runs a script that tells what it was given.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { COMMAND_RIGHTS } from "../../src/cli/rights.ts";
import { LAUNCH_TABLE, launchFlags } from "../../src/cli/launch_flags.ts";
import { OUTER_ENVIRONMENT } from "../../src/cli/outer_environment.ts";
import { type StartOptions, TinyExecutable } from "./tiny_executable.ts";

const DEADLINE_MS = 20_000;

interface Call {
  readonly pid: number;
  /** Those that every start has. */
  readonly common: readonly string[];
  readonly flags: readonly string[];
  readonly program: string;
  /** What the program sees. */
  readonly args: readonly string[];
}

async function callOf(executable: TinyExecutable, options: StartOptions): Promise<Call> {
  const [pid, ...words] = (await executable.startsQuietly(options)).split("\0").slice(0, -1);
  const main = words.findIndex((word) => word.endsWith("/program/src/main.ts"));
  const own = words.findIndex((word) => word.startsWith("--v8-flags=")) + 1;
  return {
    pid: Number(pid),
    common: words.slice(0, own),
    flags: words.slice(own, main),
    program: words[main]!.replace(/\/src\/main\.ts$/, ""),
    args: words.slice(main + 1),
  };
}

Deno.test("arguments arrive as they were given", async () => {
  await using executable = await TinyExecutable.build();
  const args = [
    ...["keygen", "", " ", "a b", "-", "--", "-x", "--data", "*", "?", "[a-z]*", "~", "$HOME"],
    ...[
      "`id`",
      "$(id)",
      "\\",
      "\\n",
      "'",
      '"',
      `'"'"`,
      "a\nb",
      "\n",
      "é☃",
      "a,b",
      "=",
      "&;|<>()#!",
    ],
  ];
  assert.deepEqual((await callOf(executable, { args })).args, args);
  const asking = ["run", ...args.slice(1)];
  assert.deepEqual((await callOf(executable, { args: asking })).args, asking);
  assert.deepEqual((await callOf(executable, {})).args, []);
});

Deno.test("the runtime looks nowhere but in the program's folder", async () => {
  await using executable = await TinyExecutable.build();
  const { common, program } = await callOf(executable, { args: ["keygen"] });
  assert.deepEqual(common, [
    "run",
    "--quiet",
    "--no-remote",
    "--cached-only",
    "--no-lock",
    "--node-modules-dir=manual",
    `--config=${program}/deno.json`,
    "--v8-flags=--max-semi-space-size=4",
  ]);
  const configuration = JSON.parse(await Deno.readTextFile(`${program}/deno.json`));
  assert.deepEqual(configuration.workspace, []);
  const manifest = JSON.parse(await Deno.readTextFile(`${program}/package.json`));
  assert.deepEqual(manifest.dependencies, { zod: "4.6.7" });
});

Deno.test("a command whose line names no paths gets the rights of the table", async () => {
  await using executable = await TinyExecutable.build();
  const fixed = LAUNCH_TABLE.commands.filter(({ paths, ffi }) => paths.length === 0 && !ffi);
  assert.ok(fixed.length > 5);
  for (const { words } of fixed) {
    for (const args of [[...words, "--data", "/etc"], ["help", ...words]]) {
      const { flags, program } = await callOf(executable, { args });
      const expected = launchFlags({
        args,
        environment: {},
        readFile: () => "",
        programFolder: program,
      });
      // Its command gets back what was taken out of the environment.
      const given = /^(?:lock run|queue worker)$/.test(words.join(" ")) ? OUTER_ENVIRONMENT : [];
      const env = expected.findIndex((flag) => flag.startsWith("--allow-env="));
      if (env >= 0) expected[env] = [expected[env], ...given].join(",");
      assert.deepEqual(flags, expected);
    }
  }
});

Deno.test("a command whose line may name paths asks the program for its rights", async () => {
  await using executable = await TinyExecutable.build();
  const asking = Object.keys(COMMAND_RIGHTS).filter((words) =>
    /^(?:run|cluster|log check)$/.test(words)
  );
  assert.equal(asking.length, 3);
  for (const args of [...asking.map((words) => words.split(" ")), [], ["lock"], ["unknown"]]) {
    assert.deepEqual((await callOf(executable, { args })).flags, ["--asked=a b", "--it's"]);
  }
  // One argument is not two words.
  assert.deepEqual((await callOf(executable, { args: ["lock run"] })).flags, [
    "--asked=a b",
    "--it's",
  ]);
});

async function environmentOf(
  executable: TinyExecutable,
  environment: Readonly<Record<string, string>>,
  shell: readonly string[] = [],
): Promise<Record<string, string>> {
  const text = await executable.startsQuietly({
    args: ["keygen"],
    shell,
    environment: { ...environment, FAKE_RUNTIME: "environment" },
  });
  const found = text.split("\0").slice(0, -1).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  return Object.fromEntries(found);
}

for (const shell of [[], ["bash"]]) {
  const how = shell.length === 0 ? "" : ` under ${shell.join(" ")}`;
  Deno.test(`what is set for other programs does not reach the runtime, and is kept${how}`, async () => {
    await using executable = await TinyExecutable.build();
    const others = {
      DENO_DIR: "/their/own",
      DENO_V8_FLAGS: "--help",
      DENO_AUTH_TOKENS: "a b'\"$c\nd",
      NODE_OPTIONS: "--require /evil.js",
      NODE_V8_COVERAGE: "/x",
      OTEL_DENO: "true",
      NODE_PATH: "",
    };
    const untouched = {
      PATH: executable.toolPath,
      LANG: "tr_TR.UTF-8",
      LC_ALL: "C.UTF-8",
      TZ: "Asia/Kolkata",
      TAR_OPTIONS: "--help",
      GZIP: "-v",
      IFS: "/",
      CDPATH: "/",
      NODE_ID: "peer-1",
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      DENO_CERT: "/ca.pem",
      DENO_TLS_CA_STORE: "system",
      HTTPS_PROXY: "http://proxy:1",
      NPM_CONFIG_REGISTRY: "http://registry",
      SEVERAL_LINES: "a\nexport DENO_NOTHING=1\nexport DENO_DIR",
      FAKE_RUNTIME: "environment",
    };
    const found = await environmentOf(executable, { ...others, ...untouched }, shell);
    const copy = await executable.copy();
    for (const [name, value] of Object.entries(untouched)) {
      // Shells take their own from nobody.
      if (name !== "IFS") assert.equal(found[name], value, name);
    }
    const own = {
      DENO_DIR: `${copy}/cache`,
      DENO_DISABLE_NODE_SHIM: "1",
      DENO_NO_UPDATE_CHECK: "1",
      HOME: `${copy}/program`,
      SKEIN_EXECUTABLE: executable.path,
    };
    for (const [name, value] of Object.entries(own)) assert.equal(found[name], value, name);
    for (const [name, value] of Object.entries({ ...others, HOME: executable.home })) {
      assert.equal(found[`SKEIN_OUTER_${name}`], value, name);
      if (!(name in own)) assert.equal(found[name], undefined, name);
    }
    const known = new Set([
      ...Object.keys(untouched),
      ...Object.keys(own),
      ...Object.keys({ ...others, HOME: "" }).map((name) => `SKEIN_OUTER_${name}`),
      "SKEIN_OUTER_ENVIRONMENT",
      ...["PWD", "OLDPWD", "SHLVL", "_"],
    ]);
    assert.deepEqual(Object.keys(found).filter((name) => !known.has(name)), []);
    const names = found["SKEIN_OUTER_ENVIRONMENT"]!.split(" ");
    for (const name of [...Object.keys(others), "HOME", "DENO_NO_UPDATE_CHECK"]) {
      assert.ok(names.includes(name), name);
    }
  });
}

Deno.test("started by itself it keeps what the first start has kept, and runs from the same copy", async () => {
  await using executable = await TinyExecutable.build();
  const first = await environmentOf(executable, { DENO_DIR: "/their/own", NODE_OPTIONS: "" });
  const { PATH: _, ...sealed } = first;
  const second = await environmentOf(executable, sealed);
  assert.equal(second["SKEIN_OUTER_DENO_DIR"], "/their/own");
  assert.equal(second["SKEIN_OUTER_HOME"], executable.home);
  assert.equal(second["SKEIN_OUTER_ENVIRONMENT"], first["SKEIN_OUTER_ENVIRONMENT"]);
  assert.equal(second["HOME"], first["HOME"]);
  await executable.startsQuietly();
});

Deno.test("started by itself where there was no home, it runs from the same copy", async () => {
  await using executable = await TinyExecutable.build();
  const first = await environmentOf(executable, { TMPDIR: executable.directory }, [
    "env",
    "-uHOME",
  ]);
  assert.equal(first["SKEIN_OUTER_HOME"], undefined);
  const { PATH: _, ...sealed } = first;
  assert.equal((await environmentOf(executable, sealed))["HOME"], first["HOME"]);
});

Deno.test("it knows its own path, however it was called", async () => {
  await using executable = await TinyExecutable.build();
  const { directory, path } = executable;
  await Deno.mkdir(`${directory}/links`);
  await Deno.symlink("../skein", `${directory}/links/other-name`);
  executable.toolPath = `${directory}/links:${directory}:${executable.toolPath}`;
  const calls: readonly StartOptions[] = [
    { shell: [] },
    { shell: ["sh", "-c", 'exec ./skein "$@"', "sh"], cwd: directory },
    { shell: ["sh", "-c", 'exec ../skein "$@"', "sh"], cwd: `${directory}/links` },
    { shell: ["sh", "-c", 'exec sh skein "$@"', "sh"], cwd: directory },
    { shell: ["sh", "-c", 'exec skein "$@"', "sh"], cwd: "/" },
    { shell: ["sh", "-c", 'exec other-name "$@"', "sh"], cwd: "/" },
    { shell: ["sh", "-c", 'exec ./other-name "$@"', "sh"], cwd: `${directory}/links` },
    { shell: ["env"], cwd: "/" },
  ];
  for (const options of calls) {
    const text = await executable.startsQuietly({
      ...options,
      environment: { FAKE_RUNTIME: "environment" },
    });
    assert.ok(text.split("\0").includes(`SKEIN_EXECUTABLE=${path}`), JSON.stringify(options));
  }
});

Deno.test("the process that was started becomes the program", async () => {
  await using executable = await TinyExecutable.build();
  await executable.startsQuietly();
  const child = executable.command().spawn();
  const { stdout } = await child.output();
  assert.equal(new TextDecoder().decode(stdout).split("\0")[0], String(child.pid));
});

Deno.test("signals and exit codes are the program's", async () => {
  await using executable = await TinyExecutable.build();
  assert.equal((await executable.start({ environment: { FAKE_RUNTIME: "code" } })).code, 42);
  const child = executable.command({ environment: { FAKE_RUNTIME: "wait" } }).spawn();
  const reader = child.stdout.getReader();
  await eventually("it is ready", DEADLINE_MS, async () => {
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), "ready\n");
  });
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 7);
  await reader.cancel();
  await child.stderr.cancel();
});
