/**
 * Turns the log's state after opening into what Raft starts from. The terms come from the index, and the time of
 * the last entry from the entry itself.
 */
import { assert } from "../../assert.ts";
import type { TermSpan } from "../../raft/entry.ts";
import type { RecoveredGroup } from "../storage.ts";
import type { EntryIndex } from "./entry_index.ts";
import type { EntryReader } from "./entry_reader.ts";
import { lastIndexOf, type LogState } from "./log_state.ts";

export async function recoveredGroups(
  state: LogState,
  reader: EntryReader,
): Promise<readonly RecoveredGroup[]> {
  const found: RecoveredGroup[] = [];
  for (const [id, group] of [...state.groups].sort(([left], [right]) => left - right)) {
    assert(group.replica !== null, `group ${id} must have a replica`);
    const lastIndex = lastIndexOf(group);
    const last = lastIndex > group.baseIndex
      ? await reader.read(id, lastIndex, lastIndex + 1, 1)
      : null;
    found.push({
      group: id,
      replica: group.replica,
      hardState: group.hardState,
      snapshot: group.snapshot,
      configuration: group.configuration,
      terms: termSpans(group.index, group.baseIndex),
      lastIndex,
      lastTimeMs: last?.[0]?.timeMs ?? group.snapshot?.timeMs ?? 0,
      configurationEntries: group.configurationEntries.slice(),
    });
  }
  return found;
}

function termSpans(index: EntryIndex, baseIndex: number): TermSpan[] {
  const spans: TermSpan[] = [];
  for (let at = 0; at < index.rows; at++) {
    const { firstIndex, term } = index.row(at);
    if (spans.at(-1)?.term === term) continue;
    spans.push({ firstIndex: Math.max(firstIndex, baseIndex + 1), term });
  }
  return spans;
}
