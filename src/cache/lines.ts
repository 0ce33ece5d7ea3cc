/**
 * This peer's lines. A read or a write that its line allows costs no message and is answered at once; any other one
 * waits while the line is asked for. The lease is looked at, on both clocks, before every use. What is here is bounded
 * by entries and by bytes; what goes is written back first, and answers recalls until that is confirmed.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { Deadlines } from "../groups/deadlines.ts";
import type { Groups } from "../groups/groups.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { GetAnswer, LineLetter, PutAnswer } from "./cache.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import { leaseTimes } from "./lease_times.ts";
import { LineCounters } from "./line_counters.ts";
import { LineSlot } from "./line_slot.ts";
import { LineSteps } from "./line_steps.ts";
import { LineTable, type TableBounds } from "./line_table.ts";
import { LineUses, type LineWrite } from "./line_uses.ts";
import { LineWaits } from "./line_waits.ts";
import type { HomeMessage } from "./messages.ts";
import type { PartitionLines } from "./partition_lines.ts";
import type { OwnHome } from "./peer_lease.ts";
import type { CachePost } from "./post.ts";
import { WriteBacks } from "./write_backs.ts";

export interface LinesEdges {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly groups: Pick<Groups, "ask" | "answer" | "leaderOf" | "status">;
  readonly post: Pick<CachePost, "toHome" | "renew">;
  readonly bounds: TableBounds;
  readonly flushIntervalMs: number;
  /** The minimum one, alike on every peer. */
  readonly electionTimeoutMs: number;
  partitionOf(key: string): number;
  /** The home of the partition at this peer; null: it is at another one. */
  ownHome(partition: number): OwnHome | null;
  /** Group time by this peer's own replica; null: it has none. */
  timeMs(partition: number): number | null;
}

/** A line takes no write while one of it is unconfirmed for more than so many flush intervals. */
const UNCONFIRMED_INTERVALS = 2;
/** What is not answered or confirmed after so long is sent again. */
const AGAIN_ELECTION_TIMEOUTS = 0.5;

export class Lines {
  readonly counters = new LineCounters();
  readonly #edges: LinesEdges;
  readonly #againMs: number;
  readonly #table: LineTable;
  readonly #steps: LineSteps;
  readonly #uses: LineUses;
  readonly #waits: LineWaits;
  readonly #keeper: LeaseKeeper;
  readonly #writeBacks: WriteBacks;
  readonly #deadlines: Deadlines;
  #closed: SkeinError | null = null;

