/**
 * The container: that its first stage can build the executable from what it is given, and that the second holds it and
 * nothing that could be run beside it, starts it as nobody in particular, and asks it whether it is healthy.
 */
import assert from "node:assert/strict";
import { COMMIT_VARIABLE, DATE_VARIABLE } from "../../scripts/build/origin.ts";
import { TARGETS } from "../../scripts/build/targets.ts";
import { COMMAND_RIGHTS, ENVIRONMENT_NAMES } from "../../src/cli/rights.ts";
import { ConfigError, loadConfig } from "../../src/config/mod.ts";
import { skein } from "../cli/skein_process.ts";

const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
/** What building reads: what is shipped, and the scripts that make it. */
const BUILT_FROM = ["deno.json", "deno.lock", "LICENSE", "scripts", "src"];
/** What somebody keeps there for compose.yaml. */
const SECRET_FILES = ["scripts/.env", "scripts/front.pem"];

const SECRETS = { TOKEN: "for-clients", CLUSTER_KEY: "a-key-that-peers-share" };

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const instructions = readDockerfile(await Deno.readTextFile(`${REPOSITORY}/Dockerfile`));
/** What stands before the first FROM, and one for each FROM. */
const [preamble, build, image, ...furtherStages] = stagesOf(instructions);

/** Comments are left out, and lines that end in a backslash are one with the next. */
function readDockerfile(text: string): Instruction[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#")).join("\n");
  return lines.replaceAll("\\\n", " ").split("\n").filter((line) => line !== "").map((line) => {
    const [, name, rest] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    assert.ok(name !== undefined && rest !== undefined, `no instruction: ${line}`);
    return { name, text: rest.replace(/ +/g, " ") };
  });
}

function stagesOf(all: readonly Instruction[]): Instruction[][] {
  const stages: Instruction[][] = [[]];
  for (const instruction of all) {
    if (instruction.name === "FROM") stages.push([]);
    stages.at(-1)!.push(instruction);
  }
  return stages;
}

function texts(stage: readonly Instruction[] | undefined, name: string): string[] {
  return (stage ?? []).filter((each) => each.name === name).map(({ text }) => text);
}

function only(stage: readonly Instruction[] | undefined, name: string): string {
  const [text, ...others] = texts(stage, name);
  assert.deepEqual(others, [], `${name} stands there once`);
  assert.ok(text !== undefined, `${name} is there`);
  return text;
}

/** Of the exec form, which no shell reads. */
function words(text: string): string[] {
  const [, list] = /(\[.+\])$/.exec(text) ?? [];
  return JSON.parse(list ?? "null") ?? assert.fail(`it needs a shell: ${text}`);
}

/** The variables that the image sets, and those that whoever starts it adds. */
function environment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const entries = only(image, "ENV").split(" ").map((entry) => entry.split("="));
  return { ...Object.fromEntries(entries), ...added };
}

function configure(added: Readonly<Record<string, string>>) {
  return loadConfig({
    flags: {},
    environment: environment(added),
    readFile: (path) => assert.fail(`it reads ${path}`),
    hostName: "box",
    terminal: false,
  });
}

Deno.test("there are two stages, from images of a known version", async () => {
  assert.deepEqual(furtherStages, []);
  const bases = new Map(texts(preamble, "ARG").map((text) => text.split("=") as [string, string]));
  assert.deepEqual(texts(image, "FROM"), ["${BASE_IMAGE}"]);
  assert.match(only(build, "FROM"), /\$\{DENO_IMAGE\} AS build$/);
  const tested = /deno@(\d+\.\d+\.\d+)/.exec(await Deno.readTextFile(`${REPOSITORY}/README.md`));
  assert.ok(bases.get("DENO_IMAGE")?.endsWith(`:debian-${tested?.[1]}`), "the Deno of the tests");
  // The C library that it is linked to, and no shell.
  assert.match(bases.get("BASE_IMAGE") ?? "", /\/distroless\/cc-debian\d+:nonroot$/);
});

