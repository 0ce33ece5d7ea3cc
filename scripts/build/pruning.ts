/**
 * Which files of an npm package are shipped: what can run on the target. What goes is what only a compiler, a debugger,
 * a reader or another machine would open, and the licences, which licences.ts gathers in one file.
 */

const LICENCE = /(?:^|\/)(?:licen[cs]e|copying|copyright|notice)[^/]*$/i;

const NEVER_RUN: readonly RegExp[] = [
  // Types and TypeScript's source: Deno runs no TypeScript out of node_modules.
  /\.[cm]?ts$/,
  /\.tsbuildinfo$/,
  /\.map$/,
  // Native code's source, and native code of another runtime.
  /\.(?:c|cc|cpp|h|gyp|bare)$/,
  /(?:^|\/)(?:CMakeLists\.txt|Makefile)$/,
  /\.(?:md|markdown|html|yml|yaml)$/i,
  /(?:^|\/)\./,
  /^(?:tests?|docs?|examples?|benchmarks?|coverage)\//,
];

/** What a package holds once more, for a way of loading it that neither Deno nor its other packages choose. */
const TWINS: Readonly<Record<string, RegExp>> = {
  "@msgpack/msgpack": /^dist\.(?:umd|esm)\//,
  "hono": /^dist\/cjs\//,
  "yaml": /^browser\//,
  "zod": /\.cjs$|^v3\//,
};

const PREBUILD = /^prebuilds\/([^/]+)\//;

/** Whether a file of a package says under what terms it may be copied. */
export function isLicence(path: string): boolean {
  return LICENCE.test(path) && !/\.(?:[cm]?[jt]s|json)$/.test(path);
}

/**
 * @param name of the package
 * @param path within the package, with slashes
 * @param prebuilds the folders of native code that are wanted
 */
export function isShipped(name: string, path: string, prebuilds: readonly string[]): boolean {
  if (isLicence(path) || TWINS[name]?.test(path)) return false;
  const platform = PREBUILD.exec(path)?.[1];
  if (platform !== undefined && !prebuilds.includes(platform)) return false;
  return !NEVER_RUN.some((pattern) => pattern.test(path));
}