  constructor(edges: LinesEdges) {
    const { clock, bounds, flushIntervalMs, electionTimeoutMs } = edges;
    this.#edges = edges;
    this.#againMs = electionTimeoutMs * AGAIN_ELECTION_TIMEOUTS;
    this.#table = new LineTable(bounds);
    this.#deadlines = new Deadlines(clock);
    this.#writeBacks = new WriteBacks({
      clock,
      intervalMs: flushIntervalMs,
      flush: (slot, urgent) => this.#flush(slot, urgent),
      interval: () => this.#interval(),
    });
    this.#steps = this.#makeSteps();
    this.#uses = new LineUses({
      clock,
      steps: this.#steps,
      unconfirmedMaxMs: flushIntervalMs * UNCONFIRMED_INTERVALS,
      timeMs: (partition) => edges.timeMs(partition),
    });
    this.#keeper = this.#makeKeeper();
    this.#waits = new LineWaits({
      clock,
      table: this.#table,
      steps: this.#steps,
      uses: this.#uses,
      deadlines: this.#deadlines,
      againMs: this.#againMs,
      want: (partition) => this.#keeper.want(partition),
    });
  }

  #makeSteps(): LineSteps {
    const { clock, logger, post } = this.#edges;
    return new LineSteps({
      clock,
      logger,
      post,
      table: this.#table,
      counters: this.counters,
      dirty: (slot) => this.#writeBacks.add(slot),
      wake: (slot) => this.#waits.serve(slot),
    });
  }

  #makeKeeper(): LeaseKeeper {
    const { clock, logger, groups, post, electionTimeoutMs } = this.#edges;
    return new LeaseKeeper({
      clock,
      logger,
      times: leaseTimes(electionTimeoutMs),
      groups,
      post,
      ownHome: (partition) => this.#edges.ownHome(partition),
      find: (key) => this.#table.find(key),
      step: (slot, event) => this.#steps.step(slot, event),
      serve: (partition) => this.#waits.serveAll(partition),
    });
  }

  // ---- what is here

  /** What a read is answered from this peer's memory; null: it needs a message. */
  hit(key: string): GetAnswer | null {
    const slot = this.#table.find(key);
    if (slot === undefined || !this.#uses.isUsable(slot)) return null;
    this.counters.hits++;
    this.#table.touch(slot);
    return this.#uses.hit(slot);
  }

  /** Writes where that needs no message, and none that is durable. @returns null: it has to wait */
  writeHere(key: string, write: LineWrite): PutAnswer | null {
    const slot = this.#table.find(key);
    if (slot === undefined || write.durable || !this.#uses.isUsable(slot)) return null;
    const answer = this.#write(slot, write);
    this.#trim();
    return answer;
  }

  /** Of a key's line, as far as it may be used. */
  state(key: string): LineLetter {
    const slot = this.#table.find(key);
    return slot === undefined ? "I" : this.#uses.state(slot);
  }

  get lines(): number {
    return this.#table.lines;
  }

  get linesMax(): number {
    return this.#table.linesMax;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** Lines that have something that is not confirmed. */
  get dirty(): number {
    return this.#writeBacks.dirty;
  }

  // ---- reads and writes

  /**
   * Reads, once the line is here.
   * @throws {SkeinError} by rejection: UNAVAILABLE, TOO_MANY_REQUESTS, SHUTTING_DOWN
   */
  read(key: string, timeoutMs: number): Promise<GetAnswer> {
    this.counters.misses++;
    return new Promise((resolve, reject) => {
      const attempt = (slot: LineSlot) => {
        this.#table.touch(slot);
        resolve(this.#uses.answer(slot, "filled"));
        return true;
      };
      this.#wait(key, { wish: "shared", attempt, fail: reject }, timeoutMs);
    });
  }

  /**
   * Writes, once the line is here; a durable write is answered once it is committed.
   * @throws {SkeinError} by rejection: UNAVAILABLE, TOO_MANY_REQUESTS, SHUTTING_DOWN; and OUTCOME_UNKNOWN for a durable
   * write whose line was lost
   */
  write(key: string, write: LineWrite, timeoutMs: number): Promise<PutAnswer> {
    return new Promise((resolve, reject) => {
      const attempt = (slot: LineSlot) => {
        const answer = this.#write(slot, write);
        if (answer === null) return false;
        if (!write.durable || !answer.ok) resolve(answer);
        else this.#durable(slot, timeoutMs, () => resolve(answer), reject);
        return true;
      };
      this.#wait(key, { wish: "owned", attempt, fail: reject }, timeoutMs);
    });
  }

  #wait(
    key: string,
    operation: Parameters<LineWaits["add"]>[1],
    timeoutMs: number,
  ): void {
    const partition = this.#keeper.partition(this.#edges.partitionOf(key));
    this.#keeper.look(partition);
    const slot = this.#table.find(key) ?? this.#table.add(key, partition);
    this.#waits.add(slot, operation, timeoutMs);
    this.#trim();
  }

  #write(slot: LineSlot, write: LineWrite): PutAnswer | null {
    const answer = this.#uses.write(slot, write);
    if (answer === null || !answer.ok) return answer;
    this.counters.writes++;
    this.#table.touch(slot);
    this.#writeBacks.add(slot);
    return answer;
  }

  /** What was just written is to be committed before that is answered. */
  #durable(
    slot: LineSlot,
    timeoutMs: number,
    safe: () => void,
    lost: (error: SkeinError) => void,
  ): void {
    const late = () => {
      slot.durables = slot.durables.filter((other) => other !== durable);
      this.#table.forgetIfEmpty(slot);
      const what = `the write of ${JSON.stringify(slot.key)} was not known to be committed in time`;
      lost(new SkeinError("OUTCOME_UNKNOWN", what));
    };
    const deadline = this.#deadlines.arm(timeoutMs, late);
    const durable = {
      version: slot.line.content!.version!,
      safe: () => {
        this.#deadlines.disarm(deadline);
        safe();
      },
      lost: (error: SkeinError) => {
        this.#deadlines.disarm(deadline);
        lost(error);
      },
    };
    slot.durables.push(durable);
    this.#writeBacks.hurry(slot);
  }

  // ---- what goes

  /** While there are too many lines, the one that was not used for longest goes. */
  #trim(): void {
    for (let slot = this.#table.surplus(); slot !== null; slot = this.#table.surplus()) {
      this.counters.evictions++;
      this.#evict(slot);
    }
  }

  #evict(slot: LineSlot): void {
    this.#keeper.look(slot.partition);
    this.#steps.step(slot, { kind: "evict", nowMs: this.#edges.clock.monotonicMs() });
    if (this.#steps.isRiding) this.#writeBacks.arm();
  }

  #flush(slot: LineSlot, urgent: boolean): void {
    this.#keeper.look(slot.partition);
    // Under a session that is being replaced it would come to nothing.
    if (!slot.partition.lease.mayAsk) return;
    const nowMs = this.#edges.clock.monotonicMs();
    this.#steps.step(slot, { kind: "flush", nowMs, againAfterMs: this.#againMs, urgent });
  }

  /** A flush interval is over. @returns whether nothing waits for the next one */
  #interval(): boolean {
    this.#steps.sendRiding();
    this.#waits.serveAll(null);
    return !this.#steps.isRiding;
  }

  // ---- what homes say

  /** A message of a partition's home. */
  receive(from: PeerId, message: HomeMessage): void {
    if (this.#closed !== null) return;
    const partition = this.#keeper.heard(from, message);
    if (partition === null) return;
    if (message.kind === "leased") this.#keeper.leased(partition, message);
    else if (message.kind === "renewed") this.#keeper.renewed(partition, message);
    else this.#receiveOfKey(partition, message);
    this.#trim();
    this.#writeBacks.look();
  }

  #receiveOfKey(
    partition: PartitionLines,
    message: Exclude<HomeMessage, { readonly kind: "leased" | "renewed" }>,
  ): void {
    // Also of a key that has no place here: the home is answered that there is nothing.
    const slot = this.#table.find(message.key) ?? new LineSlot(message.key, partition);
    switch (message.kind) {
      case "recall":
        this.counters.recalls++;
        return this.#steps.step(slot, { ...message, nowMs: this.#edges.clock.monotonicMs() });
      case "denied":
        return this.#waits.denied(slot, message.request, message.error);
      case "delayed":
        return this.#delayed(slot, message.error);
      default:
        return this.#steps.step(slot, message);
    }
  }

  /** What was written cannot be committed for now: nobody waits for that here. */
  #delayed(slot: LineSlot, { message }: SkeinError): void {
    const what = `the write of ${JSON.stringify(slot.key)} is not committed yet: ${message}`;
    for (const durable of slot.durables.splice(0)) {
      durable.lost(new SkeinError("OUTCOME_UNKNOWN", what));
    }
    this.#waits.failAll(slot, new SkeinError("UNAVAILABLE", what));
    this.#table.forgetIfEmpty(slot);
  }

  /** Another peer leads the partition, as this peer's replica knows. */
  leaderChanged(partition: number): void {
    if (this.#closed === null) this.#keeper.leaderChanged(partition);
  }

  // ---- the end

  /**
   * Every line is given up, and what was written is written back. Lines that are asked for from now on come as ever.
   * @returns resolves once all is committed and every home that asked knows what is here, or the time is over
   */
  async giveUp(timeoutMs: number): Promise<void> {
    if (this.#closed !== null) return;
    for (const slot of [...this.#table]) this.#evict(slot);
    this.#steps.sendRiding();
    await Promise.all([this.#writeBacks.all(timeoutMs), this.#keeper.answered(timeoutMs)]);
  }

  /** Nobody is answered any more. @param reason what those are told who wait */
  close(reason: SkeinError): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#keeper.close();
    this.#writeBacks.close();
    this.#waits.close(reason);
    // Durable writers: nobody will hear here whether their writes are committed.
    this.#deadlines.close();
  }
}
