/**
 * Marks of a state that was moved elsewhere, or is on its way here: with either of them a store is not opened. A state
 * that can be started at two places would vote twice.
 */
import { StorageForeignError } from "../storage.ts";
import { type FileSystem, readWhole, writeDurably } from "./file_system.ts";

/** In a store that was left: where it went. */
export const MOVED_NAME = "moved.json";
/** In a store that is not complete yet: where it comes from. */
export const MOVING_NAME = "moving.json";

export interface MoveMark {
  readonly storeId: string;
  /** The other place, for people. */
  readonly place: string;
}

/** @throws {StorageForeignError} by rejection, where the state is not here (any more) */
export async function refuseMoved(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = await fileSystem.list(directory);
  if (names.includes(MOVING_NAME)) {
    const from = await placeOf(fileSystem, directory, MOVING_NAME);
    throw new StorageForeignError(
      `cannot open the store: moving it from ${from} to ${directory} was not completed: ` +
        "run skein log move again",
    );
  }
  if (!names.includes(MOVED_NAME)) return;
  const to = await placeOf(fileSystem, directory, MOVED_NAME);
  throw new StorageForeignError(
    `cannot open the store: what was in ${directory} was moved to ${to}`,
  );
}

/** @returns null where there is no such mark, or it cannot be understood */
export async function readMark(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<MoveMark | null> {
  if (!(await fileSystem.list(directory)).includes(name)) return null;
  try {
    const bytes = await readWhole(fileSystem, `${directory}/${name}`);
    const { storeId, place } = JSON.parse(new TextDecoder().decode(bytes));
    return { storeId: String(storeId), place: String(place) };
  } catch {
    return null;
  }
}

export async function writeMark(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  mark: MoveMark,
): Promise<void> {
  const text = JSON.stringify(mark, null, 2) + "\n";
  await writeDurably(fileSystem, directory, name, new TextEncoder().encode(text));
}

async function placeOf(fileSystem: FileSystem, directory: string, name: string): Promise<string> {
  return (await readMark(fileSystem, directory, name))?.place ?? "another place";
}
