/**
 * Whether this process could write somewhere, found out without writing. What is said to be in the way is; a disk that
 * is mounted read-only, and what this process may not even look at, is not seen.
 */
import { dirname } from "node:path";

const OWNER_WRITES = 0o200;
/** A list of access rights shows as those of the group. */
const OTHERS_WRITE = 0o022;

/**
 * A directory, which is made with its parents where it is not there.
 * @returns what is in the way; null: nothing that could be seen
 */
export function obstacleToDirectory(path: string): string | null {
  return withoutRight(path) ?? obstacleThere(path);
}

/**
 * A file, which is made where it is not there, and its directory is not.
 * @returns what is in the way; null: nothing that could be seen
 */
export function obstacleToFile(path: string): string | null {
  const refused = withoutRight(path);
  if (refused !== null) return refused;
  const found = look(path);
  if (typeof found === "string") return found;
  if (found === null) {
    const directory = dirname(path);
    if (!mayLookAt(directory)) return null;
    return look(directory) === null
      ? `there is no directory ${directory}`
      : obstacleThere(directory);
  }
  if (found.isDirectory) return `${path} is a directory`;
  // Whatever else it is, such as a pipe, might wait for its other end.
  if (!found.isFile) return null;
  try {
    Deno.openSync(path, { append: true }).close();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function obstacleThere(path: string): string | null {
  const found = look(path);
  if (typeof found === "string") return found;
  if (found === null) {
    const parent = dirname(path);
    return parent !== path && mayLookAt(parent) ? obstacleThere(parent) : null;
  }
  if (!found.isDirectory) return `${path} is no directory`;
  return mayWrite(found) ? null : `this user may not write to the directory ${path}`;
}

/** @returns null where it is not there, or why that cannot be said */
function look(path: string): Deno.FileInfo | string | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? null : (error as Error).message;
  }
}

/** Launchers allow the path that is named, and not to look above it. */
function mayLookAt(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

function withoutRight(path: string): string | null {
  const isGranted = Deno.permissions.querySync({ name: "write", path }).state === "granted";
  return isGranted && mayLookAt(path) ? null : `not allowed to read and write ${path}`;
}

function mayWrite({ mode, uid }: Deno.FileInfo): boolean {
  const user = Deno.uid();
  if (user === null || user === 0 || mode === null) return true;
  return (mode & OTHERS_WRITE) !== 0 || (uid === user && (mode & OWNER_WRITES) !== 0);
}
