/**
 * The two halves of opening a store: reading it, which changes nothing and is all that the offline check does, and
 * writing what reading found necessary. In between lies the decision that the store is sound.
 */
import type { SnapshotMeta } from "../../raft/entry.ts";
import type { GroupId } from "../storage.ts";
import { type FileSystem, writeDurably } from "./file_system.ts";
import type { NamedValueFile } from "./metadata_codec.ts";
import { recover, type Recovery } from "./recovery.ts";
import { segmentDirectory } from "./segment_file.ts";
import { verifySnapshot } from "./snapshot_files.ts";
import { verifyValueFile } from "./value_files.ts";

export interface LoadedStore {
  readonly recovery: Recovery;
  /** What the log refers to, verified. */
  readonly snapshots: ReadonlyMap<GroupId, SnapshotMeta>;
  readonly values: ReadonlyMap<GroupId, readonly NamedValueFile[]>;
}

/**
 * Reads and verifies a whole store.
 * @throws {StorageCorruptError} naming file and offset
 * @throws {StorageForeignError} when its parts do not belong together
 */
export async function loadStore(fileSystem: FileSystem, directory: string): Promise<LoadedStore> {
  const recovery = await recover(fileSystem, directory);
  const snapshots = new Map<GroupId, SnapshotMeta>();
  const values = new Map<GroupId, readonly NamedValueFile[]>();
  for (const [id, group] of recovery.state.groups) {
    if (group.snapshot === null) continue;
    await verifySnapshot(fileSystem, directory, id, group.snapshot);
    for (const named of group.values) await verifyValueFile(fileSystem, directory, id, named);
    snapshots.set(id, group.snapshot);
    values.set(id, group.values);
  }
  return { recovery, snapshots, values };
}

/**
 * Makes what was found durable under its own name, and removes what does not belong to the log. May be
 * called again after it failed.
 */
export async function writeRecovery(
  fileSystem: FileSystem,
  directory: string,
  recovery: Recovery,
): Promise<void> {
  const wal = segmentDirectory(directory);
  await fileSystem.makeDirectory(wal);
  await fileSystem.syncDirectory(directory);
  if (recovery.rewrite !== null) {
    await writeDurably(fileSystem, wal, recovery.rewrite.name, recovery.rewrite.bytes);
  }
  for (const name of recovery.leftovers) await fileSystem.remove(`${wal}/${name}`);
  await fileSystem.syncDirectory(wal);
}
