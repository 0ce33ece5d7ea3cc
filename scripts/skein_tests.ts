/**
 * Which tests start Skein as a process: those that import one of the files that do so for them.
 */

/** tests/skein_command.ts, and what stands upon it. */
const STARTS_SKEIN = /from "[^"]*\/(?:skein_command|skein_process|running_skein)\.ts"/;

/**
 * @param paths files and folders
 * @returns the tests among them, and below them, that start Skein, in the order of their names
 * @throws {Deno.errors.NotFound} by rejection, where a path is not there
 */
export async function findSkeinTests(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if ((await Deno.stat(path)).isDirectory) {
      for await (const { name } of Deno.readDir(path)) await visit(`${path}/${name}`);
    } else if (path.endsWith("_test.ts") && STARTS_SKEIN.test(await Deno.readTextFile(path))) {
      found.add(path);
    }
  };
  for (const path of paths) await visit(path.replace(/\/+$/, ""));
  return [...found].sort();
}
