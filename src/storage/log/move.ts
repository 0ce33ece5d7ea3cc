/**
 * Moves the state of a stopped peer from one file system to another, as it is, byte for byte. At no moment can it be
 * opened at both places: the copy has a mark until it is verified as opening it would, and before that mark goes the
 * original gets one of its own. Cut short anywhere, it is run again.
 */
import { crc32 } from "node:zlib";
import { StorageCorruptError, StorageForeignError, StorageInUseError } from "../storage.ts";
import {
  type FileSystem,
  readUpTo,
  readWhole,
  TEMPORARY_SUFFIX,
  writeAll,
  writeDurably,
} from "./file_system.ts";
import { IDENTITY_NAME } from "./identity_file.ts";
import { LOCK_NAME } from "./log_storage.ts";
import { MOVED_NAME, MOVING_NAME, readMark, refuseMoved, writeMark } from "./move_marks.ts";
import { loadStore } from "./opening.ts";
import { segmentDirectory } from "./segment_file.ts";
import { snapshotDirectory } from "./snapshot_files.ts";
import { valueDirectory } from "./value_files.ts";

export interface MovePlace {
  readonly fileSystem: FileSystem;
  /** Where the store's files are in it. */
  readonly directory: string;
  /** For people, without secrets. */
  readonly name: string;
}

export interface MoveProgress {
  /** Which one is being moved; "" in the end. */
  readonly file: string;
  readonly files: number;
  readonly filesTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
}

export interface Moved {
  readonly storeId: string;
  readonly files: number;
  readonly bytes: number;
  readonly groups: number;
}

const PART_BYTES = 1024 * 1024;

/**
 * @param from nobody may have it open
 * @param to empty, or left by a former move, or by one from there that was cut short
 * @throws {StorageInUseError} by rejection, where a peer runs with one of them
 * @throws {StorageForeignError} where there is nothing to move, or something else lies where it is to go
 * @throws {StorageCorruptError} where what is there is damaged, or arrives so
 */
export async function moveStore(
  from: MovePlace,
  to: MovePlace,
  progress: (progress: MoveProgress) => void,
): Promise<Moved> {
  await to.fileSystem.makeDirectory(to.directory);
  using _source = await locked(from);
  using _target = await locked(to);
  const { storeId, groups } = await examineSource(from, to);
  await prepareTarget(to, storeId, from.name);
  const files = await filesOf(from);
  const bytesTotal = await sizeOf(from, files);
  const totals = { filesTotal: files.length, bytesTotal };
  let bytes = 0;
  for (const [at, file] of files.entries()) {
    const counted = { file, files: at, ...totals };
    bytes += await copyFile(from, to, file, (done) => {
      progress({ ...counted, bytes: bytes + done });
    });
  }
  for (const directory of directoriesOf(to.directory)) await to.fileSystem.syncDirectory(directory);
  await writeDurably(
    to.fileSystem,
    to.directory,
    IDENTITY_NAME,
    await readWhole(from.fileSystem, `${from.directory}/${IDENTITY_NAME}`),
    true,
  );
  // As a peer would find it.
  const arrived = await loadStore(to.fileSystem, to.directory);
  if (arrived.recovery.state.groups.size !== groups) {
    throw new StorageCorruptError("the copy lacks groups", to.directory, 0);
  }
  await writeMark(from.fileSystem, from.directory, MOVED_NAME, { storeId, place: to.name });
  await to.fileSystem.remove(`${to.directory}/${MOVING_NAME}`);
  await to.fileSystem.syncDirectory(to.directory);
  progress({ file: "", files: files.length, ...totals, bytes });
  return { storeId, files: files.length, bytes, groups };
}

async function locked({ fileSystem, directory, name }: MovePlace): Promise<Disposable> {
  if ((await fileSystem.list(directory)).length === 0) return { [Symbol.dispose]() {} };
  const lock = await fileSystem.lock(`${directory}/${LOCK_NAME}`);
  if (lock === null) throw new StorageInUseError(`cannot move: a peer runs with ${name}`);
  return { [Symbol.dispose]: () => lock.release() };
}

