/**
 * The form of the queue's state in snapshots: a header, then lanes, batches, ids, messages and reasons, each with a
 * tag. Records lie in blocks as they lie in memory (`record_walk.ts`), at their slots; links, heaps and indexes are made
 * anew. The header tells how long records are, so that a version with longer ones is told from this one.
 */
import { assert } from "../assert.ts";
import { loadBlock, type RecordBlock } from "../groups/record_walk.ts";
import { joinRows, readRows, RowChunks } from "../groups/snapshot_rows.ts";
import { type LaneRow, loadCounts } from "./lane.ts";
import type { QueueState } from "./queue_state.ts";
import { decodeSettings } from "./topic_options.ts";

const TAG = { lane: 1, batches: 2, ids: 3, messages: 4, reason: 5 } as const;

/** `[nextNumber, halves of a batch, of an id, of a message]` */
type HeaderRow = readonly [number, number, number, number];

/** See `Machine.snapshot`. All sources begin at once, so all are of the same moment. */
export function snapshotRows(state: QueueState): Iterator<Uint8Array> {
  const header: HeaderRow = [state.nextNumber, ...recordSizes(state)];
  return new RowChunks(joinRows(
    [header].values(),
    tagged(TAG.lane, state.lanes.snapshot()),
    state.batches.snapshot(TAG.batches),
    state.ids.snapshot(TAG.ids),
    state.messages.snapshot(TAG.messages),
    tagged(TAG.reason, state.reasons.snapshot()),
  ));
}

function recordSizes({ batches, ids, messages }: QueueState): readonly [number, number, number] {
  return [batches.storedHalves, ids.storedHalves, messages.storedHalves];
}

function tagged(tag: number, rows: Iterator<readonly unknown[]>): Iterator<readonly unknown[]> {
  return {
    next() {
      const step = rows.next();
      return step.done === true ? step : { done: false, value: [tag, ...step.value] as const };
    },
    return() {
      rows.return?.();
      return { done: true, value: undefined };
    },
  };
}

/**
 * See `Machine.restore`.
 * @throws {Error} where another version wrote records of another size
 */
export function restoreRows(state: QueueState, chunks: Iterable<Uint8Array>): void {
  state.clear();
  const rows = readRows(chunks);
  const header = rows.next();
  if (header.done === true) return;
  const [nextNumber, ...sizes] = header.value as HeaderRow;
  if (sizes.join() !== recordSizes(state).join()) {
    throw new Error(
      `the snapshot has records of ${sizes} halves, this version ${recordSizes(state)}`,
    );
  }
  state.nextNumber = nextNumber;
  for (const row of rows) loadRow(state, row as readonly [number, ...unknown[]]);
  for (const table of [state.batches, state.ids, state.messages]) table.endLoading();
  state.arrange();
}

function loadRow(state: QueueState, row: readonly [number, ...unknown[]]): void {
  switch (row[0]) {
    case TAG.lane:
      return loadLane(state, row.slice(1) as unknown as LaneRow);
    case TAG.batches:
      return loadBlock(state.batches, row as RecordBlock);
    case TAG.ids:
      return loadBlock(state.ids, row as RecordBlock, (slot, id) => state.ids.loadText(slot, id));
    case TAG.messages:
      return loadBlock(state.messages, row as RecordBlock);
    case TAG.reason:
      state.reasons.set(row[1] as number, row[2] as string);
      return;
    default:
      throw new Error(`the snapshot has rows of kind ${row[0]}, which this version does not know`);
  }
}

function loadLane(state: QueueState, row: LaneRow): void {
  const [index, topic, lane, fields] = row;
  const settings = decodeSettings(fields);
  assert(settings !== undefined, `the settings of ${topic} in a verified snapshot are sound`);
  loadCounts(state.addLane(index, topic, lane, settings), row);
}
