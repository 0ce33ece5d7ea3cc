/**
 * The place of one key at this peer: its line, those who wait for it, and its neighbours in the order of use.
 */
import type { SkeinError } from "../errors.ts";
import type { Linked } from "../groups/recency_list.ts";
import type { GetAnswer } from "./cache.ts";
import { type Line, NO_LINE, type Wish } from "./line.ts";
import type { PartitionLines } from "./partition_lines.ts";
import type { Version } from "./version.ts";

/** A caller's read or write that waits for the line. */
export interface LineOperation {
  readonly wish: Wish;
  /**
   * The line may be read.
   * @returns whether that was enough, and the caller has its answer
   */
  attempt(slot: LineSlot): boolean;
  /** It came to nothing. */
  fail(error: SkeinError): void;
}

/** A write that is answered once it is committed. */
export interface DurableWrite {
  readonly version: Version;
  safe(): void;
  lost(error: SkeinError): void;
}

export class LineSlot implements Linked<LineSlot> {
  older: LineSlot | null = null;
  newer: LineSlot | null = null;
  listed = false;
  readonly key: string;
  readonly partition: PartitionLines;
  /** Only `Lines` changes it. */
  line: Line = NO_LINE;
  /** What a read is answered while the line is as it is; null: to be made anew. */
  hit: GetAnswer | null = null;
  /** What it counts against the bound of bytes. */
  bytes = 0;
  /** What it counts among what is owed; null: it owes nothing. */
  owedBytes: number | null = null;
  /** When the ask under way was last sent. */
  askedMs = 0;
  /** In the order in which they came. */
  operations: LineOperation[] = [];
  durables: DurableWrite[] = [];

  constructor(key: string, partition: PartitionLines) {
    this.key = key;
    this.partition = partition;
  }

  /** Whether nothing of it need be remembered. */
  get isEmpty(): boolean {
    const { state, ask, owed } = this.line;
    return state === "I" && ask === null && owed === null && this.operations.length === 0 &&
      this.durables.length === 0;
  }
}
