/**
 * The offline check of a store's directory, for `skein log check`: it comes to the same verdict as opening,
 * since it runs the same reading, and changes nothing on disk. Like opening it looks at the lengths of value
 * files and not at every value: those are verified whenever they are read.
 */
import { transferBytes } from "../../raft/entry.ts";
import { lastIndexOf, type LogGroup } from "./log_state.ts";
import {
  type GroupId,
  StorageCorruptError,
  StorageForeignError,
  StorageInUseError,
} from "../storage.ts";
import { DenoFileSystem } from "./deno_file_system.ts";
import type { FileSystem } from "./file_system.ts";
import { LOCK_NAME } from "./log_storage.ts";
import { refuseMoved } from "./move_marks.ts";
import type { TornTail } from "./newest_segment.ts";
import { type LoadedStore, loadStore } from "./opening.ts";
import { snapshotName } from "./snapshot_files.ts";

export interface CheckedSegment {
  readonly file: string;
  readonly sizeBytes: number;
  readonly batches: number;
  readonly records: number;
  /** Opening will make it, of the records above the last attested offset. */
  readonly toBeMade: boolean;
}

export interface CheckedGroup {
  readonly group: GroupId;
  readonly replica: number | null;
  readonly term: number;
  readonly commitIndex: number;
  /** The first entry that is kept; `lastIndex + 1` where there is none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshot:
    | { readonly file: string; readonly index: number; readonly sizeBytes: number }
    | null;
  /** Bytes in value files that the snapshot names. */
  readonly valueBytes: number;
}

export type CheckReport =
  | {
    readonly verdict: "sound";
    /** Null for a store that has not been made yet. */
    readonly storeId: string | null;
    readonly segments: readonly CheckedSegment[];
    readonly groups: readonly CheckedGroup[];
    readonly tombstones: readonly { readonly group: GroupId; readonly lowestReplica: number }[];
    readonly properties: readonly { readonly name: string; readonly sizeBytes: number }[];
    /** What opening will cut; no fault, but the mark of a crash. */
    readonly tornTail: TornTail | null;
    readonly sizeBytes: number;
  }
  | {
    readonly verdict: "corrupt";
    readonly file: string;
    readonly offsetBytes: number;
    readonly message: string;
  }
  /** Identity and segments do not belong together, or the format is another one's. */
  | { readonly verdict: "foreign"; readonly message: string }
  /** A process has the store open; what is being written cannot be judged. */
  | { readonly verdict: "inUse"; readonly message: string };

/**
 * @param directory of the store
 * @returns what it holds, or what is wrong with it
 * @throws whatever the file system throws when the directory cannot be read
 */
export async function checkLog(
  directory: string,
  fileSystem: FileSystem = new DenoFileSystem(),
): Promise<CheckReport> {
  let lock: { release(): void } | null = null;
  try {
    lock = await lockIfThere(fileSystem, directory);
    await refuseMoved(fileSystem, directory);
    return reportOf(await loadStore(fileSystem, directory));
  } catch (error) {
    return verdictOf(error);
  } finally {
    lock?.release();
  }
}

/** A lock file is never made here: nothing on disk changes. */
async function lockIfThere(
  fileSystem: FileSystem,
  directory: string,
): Promise<{ release(): void } | null> {
  const names = await fileSystem.list(directory);
  if (!names.includes(LOCK_NAME)) return null;
  const lock = await fileSystem.lock(`${directory}/${LOCK_NAME}`);
  if (lock === null) throw new StorageInUseError(`another process holds ${directory}`);
  return lock;
}

function verdictOf(error: unknown): CheckReport {
  if (error instanceof StorageCorruptError) {
    const { file, offsetBytes, message } = error;
    return { verdict: "corrupt", file, offsetBytes, message };
  }
  if (error instanceof StorageForeignError) return { verdict: "foreign", message: error.message };
  if (error instanceof StorageInUseError) return { verdict: "inUse", message: error.message };
  throw error;
}

function reportOf({ recovery }: LoadedStore): CheckReport {
  const { identity, state, tornTail, rewrite } = recovery;
  const segments = recovery.segments.map(({ file, sizeBytes, batches, records }, at) => {
    const toBeMade = rewrite !== null && at === recovery.segments.length - 1;
    return { file, sizeBytes, batches, records, toBeMade };
  });
  return {
    verdict: "sound",
    storeId: identity?.storeId ?? null,
    segments,
    groups: [...state.groups].sort(([left], [right]) => left - right).map(checkedGroup),
    tombstones: [...state.tombstones].map(([group, { value }]) => ({
      group,
      lowestReplica: value,
    })),
    properties: [...state.properties].map(([name, { value }]) => ({
      name,
      sizeBytes: value.length,
    })),
    tornTail,
    sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function checkedGroup([id, group]: readonly [GroupId, LogGroup]): CheckedGroup {
  const { snapshot, hardState } = group;
  return {
    group: id,
    replica: group.replica,
    term: hardState.term,
    commitIndex: hardState.commitIndex,
    firstIndex: group.baseIndex + 1,
    lastIndex: lastIndexOf(group),
    snapshot: snapshot && {
      file: snapshotName(id, snapshot),
      index: snapshot.index,
      sizeBytes: snapshot.sizeBytes,
    },
    valueBytes: snapshot === null ? 0 : transferBytes(snapshot) - snapshot.sizeBytes,
  };
}
