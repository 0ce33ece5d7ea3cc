/**
 * What a partition holds of the event log: its topics, the batches of their events, and the identities that they
 * remember; and the form of all that in snapshots. Pages and records are written as they lie in memory; their order,
 * their links and the index are made anew.
 */
import { assert } from "../assert.ts";
import { loadBlock, type RecordBlock } from "../groups/record_walk.ts";
import { SnapshotMap } from "../groups/snapshot_map.ts";
import { joinRows, readRows, RowChunks } from "../groups/snapshot_rows.ts";
import type { Values } from "../groups/values.ts";
import { BatchTable } from "./batch_table.ts";
import { IdentityTable } from "./identity_table.ts";
import { TopicLog, type TopicRow, topicRow } from "./topic_log.ts";

const TAG = { topic: 1, batches: 2, identities: 3 } as const;

/** `[halves of a batch, of a page of identities]` */
type HeaderRow = readonly [number, number];

export class EventsState {
  /** By index. */
  readonly topics = new SnapshotMap<number, TopicLog, readonly [number, ...TopicRow]>(
    (_, log) => [TAG.topic, ...topicRow(log)],
  );
  readonly batches: BatchTable;
  readonly identities = new IdentityTable();
  readonly #byName = new Map<string, TopicLog>();

  constructor(values: Values) {
    this.batches = new BatchTable(values);
  }

  find(topic: string): TopicLog | undefined {
    return this.#byName.get(topic);
  }

  /** The topic must be new. */
  add(topic: string): TopicLog {
    return this.#put(new TopicLog(this.topics.size, topic));
  }

  #put(log: TopicLog): TopicLog {
    this.topics.set(log.index, log);
    this.#byName.set(log.topic, log);
    return log;
  }

  /** Must be called before a topic's own fields are changed. */
  touch(log: TopicLog): void {
    this.topics.touch(log.index);
  }

  /** The oldest event that is left; the next offset where none is. */
  firstOffset({ batches, nextOffset }: TopicLog): number {
    return batches.length === 0 ? nextOffset : this.batches.firstOffset(batches.at(0));
  }

  /** See `Machine.snapshot`. All sources begin at once, so all are of the same moment. */
  snapshot(): Iterator<Uint8Array> {
    const header: HeaderRow = [this.batches.storedHalves, this.identities.storedHalves];
    return new RowChunks(joinRows(
      [header].values(),
      this.topics.snapshot(),
      this.batches.snapshot(TAG.batches),
      this.identities.snapshot(TAG.identities),
    ));
  }

  /**
   * See `Machine.restore`.
   * @throws {Error} where another version wrote records of another size
   */
  restore(chunks: Iterable<Uint8Array>): void {
    this.#clear();
    const rows = readRows(chunks);
    const header = rows.next();
    if (header.done === true) return;
    const sizes = [this.batches.storedHalves, this.identities.storedHalves];
    if ((header.value as HeaderRow).join() !== sizes.join()) {
      throw new Error(`the snapshot has records of ${header.value} halves, this version ${sizes}`);
    }
    for (const row of rows) this.#load(row as readonly [number, ...unknown[]]);
    const logOf = (index: number) => this.topics.get(index)!;
    for (const table of [this.batches, this.identities]) {
      table.endLoading();
      table.arrange(logOf);
    }
  }

  #clear(): void {
    for (const part of [this.topics, this.batches, this.identities]) part.clear();
    this.#byName.clear();
  }

  #load(row: readonly [number, ...unknown[]]): void {
    switch (row[0]) {
      case TAG.topic: {
        const [, index, topic, nextOffset, received] = row as readonly [number, ...TopicRow];
        const log = this.#put(new TopicLog(index, topic));
        log.nextOffset = nextOffset;
        log.received = received;
        return;
      }
      case TAG.batches:
        return loadBlock(this.batches, row as RecordBlock);
      case TAG.identities:
        return loadBlock(this.identities, row as RecordBlock);
      default:
        throw new Error(
          `the snapshot has rows of kind ${row[0]}, which this version does not know`,
        );
    }
  }

  checkInvariants(): void {
    const logs = [...this.topics.values()];
    assert(this.#byName.size === logs.length, "every topic has one name");
    for (const log of logs) {
      assert(this.topics.get(log.index) === log, "a topic is found by its index");
      assert(this.find(log.topic) === log, "a topic is found by its name");
      assert(log.nextOffset <= log.received, "what is stored was received");
    }
    const nextOffsetOf = (index: number) => this.topics.get(index)!.nextOffset;
    this.batches.checkInvariants(logs, nextOffsetOf);
    this.identities.checkInvariants(logs, nextOffsetOf);
  }
}
