/**
 * What must hold before a record is appended, asserted against the state that it will change. A record that breaks
 * a rule is our own bug, and must not reach the disk: every later opening would stumble over it.
 */
import { assert, unreachable } from "../../assert.ts";
import type { SnapshotMeta } from "../../raft/entry.ts";
import { FOUNDATION_INDEX } from "../memory_state.ts";
import type { GroupId, StorageRecord } from "../storage.ts";
import { lastIndexOf, type LogState } from "./log_state.ts";

export const PROPERTY_BYTES_MAX = 64 * 1024;

/**
 * @param isKept whether the file of a snapshot is durable
 * @throws {AssertionError}
 */
export function guardRecord(
  state: LogState,
  record: StorageRecord,
  isKept: (group: GroupId, snapshot: SnapshotMeta) => boolean,
): void {
  switch (record.kind) {
    case "entries": {
      const first = record.entries[0];
      if (first === undefined) return;
      const group = state.groups.get(record.group);
      const last = group === undefined ? 0 : lastIndexOf(group);
      const initial = last === 0 && first.index === FOUNDATION_INDEX + 1;
      if (first.index === last + 1 || initial) return;
      return assert(false, `entry ${first.index} must follow ${last}: truncation comes first`);
    }
    case "hardState": {
      const { group, replica } = record;
      const lowest = state.tombstones.get(group)?.value ?? 0;
      assert(
        replica >= lowest,
        `replica ${replica} of group ${group} is under tombstone ${lowest}`,
      );
      const former = state.groups.get(group)?.replica ?? replica;
      return assert(former === replica, `group ${group} is replica ${former}, not ${replica}`);
    }
    case "truncation": {
      const base = state.groups.get(record.group)?.baseIndex ?? 0;
      return assert(record.fromIndex > base, `truncation at ${record.fromIndex} is under ${base}`);
    }
    case "snapshot":
      return assert(
        isKept(record.group, record.snapshot),
        `the file of snapshot ${record.snapshot.index} of group ${record.group} must be durable`,
      );
    case "foundation": {
      const group = state.groups.get(record.group);
      const unborn = group === undefined || lastIndexOf(group) <= FOUNDATION_INDEX;
      return assert(unborn, `group ${record.group} has a log and cannot be founded`);
    }
    case "tombstone":
      return;
    case "property": {
      const sizeBytes = record.value?.length ?? 0;
      return assert(sizeBytes <= PROPERTY_BYTES_MAX, `${record.name} has ${sizeBytes} bytes`);
    }
    default:
      unreachable(record);
  }
}
