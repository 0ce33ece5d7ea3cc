/**
 * The whole self-extracting executable, with Deno and the real stage, as somebody has it who has nothing but a shell and
 * its tools, and around whom lies what must not count: settings, packages and variables for other programs.
 */
import assert from "node:assert/strict";
import { buildSelfExtracting } from "../../scripts/build/self_extracting.ts";
import { stage } from "../../scripts/build/stage.ts";
import { hostTarget } from "../../scripts/build/targets.ts";
import { TOOLS, which, writeTree } from "./tiny_executable.ts";

export const ORIGIN = { commit: "0123456789abcdef", date: new Date("2026-01-02T03:04:05Z") };
const EVIL = "throw new Error('evil was loaded');\n";

/**
 * What must not count, neither where it is nor in a folder below.
 * @param imports of the program
 */
function planted(imports: Readonly<Record<string, string>>): Record<string, string> {
  const files: Record<string, string> = {
    "deno.json": '{ "imports": { "hono": "./evil.cjs" }, "workspace": ["./skein"], nonsense',
    "deno.lock": "nonsense",
    ".npmrc": "@evil:registry=nonsense\n",
    "evil.cjs": EVIL,
  };
  const dependencies: Record<string, string> = {};
  for (const specifier of Object.values(imports)) {
    const [, name = "", version = ""] = /^npm:(.+)@([^@]+)$/.exec(specifier)!;
    dependencies[name] = version;
    files[`node_modules/${name}/package.json`] = JSON.stringify({ name, version });
    files[`node_modules/${name}/index.js`] = EVIL;
  }
  return { ...files, "package.json": JSON.stringify({ type: "commonjs", dependencies }) };
}

export interface Installed {
  readonly directory: string;
  readonly path: string;
  /** Holds the planted files, and in .cache/skein the copy. */
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Builds it, in a directory of its own. */
export async function install(directory: string): Promise<Installed> {
  const staged = `${directory}/stage`;
  const target = hostTarget();
  await stage({ target, form: "self-extracting", directory: staged, origin: ORIGIN });
  const output = `${directory}/skein`;
  const { path } = await buildSelfExtracting({
    stage: staged,
    deno: Deno.execPath(),
    output,
    version: "0.0.0",
  });
  const home = `${directory}/home`;
  const { imports } = JSON.parse(await Deno.readTextFile(`${staged}/deno.json`));
  await Deno.mkdir(`${home}/.cache`, { recursive: true });
  await Deno.mkdir(`${home}/.cache/skein`, { mode: 0o700 });
  for (const folder of [home, `${home}/.cache`, `${home}/.cache/skein`]) {
    await writeTree(folder, planted(imports));
  }
  const tools = `${directory}/tools`;
  await Deno.mkdir(tools);
  for (const tool of ["sh", "env", ...TOOLS]) {
    await Deno.symlink(await which(tool), `${tools}/${tool}`);
  }
  const environment = {
    PATH: tools,
    HOME: home,
    DENO_DIR: "/nonexistent/theirs",
    DENO_V8_FLAGS: "--no-such-flag",
    DENO_SERVE_ADDRESS: "tcp:127.0.0.1:1",
    NODE_OPTIONS: `--require ${home}/evil.cjs`,
    NODE_PATH: `${home}/node_modules`,
    NPM_CONFIG_REGISTRY: "nonsense",
    NO_COLOR: "1",
  };
  return { directory, path, home, environment };
}

/** One command line of it, not started yet. */
export function command(
  { path, home, environment }: Installed,
  args: readonly string[],
  others: Readonly<Record<string, string>> = {},
  uid?: number,
): Deno.Command {
  return new Deno.Command(path, {
    args: [...args],
    cwd: home,
    env: { ...environment, ...others },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...uid === undefined ? {} : { uid, gid: uid },
  });
}

export async function run(
  installed: Installed,
  args: readonly string[],
  others: Readonly<Record<string, string>> = {},
  uid?: number,
) {
  const { code, stdout, stderr } = await command(installed, args, others, uid).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

export async function succeed(...call: Parameters<typeof run>) {
  const ended = await run(...call);
  assert.equal(ended.stderr, "");
  assert.equal(ended.code, 0);
  return ended;
}

/** Those that a cache folder holds. */
export function copiesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory && name.startsWith("skein-") ? [`${folder}/${name}`] : []
  );
}
