/** Trees of files: what lies below a directory, in one order on every machine, and writing one that is always alike. */

/** A path within the tree, with slashes → what the file holds. */
export type FileTree = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

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
export async function hasEntries(directory: string): Promise<boolean> {
  try {
    for await (const _ of Deno.readDir(directory)) return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}

/** Equal trees and dates give equal directories: in the order of their entries, their modes and their times. */
export async function writeTree(root: string, files: FileTree, date: Date): Promise<void> {
  const directories = new Set([root]);
  await Deno.mkdir(root, { recursive: true });
  for (const path of [...files.keys()].sort()) {
    const steps = path.split("/");
    for (let depth = 1; depth < steps.length; depth++) {
      directories.add(`${root}/${steps.slice(0, depth).join("/")}`);
    }
    await Deno.mkdir(`${root}/${steps.slice(0, -1).join("/")}`, { recursive: true });
    await Deno.writeFile(`${root}/${path}`, files.get(path)!);
    await settle(`${root}/${path}`, FILE_MODE, date);
  }
  // The deepest first: writing into a directory changes its time.
  for (const path of [...directories].sort().reverse()) await settle(path, DIRECTORY_MODE, date);
}

async function settle(path: string, mode: number, date: Date): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
  await Deno.utime(path, date, date);
}
