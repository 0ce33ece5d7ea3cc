/**
 * The two halves of opening a store: reading it, which changes nothing and is all that the offline check does, and
 * writing what reading found necessary. In between lies the decision that the store is sound.
 */
import type { ReferencedSnapshot } from "../kept_snapshots.ts";
import type { GroupId } from "../storage.ts";
import { type FileSystem, writeDurably } from "./file_system.ts";
import type { NamedValueFile } from "./metadata_codec.ts";
import { recover, type Recovery } from "./recovery.ts";
import { segmentDirectory } from "./segment_file.ts";
import { verifySnapshot } from "./snapshot_files.ts";
import { verifyValueFiles } from "./value_files.ts";

export interface LoadedStore {
  readonly recovery: Recovery;
  /** What the log refers to, verified. */
  readonly snapshots: ReadonlyMap<GroupId, ReferencedSnapshot>;
  readonly values: ReadonlyMap<GroupId, readonly NamedValueFile[]>;
}

/**
 * Reads and verifies a whole store.
 * @throws {StorageCorruptError} naming file and offset
 * @throws {StorageForeignError} when its parts do not belong together
 */
export async function loadStore(fileSystem: FileSystem, directory: string): Promise<LoadedStore> {
  const recovery = await recover(fileSystem, directory);
  const snapshots = new Map<GroupId, ReferencedSnapshot>();
  const values = new Map<GroupId, readonly NamedValueFile[]>();
  for (const [id, group] of recovery.state.groups) {
    if (group.snapshot === null) continue;
    const { snapshot, valueFiles } = group;
    await verifySnapshot(fileSystem, directory, id, snapshot);
    const files = await verifyValueFiles(fileSystem, directory, id, snapshot, valueFiles);
    const named = files.map(({ file, lengthBytes, checksum }) => ({ file, lengthBytes, checksum }));
    group.snapshot = { ...snapshot, values: named };
    snapshots.set(id, { snapshot: group.snapshot, valueFiles });
    values.set(id, files);
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
