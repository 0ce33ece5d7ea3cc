/**
 * This peer's leases with the homes of all partitions in which it has lines: reports what it has to a home, renews all
 * leases with one peer's homes in one frame, hears of newer homes, and lets lines lapse where a lease is over. Who the
 * home is, is known from this peer's own replica, from what homes say of themselves, or is asked for.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { Groups } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import { inventoryOf, type Reported } from "./inventory.ts";
import type { LeaseTimes, Moment } from "./lease_times.ts";
import type { LineEvent } from "./line_events.ts";
import type { LineSlot } from "./line_slot.ts";
import { reportedBytes } from "./message_size.ts";
import type { HomeMessage, LeasedMessage, RenewedMessage, ReportMessage } from "./messages.ts";
import { PartitionLines } from "./partition_lines.ts";
import { type OwnHome, PeerLease } from "./peer_lease.ts";
import type { CachePost } from "./post.ts";

/** Asked of a partition's leader: which term it leads in. */
export const TERM_METHOD = "cache.term";

/** Of an inventory; what does not fit lapses. */
const REPORT_BYTES_MAX = 2 * 1024 * 1024;
/** A report that is not answered is sent again after so many renewals' times. */
const REPORT_AGAIN_RENEWALS = 2;
/** After so many renewals without an answer the home is looked for elsewhere. */
const SILENT_RENEWALS = 2;
/** A lease that covers no line is renewed so often. */
const UNUSED_RENEWALS = 40;
const LOCATE_MS = 2_000;

export interface LeaseKeeperEdges {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly times: LeaseTimes;
  readonly groups: Pick<Groups, "ask" | "answer" | "leaderOf" | "status">;
  readonly post: Pick<CachePost, "toHome" | "renew">;
  /** The home of the partition at this peer; null: it is at another one. */
  ownHome(partition: number): OwnHome | null;
  find(key: string): LineSlot | undefined;
  step(slot: LineSlot, event: LineEvent): void;
  /** Lines of the partition may be asked for; and so often as leases are renewed. */
  serve(partition: PartitionLines): void;
}

export class LeaseKeeper {
  readonly #edges: LeaseKeeperEdges;
  readonly #partitions = new Map<number, PartitionLines>();
  /** When this peer sent what answers name. */
  readonly #sent = new Map<number, Moment>();
  readonly #locating = new Set<PartitionLines>();
  /** Renewals since the partition last had lines here. */
  readonly #unused = new Map<PartitionLines, number>();
  /** Renewals since the home last answered one. */
  readonly #silent = new Map<PartitionLines, number>();
  /** Somebody waits until no report is open. */
  #answered: (() => void) | null = null;
  #serial = 0;
  #timer: Timer | null = null;
  #closed = false;

  /** Answers what other peers' keepers ask from now on. */
  constructor(edges: LeaseKeeperEdges) {
    this.#edges = edges;
    edges.groups.answer(TERM_METHOD, (group) => {
      const status = edges.groups.status(group);
      if (status?.role === "leader") return Promise.resolve(status.term);
      return Promise.reject(new SkeinError("NOT_LEADER", `group ${group} is led elsewhere`));
    });
  }

  /** What this peer has of a partition. */
  partition(partition: number): PartitionLines {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const { times, ownHome } = this.#edges;
    const fresh = new PartitionLines(
      partition,
      new PeerLease(times, () => ownHome(partition)),
    );
    this.#partitions.set(partition, fresh);
    return fresh;
  }

  #now(): Moment {
    const { clock } = this.#edges;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  /** Looks whether a lease is over; lines that may not be used any more lapse. */
  look(partition: PartitionLines): void {
    const { lease, slots } = partition;
    const now = this.#now();
    const lapse = lease.ended(now);
    if (lapse === null) return;
    for (const slot of [...slots]) {
      const grant = slot.line.grant ?? slot.line.owed?.grant ?? null;
      const isInherited = grant !== null && grant.term < lease.term;
      const isOver = lapse === "all" ||
        (isInherited && !lease.covers(grant, now.monotonicMs, now.wallMs));
      if (isOver) this.#edges.step(slot, { kind: "lapsed" });
    }
  }

