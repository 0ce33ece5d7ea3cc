/** Records to write in storage tests: entries whose payload names their index, and the rest around them. */
import type { Configuration, Entry, EntryKind } from "../../src/raft/entry.ts";
import type { GroupId, Identity, StorageRecord } from "../../src/storage/storage.ts";

export const IDENTITY: Identity = {
  storeId: "00112233445566778899aabbccddeeff",
  publicKey: "ab".repeat(32),
  secretKey: "cd".repeat(64),
};

export const VOTERS: Configuration = {
  index: 1,
  voters: [{ peer: "a", replica: 1 }, { peer: "b", replica: 1 }],
  votersOutgoing: [],
  learners: [{ peer: "c", replica: 7 }],
  learnersNext: [],
};

export function entry(index: number, term = 1, text = `entry ${index}`, kind?: EntryKind): Entry {
  return {
    index,
    term,
    kind: kind ?? "command",
    timeMs: 1_000 + index * 10,
    payload: new TextEncoder().encode(text),
  };
}

/** Entries `from` .. `to`, both included, as one record. */
export function entries(group: GroupId, from: number, to: number, term = 1): StorageRecord {
  const list: Entry[] = [];
  for (let index = from; index <= to; index++) list.push(entry(index, term));
  return { kind: "entries", group, entries: list };
}

export function hardState(group: GroupId, term = 1, commitIndex = 1, replica = 1): StorageRecord {
  return { kind: "hardState", group, replica, hardState: { term, votedFor: "a", commitIndex } };
}

/** What brings a founding replica into being. */
export function founded(group: GroupId): StorageRecord[] {
  return [{ kind: "foundation", group, configuration: VOTERS }, hardState(group)];
}

export async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
