/**
 * The npm packages that the program needs when it runs: installed anew from the lock file, none from what
 * happens to lie in node_modules, and only those that a module of src/ reaches.
 */

export interface Package {
  readonly name: string;
  readonly version: string;
  /** Where it was installed. */
  readonly path: string;
}

/** A package → what it asks for, yet loads in the Bare runtime alone, or is given something else for. */
const NOT_LOADED: Readonly<Record<string, readonly string[]>> = {
  "blind-relay": ["bare-events"],
  "dht-rpc": ["bare-events", "udx-native"],
  "events-universal": ["bare-events"],
  "hyperdht": ["bare-events"],
  "hyperschema": ["bare-fs"],
  "hyperswarm": ["bare-events"],
  "kademlia-routing-table": ["bare-events"],
  "sodium-native": ["bare-assert"],
};

/** Packages may have to be downloaded; nothing that works takes this long. */
const DEADLINE_MS = 300_000;

interface ModuleGraph {
  readonly modules: readonly { readonly npmPackage?: string; readonly error?: string }[];
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
      readonly localPath: string;
    }>
  >;
}

/**
 * Installs exactly what the lock file says.
 * @param directory has deno.json, deno.lock and src/
 * @returns in order of their names
 * @throws {Error} when the lock file does not fit, a package cannot be had, or two versions of one are needed
 */
export async function installPackages(
  directory: string,
  signal?: AbortSignal,
): Promise<readonly Package[]> {
  const deno = (...args: readonly string[]) => runDeno(args, directory, signal);
  await deno("install", "--frozen", "--quiet");
  const graph: ModuleGraph = JSON.parse(await deno("info", "--json", "--frozen", "src/main.ts"));
  const needed = new Map<string, Package>();
  const open = graph.modules.flatMap(({ npmPackage, error }) => {
    if (error !== undefined) throw new Error(`a module of src/ cannot be resolved: ${error}`);
    return npmPackage === undefined ? [] : [npmPackage];
  });
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const { name, version, dependencies, localPath } = graph.npmPackages[id]!;
    const known = needed.get(name);
    if (known !== undefined && known.version !== version) {
      throw new Error(
        `${name} is needed as ${known.version} and as ${version}, and node_modules holds one`,
      );
    }
    if (known !== undefined) continue;
    needed.set(name, { name, version, path: localPath });
    const leftOut = NOT_LOADED[name] ?? [];
    open.push(...dependencies.filter((each) => !leftOut.includes(nameOf(each))));
  }
  return [...needed.values()].sort((left, right) => left.name < right.name ? -1 : 1);
}

/** `@scope/name@1.2.3_peer@4.5.6` → `@scope/name` */
function nameOf(id: string): string {
  return id.slice(0, id.indexOf("@", 1));
}

async function runDeno(
  args: readonly string[],
  directory: string,
  signal?: AbortSignal,
): Promise<string> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: directory,
    env: { NO_COLOR: "1" },
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  }).output();
  signal?.throwIfAborted();
  if (code === 0) return new TextDecoder().decode(stdout);
  const reason = deadline.aborted
    ? `took longer than ${DEADLINE_MS / 1_000} s`
    : `failed:\n${new TextDecoder().decode(stderr).trim()}`;
  throw new Error(`deno ${args[0]} ${reason}`);
}