  /** Somebody needs a lease in the partition. */
  want(partition: PartitionLines): void {
    const { lease } = partition;
    this.#lookAgain();
    if (this.#closed || lease.hasBegun) return;
    this.#learnFromReplica(partition);
    // Those who were woken by that may have wanted it as well.
    if (lease.hasBegun) return;
    const home = lease.home ?? this.#edges.groups.leaderOf(partition.partition);
    if (lease.term > 0 && home !== null) this.#report(partition);
    else this.#locate(partition);
  }

  /** This peer's replica of the partition may know another leader. */
  leaderChanged(partition: number): void {
    const known = this.#partitions.get(partition);
    if (known === undefined || (known.slots.size === 0 && !known.lease.hasBegun)) return;
    // Also where no line is left: a new home waits for all who may have some.
    if (this.#learnFromReplica(known)) this.want(known);
  }

  /** @returns whether there is a newer home */
  #learnFromReplica(partition: PartitionLines): boolean {
    const status = this.#edges.groups.status(partition.partition);
    if (status === null || status.leader === null) return false;
    if (status.term === partition.lease.term) partition.lease.heard(status.leader);
    if (status.term <= partition.lease.term) return false;
    this.#learn(partition, status.term, status.leader);
    return true;
  }

  #learn(partition: PartitionLines, term: number, home: PeerId | null): void {
    const isCovered = partition.lease.learn(term, home, this.#now());
    this.#silent.delete(partition);
    for (const slot of [...partition.slots]) {
      const grant = slot.line.grant ?? slot.line.owed?.grant ?? null;
      const lives = grant !== null && isCovered(grant);
      this.#edges.step(slot, { kind: lives ? "newHome" : "lapsed" });
    }
  }

  /**
   * A home spoke.
   * @returns the partition; null where the message is of an older term, or no cluster has that partition
   */
  heard(from: PeerId, { partition: number, term }: HomeMessage): PartitionLines | null {
    if (number >= LIMITS.groupsMax) return null;
    const partition = this.partition(number);
    const { lease } = partition;
    if (term < lease.term) return null;
    this.look(partition);
    if (term > lease.term) this.#learn(partition, term, from);
    lease.heard(from);
    return partition;
  }

  // ---- reports

  #report(partition: PartitionLines): void {
    const { lease, slots } = partition;
    const serial = this.#nextSerial();
    this.#lookAgain();
    // First, so that nothing is asked for until it is answered.
    lease.reported(serial, this.#sent.get(serial)!);
    for (const slot of [...slots]) {
      const { ask } = slot.line;
      if (ask !== null) this.#edges.step(slot, { kind: "failed", request: ask.request });
    }
    const lines = this.#inventory(partition);
    const at = { partition: partition.partition, term: lease.term };
    this.#edges.post.toHome({ kind: "report", ...at, serial, lines }, lease.home);
  }

  /** Of what does not fit a frame, clean lines lapse first. */
  #inventory({ slots }: PartitionLines): ReportMessage["lines"] {
    const rows: { readonly key: string; readonly line: Reported }[] = [];
    for (const slot of slots) {
      const line = inventoryOf(slot.line);
      if (line !== null) rows.push({ key: slot.key, line });
    }
    if (reportedBytes(rows) <= REPORT_BYTES_MAX) return rows;
    rows.sort((left, right) => this.#rank(left.key) - this.#rank(right.key));
    let bytes = 0;
    const fitting = rows.findIndex((row) => (bytes += reportedBytes([row])) > REPORT_BYTES_MAX);
    for (const { key } of rows.splice(fitting)) {
      this.#edges.step(this.#edges.find(key)!, { kind: "lapsed" });
    }
    return rows;
  }

  #rank(key: string): number {
    const { state, owed } = this.#edges.find(key)!.line;
    return state === "M" || owed !== null ? 0 : state === "E" ? 1 : 2;
  }

