/**
 * Compaction: the oldest segments are emptied and deleted, in the background and in slices, while
 * appends go on. What is still live in one (entries of slow groups, hard states, references to snapshots, foundations,
 * tombstones, properties) is written again at the head; then a record names the new oldest segment; and
 * only when all that is durable is the file deleted.
 *
 * A slice is read beside the event loop and encoded in one go, 64 KiB where entries are small: appends wait for no
 * more than that. Only the oldest segment may go, so that those which are left are always contiguous.
 */
import type { Logger } from "../../logger.ts";
import type { GroupId } from "../storage.ts";
import type { EntryReader } from "./entry_reader.ts";
import type { LogGroup, LogState } from "./log_state.ts";
import type { LogWriter } from "./log_writer.ts";
import type { SegmentSet } from "./segment_set.ts";

const SLICE_BYTES_MAX = 64 * 1024;
/**
 * A segment, or the log, is worth emptying when no more than this part of it is live entries. Of small batches
 * half are headers and hard states, and would be copied for nothing if this were near that.
 */
const LIVE_PART_MAX = 0.2;

export interface CompactorOptions {
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly reader: EntryReader;
  readonly segments: SegmentSet;
  readonly logger: Logger;
  /** A pass has ended, and may have made room. */
  readonly ended: () => void;
}

export class Compactor {
  readonly #options: CompactorOptions;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Something died or a segment was completed: looks whether there is anything to do. */
  poke(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => this.#running = null);
  }

  /** Resolves when nothing is under way; for tests and benchmarks. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Ends after the slice that is under way. What was begun is begun anew by the next instance. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { logger, writer, ended } = this.#options;
    try {
      while (this.#again && !this.#ends()) {
        this.#again = false;
        for (let victim = this.#victim(); victim !== null; victim = this.#victim()) {
          await this.#empty(victim);
        }
      }
    } catch (error) {
      if (writer.failure === null) logger.log("error", "compaction of the log failed", { error });
    }
    if (!this.#ends()) ended();
  }

  /** The oldest segment, if it or the whole log is mostly dead. */
  #victim(): number | null {
    const { segments, state } = this.#options;
    const oldest = segments.sealed[0];
    if (oldest === undefined || this.#ends()) return null;
    const liveBytes = state.liveBytes.get(oldest.number) ?? 0;
    if (liveBytes <= oldest.sizeBytes * LIVE_PART_MAX) return oldest.number;
    let allLiveBytes = 0;
    for (const { number } of segments.sealed) allLiveBytes += state.liveBytes.get(number) ?? 0;
    return allLiveBytes <= segments.sealedBytes * LIVE_PART_MAX ? oldest.number : null;
  }

  async #empty(segment: number): Promise<void> {
    const { state, writer, segments, logger } = this.#options;
    for (const id of [...state.groups.keys()]) await this.#moveEntries(id, segment);
    if (this.#ends()) return;
    this.#moveState(segment);
    writer.addState({ kind: "oldestSegment", segment: segment + 1 });
    await writer.commit();
    await segments.remove(segment);
    state.liveBytes.delete(segment);
    logger.log("debug", "a dead segment of the log was deleted", { segment });
  }

  async #moveEntries(id: GroupId, segment: number): Promise<void> {
    const { state, writer, reader } = this.#options;
    while (!this.#ends()) {
      const group = state.groups.get(id);
      const part = group?.index.stretchIn(segment, group.baseIndex, SLICE_BYTES_MAX);
      if (group === undefined || part === undefined || part === null) return;
      const generation = group.generation;
      const entries = await reader.read(id, part.firstIndex, part.endIndex, Infinity);
      const changed = state.groups.get(id) !== group || group.generation !== generation;
      if (changed || entries === null || this.#ends()) continue;
      writer.addEntries(id, entries, true);
      await writer.commit();
    }
  }

  /** Writes again, as they are now, all small things whose last record lies in the segment. */
  #moveState(segment: number): void {
    const { state, writer } = this.#options;
    for (const [group, { value, segment: at }] of state.tombstones) {
      if (at > segment) continue;
      writer.addState({ kind: "tombstone", group, lowestReplica: value, rewritten: true });
    }
    for (const [name, { value, segment: at }] of state.properties) {
      if (at <= segment) writer.addState({ kind: "property", name, value });
    }
    for (const [id, group] of state.groups) this.#moveGroupState(id, group, segment);
  }

  #moveGroupState(id: GroupId, group: LogGroup, segment: number): void {
    const { writer } = this.#options;
    const { replica, hardState, snapshot, valueFiles, configuration } = group;
    if (group.baseSegment !== null && group.baseSegment <= segment) {
      writer.addState(
        snapshot === null ? { kind: "foundation", group: id, configuration, rewritten: true } : {
          kind: "snapshot",
          group: id,
          snapshot,
          keepEntries: true,
          valueFiles,
          rewritten: true,
        },
      );
    }
    if (replica !== null && group.hardStateSegment !== null && group.hardStateSegment <= segment) {
      writer.addState({ kind: "hardState", group: id, replica, hardState, rewritten: true });
    }
  }

  #ends(): boolean {
    return this.#stopped || this.#options.writer.failure !== null;
  }
}
