/**
 * The package.json files of the npm package: our own, and those of the packages that are bundled with it.
 *
 * Why bundled: npm then installs, on every machine, the very files that were tested. Exact versions in `dependencies`
 * pin only the first level, and npm-shrinkwrap.json pins the rest for npm alone; a bundle is what npm itself
 * ships, pnpm and Yarn unpack it as well, and it needs one download in place of fifty. Deno is not in it: it is
 * an ordinary dependency, of which npm picks the one package that fits the machine.
 */

/** The Deno that the package runs with: the one that the project is tested with. */
export const DENO_VERSION = "2.9.6";

export interface ManifestOptions {
  readonly version: string;
  /** Names and versions of what is imported; a part of what is bundled. */
  readonly direct: ReadonlyMap<string, string>;
}

/** @returns what stands in the package.json of skein */
export function skeinManifest({ version, direct }: ManifestOptions): Record<string, unknown> {
  const names = [...direct.keys()].sort();
  return {
    name: "skein",
    version,
    description:
      "Consensus and distributed locks for a group of machines, in one program: no etcd, no broker, no database beside it.",
    keywords: [
      "consensus",
      "raft",
      "distributed-lock",
      "lock",
      "fencing-token",
      "leader-election",
      "cluster",
      "deno",
      "cli",
    ],
    license: "MIT",
    type: "module",
    bin: { skein: "bin/skein.js" },
    // It is a program, and its modules are nobody's interface.
    exports: { "./package.json": "./package.json" },
    files: ["bin", "src"],
    engines: { node: ">=18" },
    dependencies: {
      deno: DENO_VERSION,
      ...Object.fromEntries(names.map((name) => [name, direct.get(name)!])),
    },
    bundleDependencies: names,
  };
}

/**
 * A bundled package's package.json, saying of itself what is true here: it runs in Deno, whatever Node installs it,
 * and asks for nothing that is not bundled; otherwise package managers would warn of both.
 * @param bundled the names of all bundled packages
 */
export function bundledManifest(
  text: string,
  bundled: ReadonlySet<string>,
): Record<string, unknown> {
  const { engines: _engines, scripts: _scripts, devDependencies: _dev, ...manifest } = JSON.parse(
    text,
  );
  if (manifest.dependencies !== undefined) {
    manifest.dependencies = Object.fromEntries(
      Object.entries(manifest.dependencies).filter(([name]) => bundled.has(name)),
    );
  }
  return manifest;
}
