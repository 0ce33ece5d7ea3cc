/** The permission flags as words for a shell: read back by one, they are those of launch_flags.ts. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { launchFlags } from "../../src/cli/launch_flags.ts";
import { fixedFlags } from "../../src/cli/rights.ts";

const PROGRAM = fileURLToPath(new URL("../../src/cli/launch_words.ts", import.meta.url));
const FOLDER = "/opt/it's here";

const LINES: readonly (readonly string[])[] = [
  [],
  ["version"],
  ["run"],
  ["run", "--data", "/tmp/a b"],
  ["run", "--data=/tmp/a=b", "--tls-key", "it's,\"$(id)`id`\\", "--tls-cert", "é☃*?[a]"],
  ["run", "--data", "a\nb\n", "--data", " last\t"],
  ["run", "--data"],
  ["run", "--data", "--", "x"],
  ["help", "run", "--data=-x"],
  ["cluster", "--data", "d"],
  ["log", "check", "--json", "dir ectory"],
  ["log", "check", "--", "--json"],
  ["lock", "run", "name", "--", "sh", "-c", "exit"],
];

Deno.test("a shell reads back the flags of every command line", async () => {
  const config = await Deno.makeTempFile({ prefix: "skein-test-", suffix: ".json" });
  try {
    const content = { data: "from, the\nfile's\u00e9", "tls-key": 7, "tls-cert": ["a", "b"] };
    await Deno.writeTextFile(config, JSON.stringify(content));
    const environments = [{}, { CONFIG_FILE: config, TLS_KEY: "k", TOKEN_FILE: "t'" }];
    for (const args of [...LINES, ["run", `--config=${config}`], ["run", "--config", "/none"]]) {
      for (const environment of environments) {
        const expected = launchFlags({
          args,
          environment,
          readFile: (path) => Deno.readTextFileSync(path),
          programFolder: FOLDER,
        });
        assert.deepEqual(await readBack(args, environment), expected);
      }
    }
  } finally {
    await Deno.remove(config);
  }
});

async function readBack(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const words = await output(Deno.execPath(), {
    args: ["run", "--quiet", ...fixedFlags(["env"]), "--allow-read", PROGRAM, FOLDER, ...args],
    env: { ...Deno.env.toObject(), ...environment },
  });
  const script = 'eval "set -- $1"; printf "%s\\0" "$@"';
  const read = await output("sh", { args: ["-c", script, "sh", words], env: {} });
  return read.split("\0").slice(0, -1);
}

async function output(
  program: string,
  { args, env }: { readonly args: string[]; readonly env: Record<string, string> },
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, env }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout);
}
