/**
 * A self-extracting executable that is built in milliseconds: a stage of a few files, and in Deno's place a shell script
 * that says how it was started. What is tested with it is the shell script before, with real files and processes.
 */
import assert from "node:assert/strict";
import { buildSelfExtracting } from "../../scripts/build/self_extracting.ts";

const STAGE: Readonly<Record<string, string>> = {
  "deno.json": JSON.stringify({ version: "1.2.3", imports: { zod: "npm:zod@4.6.7" } }),
  "LICENSE": "free\n",
  "node_modules/zod/package.json": "{}",
  "src/empty.ts": "",
  "src/main.ts": "console.log('hello');\n",
  "src/cli/program.ts": "export const answer = 42;\n",
};

/**
 * Answers with its process id and arguments, each ended by a zero byte; with FAKE_RUNTIME=environment with what it
 * found there; with FAKE_RUNTIME=wait it says "ready" and waits for SIGTERM.
 */
const FAKE_DENO = `#!/bin/sh
case $1 in
  --version) exit "\${FAKE_VERSION_CODE-0}" ;;
esac
for word in "$@"; do
  case $word in
    */src/cli/launch_words.ts) echo "'--asked=a b' '--it'\\\\''s'" && exit ;;
  esac
done
case \${FAKE_RUNTIME-} in
  environment) exec cat /proc/$$/environ ;;
  wait)
    trap 'exit 7' TERM
    echo ready
    while :; do sleep 0.05; done
    ;;
  code) exit 42 ;;
esac
printf '%s\\0' "$$" "$@"
`;

/** What the script may need beside a shell; flock is used where it is there. */
export const TOOLS = [
  ...["chmod", "date", "flock", "gzip", "id", "ln", "mkdir", "mktemp", "mv", "readlink", "rm"],
  ...["sha256sum", "sleep", "sort", "stat", "tail", "tar"],
];

/** Nobody who is not root: only root can become this. */
export const OTHER_USER = 65_534;

export interface Started {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly args?: readonly string[];
  /** Beside PATH and HOME. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Command words in front of the file; none: the file itself is executed. */
  readonly shell?: readonly string[];
  readonly cwd?: string;
  readonly uid?: number;
}

/** The executable in a directory of its own, with a home beside it. */
export class TinyExecutable implements AsyncDisposable {
  readonly path: string;
  readonly home: string;
  /** Where it unpacks to unless it is told otherwise. */
  readonly folder: string;
  /** The directory that PATH names. */
  toolPath = "/usr/bin:/bin";

  private constructor(readonly directory: string) {
    this.path = `${directory}/skein`;
    this.home = `${directory}/home`;
    this.folder = `${this.home}/.cache/skein`;
  }

  static async build(): Promise<TinyExecutable> {
    const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "skein-test-" }));
    await Deno.chmod(directory, 0o755);
    const executable = new TinyExecutable(directory);
    await Deno.mkdir(executable.home);
    await executable.rebuild("1.2.3");
    return executable;
  }

  /** Another version in the same place. */
  async rebuild(version: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    const stage = `${this.directory}/stage-${version}`;
    await writeTree(stage, { ...STAGE, ...files });
    const deno = `${this.directory}/deno`;
    await Deno.writeTextFile(deno, FAKE_DENO);
    await buildSelfExtracting({ stage, deno, output: this.path, version });
  }

  /** Runs it to its end, with nothing of this process's environment. */
  async start(options: StartOptions = {}): Promise<Started> {
    const { code, stdout, stderr } = await this.command(options).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  command({ args = [], environment = {}, shell = [], cwd, uid }: StartOptions = {}): Deno.Command {
    const [program = this.path, ...words] = [...shell, this.path, ...args];
    return new Deno.Command(program, {
      args: words,
      env: { PATH: this.toolPath, HOME: this.home, ...environment },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...cwd === undefined ? {} : { cwd },
      ...uid === undefined ? {} : { uid, gid: uid },
    });
  }

  /** Starts it, and expects that it runs without a word. */
  async startsQuietly(options: StartOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.start(options);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    return stdout;
  }

  /** Starts it, expects that it runs, and tells from which copy. */
  async runsFrom(options: StartOptions): Promise<string> {
    const words = (await this.startsQuietly(options)).split("\0");
    const main = words.find((word) => word.endsWith("/program/src/main.ts"));
    assert.ok(main !== undefined, words.join(" "));
    return main.replace("/program/src/main.ts", "");
  }

  /** Starts it, and expects that it says why it does not run. */
  async isRefused(reason: RegExp, options: StartOptions): Promise<void> {
    const { code, stdout, stderr } = await this.start(options);
    assert.match(stderr, reason);
    assert.equal(stdout, "");
    assert.equal(code, 126);
  }

  /** The directories of copies in a folder, finished or not, in order of their names. */
  async copies(folder = this.folder): Promise<string[]> {
    const names: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) names.push(`${folder}/${name}`);
    }
    return names.sort();
  }

  /** The one copy in a folder. */
  async copy(folder = this.folder): Promise<string> {
    const [copy, ...others] = await this.copies(folder);
    assert.deepEqual(others, []);
    assert.ok(copy !== undefined, "there is a copy");
    return copy;
  }

  /** Takes for PATH a directory with these tools alone, and programs of the test's own before them. */
  async useTools(
    names: readonly string[],
    own: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const directory = await Deno.makeTempDir({ dir: this.directory, prefix: "tools-" });
    await Deno.chmod(directory, 0o755);
    for (const name of ["sh", "cat", "env", ...names]) {
      if (own[name] === undefined) await Deno.symlink(await which(name), `${directory}/${name}`);
    }
    for (const [name, text] of Object.entries(own)) {
      await Deno.writeTextFile(`${directory}/${name}`, text, { mode: 0o755 });
    }
    this.toolPath = directory;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

export function isRoot(): boolean {
  return Deno.uid() === 0;
}

export async function writeTree(
  root: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${root}/${path}`, text);
  }
  const date = new Date("2026-01-02T03:04:05Z");
  for (const path of Object.keys(files)) await Deno.utime(`${root}/${path}`, date, date);
}

/** The folder that something lies in. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Where a tool is. @throws where it is not installed */
export async function which(name: string): Promise<string> {
  for (const directory of ["/usr/bin", "/bin", "/usr/local/bin"]) {
    const path = `${directory}/${name}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new Error(`${name} is not installed`);
}