  #nextSerial(): number {
    const serial = ++this.#serial;
    this.#sent.set(serial, this.#now());
    return serial;
  }

  leased(partition: PartitionLines, message: LeasedMessage): void {
    const { serial, session, isRebuilt, timeMs, outcomes } = message;
    partition.heardTime(timeMs, this.#edges.clock.monotonicMs());
    if (!partition.lease.leased(serial, session, isRebuilt)) return;
    this.look(partition);
    for (const outcome of outcomes) {
      const slot = this.#edges.find(outcome.key);
      if (slot?.partition === partition) this.#edges.step(slot, outcome);
    }
    this.#edges.serve(partition);
    if (this.#answered !== null && !this.#isReporting) this.#answered();
  }

  /** @returns resolves once no report waits for its answer, or the time is over */
  answered(timeoutMs: number): Promise<void> {
    if (!this.#isReporting) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#edges.clock.timer(timeoutMs, () => this.#answered?.());
      this.#answered = () => {
        this.#answered = null;
        timer.cancel();
        resolve();
      };
    });
  }

  get #isReporting(): boolean {
    return [...this.#partitions.values()].some(({ lease }) => lease.report !== null);
  }

  renewed(partition: PartitionLines, message: RenewedMessage): void {
    const { serial, session, isLeased, isRebuilt, timeMs } = message;
    const { lease } = partition;
    partition.heardTime(timeMs, this.#edges.clock.monotonicMs());
    this.#silent.delete(partition);
    // A home that has just begun may not have heard what was reported before.
    if (serial === 0 && lease.session === null) return this.#report(partition);
    if (!isLeased) return this.#notLeased(partition, serial);
    const sent = this.#sent.get(serial);
    if (sent !== undefined && lease.renewed(session, isRebuilt, sent)) this.#report(partition);
  }

  #notLeased(partition: PartitionLines, serial: number): void {
    const { lease, slots } = partition;
    if (!lease.isNews(serial)) return;
    if (lease.session !== null) {
      lease.end();
      for (const slot of [...slots]) this.#edges.step(slot, { kind: "lapsed" });
    }
    if (slots.size > 0) this.want(partition);
  }

  // ---- renewals

  #lookAgain(): void {
    if (this.#timer !== null || this.#closed) return;
    const { clock, times: { renewMs } } = this.#edges;
    const dueMs = clock.monotonicMs() + renewMs;
    this.#timer = clock.timer(renewMs, () => {
      this.#timer = null;
      this.#sayHeldUp(clock.monotonicMs() - dueMs);
      this.#tick();
    });
  }

  /** Whoever cannot renew its leases, or those of others, in time, loses what was not written back. */
  #sayHeldUp(lateMs: number): void {
    if (lateMs < this.#edges.times.renewMs) return;
    const text = `this peer was held up for ${
      Math.round(lateMs)
    } ms, and leases of the cache with it`;
    this.#edges.logger.log("warn", text);
  }

  #tick(): void {
    this.#forgetSent();
    const renewals = new Map<PeerId, PartitionLines[]>();
    for (const partition of this.#partitions.values()) {
      this.look(partition);
      if (!this.#isInUse(partition)) continue;
      this.#lookAgain();
      this.#keep(partition, renewals);
    }
    for (const [home, partitions] of renewals) this.#renew(home, partitions);
  }

  /** A lease that covers nothing is given up after a while: its lines may only be elsewhere at the moment. */
  #isInUse(partition: PartitionLines): boolean {
    const { lease, slots } = partition;
    if (slots.size === 0 && !lease.hasBegun) return false;
    const unused = slots.size === 0 ? (this.#unused.get(partition) ?? 0) + 1 : 0;
    this.#unused.set(partition, unused);
    if (unused < UNUSED_RENEWALS) return true;
    lease.end();
    return false;
  }

  #keep(partition: PartitionLines, renewals: Map<PeerId, PartitionLines[]>): void {
    const { lease } = partition;
    const { report } = lease;
    const againMs = this.#edges.times.renewMs * REPORT_AGAIN_RENEWALS;
    if (lease.session === null && report === null) this.want(partition);
    else if (report === null) this.#renewal(partition, renewals);
    else if (this.#edges.clock.monotonicMs() - report.sent.monotonicMs >= againMs) {
      this.#silence(partition);
      this.#report(partition);
    }
    this.#edges.serve(partition);
  }

  #renewal(partition: PartitionLines, renewals: Map<PeerId, PartitionLines[]>): void {
    const home = partition.lease.home ?? this.#edges.groups.leaderOf(partition.partition);
    this.#silence(partition);
    if (home === null) return;
    const others = renewals.get(home);
    if (others === undefined) renewals.set(home, [partition]);
    else others.push(partition);
  }

  /** Counts what is sent without an answer. */
  #silence(partition: PartitionLines): void {
    const silent = (this.#silent.get(partition) ?? 0) + 1;
    this.#silent.set(partition, silent);
    if (silent > SILENT_RENEWALS) this.#locate(partition);
  }

  #renew(home: PeerId, partitions: readonly PartitionLines[]): void {
    const leases = partitions.map(({ partition, lease }) => {
      return { partition, term: lease.term, session: lease.session! };
    });
    this.#edges.post.renew(home, { kind: "renew", serial: this.#nextSerial(), leases });
  }

  /** Answers to what is older than a lease are of no use. */
  #forgetSent(): void {
    const nowMs = this.#edges.clock.monotonicMs();
    for (const [serial, { monotonicMs }] of this.#sent) {
      if (nowMs - monotonicMs <= this.#edges.times.peerMs) return;
      this.#sent.delete(serial);
    }
  }

  // ---- who the home is

  #locate(partition: PartitionLines): void {
    if (this.#closed || this.#locating.has(partition)) return;
    this.#locating.add(partition);
    const { groups } = this.#edges;
    groups.ask(partition.partition, TERM_METHOD, [], LOCATE_MS).then(
      (term) => {
        this.#locating.delete(partition);
        if (!this.#closed && Number.isSafeInteger(term)) this.#located(partition, term as number);
      },
      (error) => {
        this.#locating.delete(partition);
        // It is tried again when leases are renewed.
        if (!(error instanceof SkeinError)) throw error;
      },
    );
  }

  #located(partition: PartitionLines, term: number): void {
    const { lease, slots } = partition;
    const leader = this.#edges.groups.leaderOf(partition.partition);
    if (term > lease.term) this.#learn(partition, term, leader);
    if (term === lease.term && leader !== null) lease.heard(leader);
    if (slots.size > 0 && lease.term > 0) this.want(partition);
  }

  /** Nothing is sent any more, and no line may be used: nobody would write back what is written. */
  close(): void {
    this.#closed = true;
    for (const { lease } of this.#partitions.values()) lease.end();
    this.#timer?.cancel();
    this.#timer = null;
  }
}
