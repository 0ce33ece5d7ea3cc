/** What a launcher allows for a command line: the paths that it names, wherever it names them, and no others. */
import assert from "node:assert/strict";
import { LAUNCH_TABLE, launchFlags } from "../../src/cli/launch_flags.ts";
import { COMMANDS } from "../../src/cli/program.ts";
import { SETTING_ROWS } from "../../src/config/settings.ts";

interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly programFolder?: string;
}

/** The value of each flag; "" for one that has none. */
function flagsOf(
  line: string,
  { environment = {}, files = {}, programFolder = "/skein" }: Surroundings = {},
): Map<string, string> {
  const flags = launchFlags({
    args: line.split(" ").filter((word) => word !== ""),
    environment,
    readFile(path) {
      const content = files[path];
      if (content === undefined) throw new Error(`no such file: ${path}`);
      return content;
    },
    programFolder,
  });
  return new Map(flags.map((flag) => {
    const [name = "", ...value] = flag.split("=");
    return [name, value.join("=")];
  }));
}

function pathsOf(line: string, surroundings?: Surroundings) {
  const flags = flagsOf(line, surroundings);
  const list = (flag: string) => flags.get(flag)?.split(",") ?? [];
  const own = ["/skein", "/etc/alpine-release"];
  return {
    read: list("--allow-read").filter((path) => !own.includes(path)),
    write: list("--allow-write"),
  };
}

Deno.test("a peer writes its data alone, and reads what settings name", () => {
  const line = "run --data d --tls-cert cert.pem --tls-key=key.pem --config c.json";
  const files = { "c.json": '{"data":"other"}' };
  assert.deepEqual(pathsOf(line, { files }), {
    read: ["c.json", "d", "cert.pem", "key.pem"],
    write: ["d"],
  });
  assert.deepEqual(pathsOf("run"), { read: ["./skein-data"], write: ["./skein-data"] });
});

Deno.test("flag over environment over file over default", () => {
  const files = { "c.json": '{"data":"from file","tls-cert":" cert "}' };
  const environment = { DATA_DIR: "from environment", CONFIG_FILE: "c.json" };
  const write = (line: string, surroundings: Surroundings) => pathsOf(line, surroundings).write;
  assert.deepEqual(write("run --data=flag", { files, environment }), ["flag"]);
  assert.deepEqual(write("run --data a --data b", {}), ["b"]);
  assert.deepEqual(write("run", { files, environment }), ["from environment"]);
  assert.deepEqual(pathsOf("run", { files, environment: { CONFIG_FILE: "c.json" } }), {
    read: ["c.json", "from file", "cert"],
    write: ["from file"],
  });
  assert.deepEqual(write("run", { environment: { DATA_DIR: "" } }), ["./skein-data"]);
});

Deno.test("files that the environment names are read, each by its own name", () => {
  const environment = { TOKEN_FILE: "t", CLUSTER_KEY_FILE: "k", TLS_CERT: "c", NODE_ID: "n" };
  assert.deepEqual(pathsOf("run --data d", { environment }).read, ["d", "t", "c", "k"]);
  assert.deepEqual(pathsOf("cluster --data d", { environment }).read, ["d", "t"]);
  assert.deepEqual(pathsOf("status", { environment }).read, []);
});

Deno.test("a configuration that cannot be read allows nothing more", () => {
  for (const content of ["no JSON", "[1]", "null", '"data"', '{"data":["/"]}', '{"data":null}']) {
    const { read } = pathsOf("run --config c.json", { files: { "c.json": content } });
    assert.deepEqual(read, ["c.json", "./skein-data"]);
  }
  assert.deepEqual(pathsOf("run --config missing --data d").read, ["missing", "d"]);
  assert.deepEqual(pathsOf("run --config").read, ["./skein-data"]);
});

Deno.test("log check has the directory that it is given, wherever it stands", () => {
  for (
    const line of ["log check d", "log check --json d", "log check d --json", "log check -- d"]
  ) {
    assert.deepEqual(pathsOf(line), { read: ["d"], write: ["d"] }, line);
  }
  assert.deepEqual(pathsOf("log check -- --odd").write, ["--odd"]);
  assert.deepEqual(pathsOf("log check"), { read: [], write: [] });
});

Deno.test("what stands behind -- is another program's", () => {
  assert.deepEqual(pathsOf("lock run a -- tar --data d"), { read: [], write: [] });
  assert.deepEqual(pathsOf("run -- --data d").write, ["./skein-data"]);
});

Deno.test("programs are started by cluster, lock run and queue worker, native code is loaded by peers", () => {
  const having = (flag: string) =>
    COMMANDS.map(({ words }) => words.join(" ")).filter((line) => flagsOf(line).has(flag));
  assert.deepEqual(having("--allow-run"), ["cluster", "lock run", "queue worker"]);
  assert.deepEqual(having("--allow-ffi"), ["run", "dht"]);
  assert.deepEqual(having("--allow-write"), ["run", "cluster"]);
  assert.deepEqual(having("--allow-all"), []);
  assert.equal(having("--no-prompt").length, COMMANDS.length);
  assert.equal(flagsOf("run").get("--allow-ffi"), "/skein");
});

Deno.test("help has the rights of the command that it loads, nonsense has none", () => {
  assert.deepEqual([...flagsOf("help run")], [...flagsOf("run")]);
  for (const line of ["", "--help", "nonsense", "lock", "lock nonsense"]) {
    assert.deepEqual([...flagsOf(line).keys()], [
      "--no-prompt",
      "--ignore-env",
      "--deny-import",
      "--allow-read",
    ], line);
  }
});

Deno.test("for a path with a comma its folder is allowed, for Deno has no way to write it", () => {
  for (
    const [path, folder] of [
      ["/srv/a,b", "/srv/"],
      ["/srv/a,b/c", "/srv/"],
      ["a,b", "."],
      ["/a,b", "/"],
      ["C:\\data\\a,b", "C:\\data\\"],
      ["/srv/x/,", "/srv/x/"],
    ] as const
  ) {
    assert.deepEqual(pathsOf(`run --data ${path}`).write, [folder]);
  }
  assert.equal(flagsOf("run", { programFolder: "/opt/a,b" }).get("--allow-ffi"), "/opt/");
});

Deno.test("every path of the table of settings is in the launchers' table", () => {
  const rows = SETTING_ROWS.map(([, row]) => row);
  const { paths } = LAUNCH_TABLE.commands.find(({ words }) => words[0] === "run")!;
  assert.deepEqual(
    paths.flatMap(({ option }) => option ?? []),
    rows.filter(({ path }) => path !== undefined).map(({ flag }) => `--${flag}`),
  );
  // A setting whose value is a path says so, and a launcher need not guess it from the words.
  for (const { flag, format, path } of rows) {
    assert.equal(/\bpath\b/.test(format.allowed), path !== undefined, flag);
  }
});
