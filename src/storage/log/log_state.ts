/**
 * What the log's records mean, taken together: each group's state in memory and the places of its
 * entries. Appending and replaying both go through here, so that what is opened is what was appended.
 *
 * Only a truncation truncates, and only a tombstone or an erasure removes: records that compaction has
 * rewritten come behind newer ones, and bring back without undoing. `generation` changes whenever entries of
 * a group go, so that a reader who has waited can see that its picture is old.
 */
import { assert, unreachable } from "../../assert.ts";
import type { Configuration, Entry, HardState, SnapshotMeta } from "../../raft/entry.ts";
import { EMPTY_CONFIGURATION, FOUNDATION_INDEX } from "../memory_state.ts";
import type { GroupId } from "../storage.ts";
import { EntryIndex, type LiveBytes, type Position, segmentOf } from "./entry_index.ts";
import type { EntriesRecord, StateRecord } from "./record_codec.ts";

export interface LogGroup {
  /** Null until a hard state names it. */
  replica: number | null;
  hardState: HardState;
  /** Where the last hard state lies; null where there is none. */
  hardStateSegment: number | null;
  snapshot: SnapshotMeta | null;
  /** The numbers of the snapshot's value files here, in its order. */
  valueFiles: readonly number[];
  configuration: Configuration;
  /** Where the snapshot's reference or the foundation lies; null where there is neither. */
  baseSegment: number | null;
  /** The log begins after this index. */
  baseIndex: number;
  readonly index: EntryIndex;
  /** Configuration entries above the base, in order. */
  configurationEntries: Entry[];
  generation: number;
}

export interface Kept<T> {
  readonly value: T;
  readonly segment: number;
}

export class LogState {
  readonly groups = new Map<GroupId, LogGroup>();
  readonly tombstones = new Map<GroupId, Kept<number>>();
  readonly properties = new Map<string, Kept<Uint8Array>>();
  oldestSegment = 1;
  /** Bytes of entries that are live, by segment. */
  readonly liveBytes = new Map<number, number>();
  readonly #live: LiveBytes = (segment, changeBytes) => {
    this.liveBytes.set(segment, (this.liveBytes.get(segment) ?? 0) + changeBytes);
  };

  /** @param sizeBytes of the whole record, its frame included */
  apply(record: EntriesRecord | StateRecord, position: Position, sizeBytes: number): void {
    if (record.kind === "entries") this.applyEntries(record, position, sizeBytes);
    else this.applyState(record, segmentOf(position));
  }

  applyEntries(record: EntriesRecord, position: Position, sizeBytes: number): void {
    const group = this.group(record.group);
    const { firstIndex, count, term } = record;
    if (lastIndexOf(group) === 0 && firstIndex === FOUNDATION_INDEX + 1) {
      // A learner that is initialised by the log gets it from the formation plan's index on.
      group.baseIndex = FOUNDATION_INDEX;
      group.baseSegment = segmentOf(position);
    }
    if (record.rewritten) {
      group.index.rewrite({ firstIndex, count, term, position, sizeBytes });
      group.index.dropThrough(group.baseIndex);
    } else {
      // While a log is replayed entries may be missing before this one, which compaction has written again behind it; that
      // none is missing in the end is seen then. Of what is appended, `guardRecord` has seen it already.
      const last = group.index.lastIndex ?? group.baseIndex;
      assert(firstIndex > last, `entry ${firstIndex} must follow ${last} of ${record.group}`);
      group.index.append(firstIndex, count, term, position, sizeBytes);
    }
    for (const entry of record.configurationEntries) keepConfigurationEntry(group, entry);
  }

  applyState(record: StateRecord, segment: number): void {
    switch (record.kind) {
      case "hardState": {
        const group = this.group(record.group);
        group.replica = record.replica;
        group.hardState = record.hardState;
        group.hardStateSegment = segment;
        return;
      }
      case "truncation": {
        const group = this.group(record.group);
        group.index.truncate(record.fromIndex);
        group.index.dropThrough(group.baseIndex);
        group.configurationEntries = group.configurationEntries.filter((entry) =>
          entry.index < record.fromIndex
        );
        group.generation++;
        return;
      }
      case "snapshot":
        return takeSnapshot(this.group(record.group), record, segment);
      case "foundation": {
        const group = this.group(record.group);
        group.configuration = record.configuration;
        group.baseIndex = Math.max(group.baseIndex, FOUNDATION_INDEX);
        group.baseSegment = segment;
        return;
      }
      case "tombstone":
        if (!record.rewritten) this.#remove(record.group);
        this.tombstones.set(record.group, { value: record.lowestReplica, segment });
        return;
      case "property":
        if (record.value === null) this.properties.delete(record.name);
        else this.properties.set(record.name, { value: record.value, segment });
        return;
      case "oldestSegment":
        this.oldestSegment = Math.max(this.oldestSegment, record.segment);
        return;
      case "erasure":
        return this.#remove(record.group);
      default:
        unreachable(record);
    }
  }

  group(id: GroupId): LogGroup {
    let group = this.groups.get(id);
    if (group === undefined) {
      group = {
        replica: null,
        hardState: { term: 0, votedFor: null, commitIndex: 0 },
        hardStateSegment: null,
        snapshot: null,
        valueFiles: [],
        configuration: EMPTY_CONFIGURATION,
        baseSegment: null,
        baseIndex: 0,
        index: new EntryIndex(this.#live),
        configurationEntries: [],
        generation: 0,
      };
      this.groups.set(id, group);
    }
    return group;
  }

  /** Groups whose first batch was torn before its hard state. */
  unborn(): GroupId[] {
    return [...this.groups].filter(([, group]) => group.replica === null).map(([id]) => id);
  }

  #remove(id: GroupId): void {
    const group = this.groups.get(id);
    if (group === undefined) return;
    group.index.clear();
    group.generation++;
    this.groups.delete(id);
  }
}

/** The index of a group's last entry, or of what its log begins after. */
export function lastIndexOf(group: LogGroup): number {
  return group.index.lastIndex ?? group.baseIndex;
}

function takeSnapshot(
  group: LogGroup,
  record: StateRecord & { readonly kind: "snapshot" },
  segment: number,
): void {
  const { snapshot, valueFiles } = record;
  if (record.keepEntries || record.rewritten) group.index.dropThrough(snapshot.index);
  else group.index.clear();
  group.configurationEntries = group.index.rows === 0
    ? []
    : group.configurationEntries.filter((entry) => entry.index > snapshot.index);
  group.snapshot = snapshot;
  group.valueFiles = valueFiles;
  group.configuration = snapshot.configuration;
  group.baseIndex = snapshot.index;
  group.baseSegment = segment;
  group.generation++;
}

/** Rewritten ones come a second time, or behind newer ones: the order is that of the indices. */
function keepConfigurationEntry(group: LogGroup, entry: Entry): void {
  const kept = group.configurationEntries;
  if (entry.index <= group.baseIndex) return;
  let at = kept.length;
  while (at > 0 && kept[at - 1]!.index >= entry.index) at--;
  kept.splice(at, kept[at]?.index === entry.index ? 1 : 0, entry);
}
