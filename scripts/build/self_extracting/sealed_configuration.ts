/**
 * Deno looks for settings and packages in the folder of what it runs and in all folders above. These two files in the
 * program's folder tell it everything, so that nothing above is asked: there, in /tmp perhaps, others may write.
 */

/**
 * @param staged the stage's deno.json
 * @returns path → text of what takes its place
 */
export function sealedConfiguration(staged: string): ReadonlyMap<string, string> {
  const configuration: { readonly version: string; readonly imports: Record<string, string> } = JSON
    .parse(staged);
  // Being a workspace of its own, it belongs to none above.
  const sealed = { ...configuration, workspace: [] };
  // Deno looks for each import in the nearest package.json that names it.
  const dependencies = Object.values(configuration.imports).map((specifier) => {
    const [, name, version] = /^npm:(.+)@([^@]+)$/.exec(specifier) ?? [];
    if (name === undefined) throw new Error(`not a package with its version: ${specifier}`);
    return [name, version];
  });
  const manifest = {
    name: "skein",
    version: configuration.version,
    private: true,
    type: "module",
    dependencies: Object.fromEntries(dependencies),
  };
  return new Map([["deno.json", lines(sealed)], ["package.json", lines(manifest)]]);
}

function lines(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
