/** What lies below a directory, in one order on every machine. */

/** @returns the paths of all files below it, with slashes, relative to it, in order; links are not followed */
export async function sortedFiles(directory: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(directory)) {
    if (isFile) paths.push(name);
    if (!isDirectory) continue;
    for (const path of await sortedFiles(`${directory}/${name}`)) paths.push(`${name}/${path}`);
  }
  return paths.sort();
}

/** Whether there is such a directory and something in it. */
export async function hasFiles(directory: string): Promise<boolean> {
  try {
    for await (const _ of Deno.readDir(directory)) return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}