Deno.test("the build gets what the executable is made of, and nothing else", async () => {
  assert.deepEqual(
    texts(build, "COPY").flatMap((text) => text.split(" ").slice(0, -1)).sort(),
    [
      ...BUILT_FROM,
    ].sort(),
  );
  const ignored = (await Deno.readTextFile(`${REPOSITORY}/.dockerignore`)).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(ignored[0], "*");
  assert.deepEqual(
    ignored.slice(1).sort(),
    [...BUILT_FROM.map((path) => `!${path}`), ...SECRET_FILES].sort(),
  );
  for (const path of BUILT_FROM) assert.ok(await Deno.stat(`${REPOSITORY}/${path}`));
});

Deno.test("the build is told which commit it is of, for it has no history", () => {
  const told = texts(build, "ARG");
  for (const name of [COMMIT_VARIABLE, DATE_VARIABLE]) assert.ok(told.includes(name), name);
});

Deno.test("it compiles for each machine that an image is made for", async () => {
  const run = only(build, "RUN");
  const machines = [...run.matchAll(/ machine=(\w+)/g)].map(([, machine]) => machine);
  assert.deepEqual(machines, ["x86_64", "aarch64"]);
  const [, suffix] = / --target "\$machine(\S+)"/.exec(run) ?? [];
  for (const machine of machines) {
    assert.ok(TARGETS.some(({ triple }) => triple === `${machine}${suffix}`), machine);
  }
  const { tasks } = JSON.parse(await Deno.readTextFile(`${REPOSITORY}/deno.json`));
  const [, task = ""] = / deno task (\w+) /.exec(run) ?? [];
  assert.ok(task in tasks, `deno task ${task}`);
});

Deno.test("the image holds the executable and an empty data directory, both of the build's", () => {
  assert.deepEqual(texts(image, "RUN"), [], "there is no shell that could");
  assert.deepEqual(texts(image, "ADD"), []);
  assert.deepEqual(texts(image, "COPY"), [
    "--from=build /image/skein /skein",
    "--from=build --chown=65532:65532 /image/data /data",
  ]);
  assert.ok(only(build, "RUN").includes(" --output /image/skein "));
  assert.match(only(build, "RUN"), / mkdir --mode 700 \/image\/data$/);
});

Deno.test("it runs as a number that is not root's, and stops when it is asked to", () => {
  const [uid, gid] = only(image, "USER").split(":").map(Number);
  assert.ok(uid! > 0 && gid! > 0);
  assert.equal(only(image, "STOPSIGNAL"), "SIGTERM");
});

Deno.test("it starts a peer, and asks it whether it is healthy, without a shell", async () => {
  assert.deepEqual(words(only(image, "ENTRYPOINT")), ["/skein"]);
  const command = words(only(image, "CMD"));
  assert.ok(command.join(" ") in COMMAND_RIGHTS, command.join(" "));
  const [program, ...question] = words(only(image, "HEALTHCHECK"));
  assert.equal(program, "/skein");
  // Of a peer that is not there: the command line is understood, and the answer is no.
  const { code, stderr } = await skein(question, { HTTP_PORT: "127.0.0.1:9" });
  assert.equal(code, 3, stderr);
});

Deno.test("its settings are a peer's: data and ports are those that it declares", () => {
  for (const name of Object.keys(environment())) assert.ok(ENVIRONMENT_NAMES.includes(name), name);
  const { dataDirectory, http, listen } = configure(SECRETS);
  assert.deepEqual(words(only(image, "VOLUME")), [dataDirectory, "/tmp"]);
  const ports = [...http.map(({ port }) => port), listen.port].map(String);
  assert.deepEqual(only(image, "EXPOSE").split(" "), ports);
  for (const { host } of [...http, listen]) assert.equal(host, "0.0.0.0");
});

Deno.test("without a token for clients or a key for peers it does not start", () => {
  for (const [name, flag] of [["TOKEN", "--token"], ["CLUSTER_KEY", "--cluster-key"]] as const) {
    assert.throws(() => configure({ ...SECRETS, [name]: "" }), (error) => {
      assert.ok(error instanceof ConfigError);
      return error.message.startsWith(`${flag}: none is given`);
    });
  }
});
