/**
 * Which tests start Skein as a process, and which keep state in Redis: those that import one of the files that do so
 * for them.
 */

/** tests/skein_command.ts, and what stands upon it. */
export const STARTS_SKEIN =
  /from "[^"]*\/(?:skein_command|skein_process|running_skein|machine_process)\.ts"/;
/** What obeys SKEIN_TEST_REDIS: processes, and peers of the test's own process; and what is about Redis anyway. */
export const KEEPS_STATE =
  /from "[^"]*\/(?:skein_command|skein_process|running_skein|machine_process|cluster|redis_server)\.ts"/;

/**
 * @param paths files and folders
 * @param imports one of the two above
 * @returns the tests among them, and below them, that import such a file, in the order of their names
 * @throws {Deno.errors.NotFound} by rejection, where a path is not there
 */
export async function findTests(
  paths: readonly string[],
  imports: RegExp,
): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if ((await Deno.stat(path)).isDirectory) {
      for await (const { name } of Deno.readDir(path)) await visit(`${path}/${name}`);
    } else if (path.endsWith("_test.ts") && imports.test(await Deno.readTextFile(path))) {
      found.add(path);
    }
  };
  for (const path of paths) await visit(path.replace(/\/+$/, ""));
  return [...found].sort();
}
