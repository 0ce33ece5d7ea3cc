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

/** Declared, yet never loaded by Deno: the package → what it asks for → why that is left out. */
const NOT_LOADED: Readonly<Record<string, readonly string[]>> = {
  // Its `imports` take node:assert everywhere but in the Bare runtime.
  "sodium-native": ["bare-assert"],
};

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
export async function installPackages(directory: string): Promise<readonly Package[]> {
  await deno(directory, "install", "--frozen", "--quiet");
  const graph: ModuleGraph = JSON.parse(
    await deno(directory, "info", "--json", "--frozen", "src/main.ts"),
  );
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

async function deno(directory: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: directory,
    env: { NO_COLOR: "1" },
  }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(`deno ${args[0]} failed:\n${new TextDecoder().decode(stderr).trim()}`);
}
