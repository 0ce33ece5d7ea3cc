/**
 * Which files of an npm package are shipped: what can run on the target, and every licence. What goes is what only
 * a compiler, a debugger, a reader or another machine would open.
 */

/** Whatever else is said of the folder it lies in. */
const LICENCE = /(?:^|\/)(?:licen[cs]e|copying|copyright|notice)[^/]*$/i;

const NEVER_RUN: readonly RegExp[] = [
  // Types and TypeScript's source: Deno runs no TypeScript out of node_modules.
  /\.[cm]?ts$/,
  /\.tsbuildinfo$/,
  /\.map$/,
  // Native code's source, and native code of another runtime.
  /\.(?:c|cc|cpp|h|gyp|bare)$/,
  /(?:^|\/)CMakeLists\.txt$/,
  /\.(?:md|markdown|html|yml|yaml)$/i,
  /(?:^|\/)\./,
  /^(?:tests?|docs?|examples?|benchmarks?|coverage)\//,
];

const PREBUILD = /^prebuilds\/([^/]+)\//;

/**
 * @param path within the package, with slashes
 * @param prebuilds the folders of native code that are wanted
 */
export function isShipped(path: string, prebuilds: readonly string[]): boolean {
  if (LICENCE.test(path)) return true;
  const platform = PREBUILD.exec(path)?.[1];
  if (platform !== undefined && !prebuilds.includes(platform)) return false;
  return !NEVER_RUN.some((pattern) => pattern.test(path));
}