async function examineSource(
  from: MovePlace,
  to: MovePlace,
): Promise<{ readonly storeId: string; readonly groups: number }> {
  const left = await readMark(from.fileSystem, from.directory, MOVED_NAME);
  const arriving = await readMark(to.fileSystem, to.directory, MOVING_NAME);
  // Cut short behind the mark, it is where it was, and comes once more.
  const isAgain = left !== null && arriving?.storeId === left.storeId;
  if (!isAgain) await refuseMoved(from.fileSystem, from.directory);
  const { recovery } = await loadStore(from.fileSystem, from.directory);
  if (recovery.identity === null) {
    throw new StorageForeignError(`cannot move: there is no state of a peer in ${from.name}`);
  }
  return { storeId: recovery.identity.storeId, groups: recovery.state.groups.size };
}

/** Marks it, and removes what a former move has left of no use. */
async function prepareTarget(to: MovePlace, storeId: string, place: string): Promise<void> {
  const { fileSystem, directory, name } = to;
  const names = await fileSystem.list(directory);
  const left = await readMark(fileSystem, directory, MOVED_NAME);
  const arriving = await readMark(fileSystem, directory, MOVING_NAME);
  const isFree = left !== null || arriving?.storeId === storeId ||
    names.every((each) => each === LOCK_NAME);
  if (!isFree) {
    throw new StorageForeignError(`cannot move: ${name} is not empty; allowed: an empty place`);
  }
  await writeMark(fileSystem, directory, MOVING_NAME, { storeId, place });
  await fileSystem.remove(`${directory}/${IDENTITY_NAME}`);
  await fileSystem.remove(`${directory}/${MOVED_NAME}`);
  for (const part of directoriesOf(directory)) {
    await fileSystem.makeDirectory(part);
    for (const each of await fileSystem.list(part)) await fileSystem.remove(`${part}/${each}`);
  }
}

function directoriesOf(directory: string): readonly string[] {
  return [segmentDirectory(directory), snapshotDirectory(directory), valueDirectory(directory)];
}

/** Below the store's directory, without its identity. */
async function filesOf({ fileSystem, directory }: MovePlace): Promise<readonly string[]> {
  const files: string[] = [];
  for (const part of directoriesOf(directory)) {
    for (const name of await fileSystem.list(part)) {
      const path = `${part}/${name}`;
      if (!name.endsWith(TEMPORARY_SUFFIX)) files.push(path.slice(directory.length + 1));
    }
  }
  return files;
}

async function sizeOf(
  { fileSystem, directory }: MovePlace,
  files: readonly string[],
): Promise<number> {
  let bytes = 0;
  for (const file of files) {
    const handle = await fileSystem.open(`${directory}/${file}`, "read");
    try {
      bytes += await handle.sizeBytes();
    } finally {
      handle.close();
    }
  }
  return bytes;
}

/** @returns its length, once it is durable and was read back as it is */
async function copyFile(
  from: MovePlace,
  to: MovePlace,
  file: string,
  done: (bytes: number) => void,
): Promise<number> {
  const source = await from.fileSystem.open(`${from.directory}/${file}`, "read");
  const target = await to.fileSystem.open(`${to.directory}/${file}`, "create");
  try {
    const sizeBytes = await source.sizeBytes();
    let checksum = 0;
    for (let at = 0; at < sizeBytes; at += PART_BYTES) {
      const part = await readUpTo(source, at, Math.min(PART_BYTES, sizeBytes - at));
      checksum = crc32(part, checksum);
      await writeAll(target, at, part);
      done(at + part.length);
    }
    await target.sync();
    let arrived = 0;
    for (let at = 0; at < sizeBytes; at += PART_BYTES) {
      arrived = crc32(
        await readUpTo(target, at, Math.min(PART_BYTES, sizeBytes - at)),
        arrived,
      );
    }
    if (arrived === checksum) return sizeBytes;
    throw new StorageCorruptError(`${file} did not arrive at ${to.name} as it is`, file, 0);
  } finally {
    source.close();
    target.close();
  }
}
