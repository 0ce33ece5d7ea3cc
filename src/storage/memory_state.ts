/**
 * The meaning of storage records, in plain memory: what a log holds after a list of them. `MemoryStorage`
 * keeps two of these, the view of the running instance and what its disk would still know after a
 * crash. It is also the reference that the embedded log is compared with in tests.
 *
 * Invariant of a group: `entries` are contiguous, the first has index `baseIndex + 1`, and nothing at or
 * below `baseIndex` is kept. Payloads are shared, never copied: nobody changes them.
 */
import { assert, unreachable } from "../assert.ts";
import type { Configuration, Entry, HardState, SnapshotMeta, TermSpan } from "../raft/entry.ts";
import type { GroupId, RecoveredGroup, StorageRecord } from "./storage.ts";

/** The configuration of a group that nobody has told who votes. */
export const EMPTY_CONFIGURATION: Configuration = {
  index: 0,
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

/** The index that stands for the formation plan in a founding replica's log. */
export const FOUNDATION_INDEX = 1;

export interface MemoryGroup {
  /** Null until a hard state names it. */
  replica: number | null;
  hardState: HardState;
  snapshot: SnapshotMeta | null;
  configuration: Configuration;
  baseIndex: number;
  entries: Entry[];
}

export class MemoryState {
  readonly groups = new Map<GroupId, MemoryGroup>();
  readonly tombstones = new Map<GroupId, number>();
  readonly properties = new Map<string, Uint8Array>();

  /** A state that shares no container with this one. */
  clone(): MemoryState {
    const copy = new MemoryState();
    for (const [id, group] of this.groups) {
      copy.groups.set(id, { ...group, entries: group.entries.slice() });
    }
    for (const [id, lowest] of this.tombstones) copy.tombstones.set(id, lowest);
    for (const [name, value] of this.properties) copy.properties.set(name, value);
    return copy;
  }

  apply(record: StorageRecord): void {
    switch (record.kind) {
      case "entries":
        return appendEntries(this.group(record.group), record.entries);
      case "hardState":
        return this.#setHardState(record.group, record.replica, record.hardState);
      case "truncation":
        return truncate(this.group(record.group), record.fromIndex);
      case "snapshot":
        return takeSnapshot(this.group(record.group), record.snapshot, record.keepEntries);
      case "foundation":
        return found(this.group(record.group), record.configuration);
      case "tombstone":
        this.groups.delete(record.group);
        this.tombstones.set(record.group, record.lowestReplica);
        return;
      case "property":
        if (record.value === null) this.properties.delete(record.name);
        else this.properties.set(record.name, record.value);
        return;
      default:
        unreachable(record);
    }
  }

  /** Drops groups whose first batch was torn before its hard state: they never came to be. */
  dropUnborn(): void {
    for (const [id, group] of this.groups) if (group.replica === null) this.groups.delete(id);
  }

  group(id: GroupId): MemoryGroup {
    let group = this.groups.get(id);
    if (group === undefined) {
      group = {
        replica: null,
        hardState: { term: 0, votedFor: null, commitIndex: 0 },
        snapshot: null,
        configuration: EMPTY_CONFIGURATION,
        baseIndex: 0,
        entries: [],
      };
      this.groups.set(id, group);
    }
    return group;
  }

  recovered(): RecoveredGroup[] {
    const found: RecoveredGroup[] = [];
    for (const [id, group] of [...this.groups].sort(([left], [right]) => left - right)) {
      assert(group.replica !== null, `group ${id} must have a replica`);
      const last = group.entries.at(-1);
      found.push({
        group: id,
        replica: group.replica,
        hardState: group.hardState,
        snapshot: group.snapshot,
        configuration: group.configuration,
        terms: termSpans(group.entries),
        lastIndex: last?.index ?? group.baseIndex,
        lastTimeMs: last?.timeMs ?? group.snapshot?.timeMs ?? 0,
        configurationEntries: group.entries.filter((entry) => entry.kind === "configuration"),
      });
    }
    return found;
  }

  #setHardState(id: GroupId, replica: number, hardState: HardState): void {
    const lowest = this.tombstones.get(id) ?? 0;
    assert(replica >= lowest, `replica ${replica} of group ${id} lies under tombstone ${lowest}`);
    const group = this.group(id);
    const former = group.replica;
    assert(
      former === null || former === replica,
      `group ${id} is replica ${former}, not ${replica}`,
    );
    group.replica = replica;
    group.hardState = hardState;
  }
}

/** The index of the group's last entry, or of what its log begins after. */
export function lastIndexOf(group: MemoryGroup): number {
  return group.baseIndex + group.entries.length;
}

function appendEntries(group: MemoryGroup, entries: readonly Entry[]): void {
  if (lastIndexOf(group) === 0 && entries[0]?.index === FOUNDATION_INDEX + 1) {
    // A learner that is initialised by the log gets it from the formation plan's index on.
    group.baseIndex = FOUNDATION_INDEX;
  }
  let expected = lastIndexOf(group) + 1;
  for (const entry of entries) {
    if (entry.index !== expected) {
      assert(false, `entry ${entry.index} must follow ${expected - 1}: truncation comes first`);
    }
    group.entries.push(entry);
    expected++;
  }
}

function truncate(group: MemoryGroup, fromIndex: number): void {
  assert(fromIndex > group.baseIndex, `truncation at ${fromIndex} is under ${group.baseIndex}`);
  const kept = fromIndex - group.baseIndex - 1;
  if (kept < group.entries.length) group.entries.length = kept;
}

function takeSnapshot(group: MemoryGroup, snapshot: SnapshotMeta, keepEntries: boolean): void {
  const covered = keepEntries ? Math.max(0, snapshot.index - group.baseIndex) : Infinity;
  group.entries = group.entries.slice(Math.min(covered, group.entries.length));
  group.snapshot = snapshot;
  group.configuration = snapshot.configuration;
  group.baseIndex = snapshot.index;
}

function found(group: MemoryGroup, configuration: Configuration): void {
  assert(group.baseIndex <= FOUNDATION_INDEX, "a founding replica has no snapshot");
  assert(group.entries.length === 0, "a founding replica has no entries");
  group.configuration = configuration;
  group.baseIndex = FOUNDATION_INDEX;
}

function termSpans(entries: readonly Entry[]): TermSpan[] {
  const spans: TermSpan[] = [];
  let term = -1;
  for (const entry of entries) {
    if (entry.term === term) continue;
    term = entry.term;
    spans.push({ firstIndex: entry.index, term });
  }
  return spans;
}
