/**
 * The directory entry of one key at its home. Pure: an event and an entry give the next entry and effects. Serial:
 * one job at a time, and none is finished before every line in its way is given up and what was dirty is committed.
 * So a grant is always of the committed value, and no later grant exists while an earlier write may still come.
 *
 * A home that is new does not know all holders: it finishes a job only where somebody proved by a valid line that
 * nobody else can hold one (`exact`), and else waits until the directory is rebuilt.
 */
import { unreachable } from "../assert.ts";
import type {
  Entry,
  EntryEffect,
  EntryEvent,
  EntryStep,
  Holder,
  HomeView,
  Job,
  LineJob,
} from "./directory_entry.ts";
import type { Reported } from "./inventory.ts";
import type { Written } from "./line.ts";
import type { Keeps } from "./line_events.ts";
import {
  compareGrants,
  compareVersions,
  type Grant,
  isSettled,
  sameGrant,
  sameVersion,
  type Version,
} from "./version.ts";

/** What an event does to an entry. Events come from the network in any order: none is fatal. */
export function stepEntry(entry: Entry, event: EntryEvent, home: HomeView): EntryStep {
  const work = new EntryWork(entry, home);
  work.take(event);
  work.proceed();
  return work.step();
}

/** One step under way: the entry as it becomes. */
class EntryWork {
  #entry: Entry;
  readonly #home: HomeView;
  readonly #effects: EntryEffect[] = [];

  constructor(entry: Entry, home: HomeView) {
    this.#entry = entry;
    this.#home = home;
  }

  step(): EntryStep {
    return { entry: this.#entry, effects: this.#effects };
  }

  take(event: EntryEvent): void {
    switch (event.kind) {
      case "ask":
        return this.#ask(event.job);
      case "acknowledged":
        return this.#acknowledged(event);
      case "writeBack":
        return this.#writeBack(event);
      case "dropped":
        return this.#dropped(event.peer, event.grant);
      case "committed":
        return this.#committed(event.version);
      case "removed":
        return this.#removed();
      case "reported":
        return this.#reported(event.peer, event.line);
      case "ended":
        return this.#ended(event.peer);
      case "rebuilt":
        return this.#set({ exact: true });
      case "withdrawn":
        return this.#withdrawn(event.request);
      case "resumed":
        return;
      case "remind":
        for (const awaited of this.#entry.awaited) {
          if (awaited.peer === event.peer) this.#effects.push({ kind: "recall", ...awaited });
        }
        return;
      default:
        return unreachable(event);
    }
  }

  #set(change: Partial<Entry>): void {
    this.#entry = { ...this.#entry, ...change };
  }

  #ask(job: Job): void {
    const { job: current, queue } = this.#entry;
    const isKnown = [current, ...queue].some((other) => other !== null && sameJob(other, job));
    if (isKnown) return;
    if (!("isFirst" in job) || job.isFirst !== true) return this.#set({ queue: [...queue, job] });
    // Who is under way has been promised nothing yet. What was recalled for it is recalled all the same.
    const isPutBack = current !== null && "peer" in current;
    const rest = isPutBack ? [current, ...queue] : queue;
    this.#set({ job: isPutBack ? null : current, queue: [job, ...rest] });
  }

  #acknowledged(event: EntryEvent & { kind: "acknowledged" }): void {
    const { peer, grant, kept, held, dirty } = event;
    const holder = this.#holder(peer, grant);
    const isNews = holder?.mode === "owned" && dirty !== null &&
      !isSettled(dirty.version, this.#home.settled);
    // A valid line, or a write that nothing came after, shows that nobody else was granted one.
    if (holder?.mode === "owned" && (held || isNews)) this.#set({ exact: true });
    if (isNews) {
      const isVoid = this.#entry.job?.kind === "remove" && !kept;
      const keeps = kept ? "shared" : "nothing";
      this.#write({ peer, grant, keeps, rides: true }, dirty, isVoid);
    }
    this.#keep(peer, grant, kept ? "shared" : "nothing");
  }

  #writeBack(event: EntryEvent & { kind: "writeBack" }): void {
    const { peer, session, grant, content, keeps } = event;
    const { version } = content;
    if (isSettled(version, this.#home.settled)) {
      this.#effects.push({ kind: "confirm", peer, grant, version, rides: false });
      if (keeps !== "owned") this.#keep(peer, grant, keeps);
    } else if (this.#holder(peer, grant)?.mode === "owned") {
      // Else it may be from before the peer lost the line, or a later grant may be unknown: it is sent again.
      const isCurrent = this.#entry.exact && this.#home.isLeased(peer, session, grant);
      if (isCurrent) this.#write({ peer, grant, keeps, rides: false }, content, false);
    } else if (!this.#isCarried(version)) {
      this.#effects.push({ kind: "refuse", peer, grant, version });
    }
  }

  /**
   * Logs it, where no write-back under way carries it already.
   * @param isVoid the removal under way comes after it: only that is logged, and confirms it
   */
  #write(
    by: { peer: string; grant: Grant; keeps: Keeps; rides: boolean },
    content: Written,
    isVoid: boolean,
  ): void {
    const { writes } = this.#entry;
    const { version } = content;
    // Sent again because it takes long: one confirmation will do.
    if (writes.some((write) => sameWrite(write, { ...by, version }))) return;
    const isCarried = this.#isCarried(version);
    this.#set({ writes: [...writes, { ...by, version }] });
    if (!isCarried && !isVoid) this.#effects.push({ kind: "commit", content });
  }

  #isCarried(version: Version): boolean {
    return this.#entry.writes.some((write) => compareVersions(version, write.version) <= 0);
  }

  #dropped(peer: string, grant: Grant): void {
    const isAwaited = this.#entry.awaited.some((one) => one.peer === peer);
    if (!isAwaited) this.#keep(peer, grant, "nothing");
  }

  #committed(version: Version): void {
    this.#settle((write) => compareVersions(write.version, version) <= 0);
  }

  #settle(isDone: (write: Entry["writes"][number]) => boolean): void {
    const { writes } = this.#entry;
    this.#set({ writes: writes.filter((write) => !isDone(write)) });
    for (const write of writes.filter(isDone)) {
      const { peer, grant, version, keeps, rides } = write;
      this.#effects.push({ kind: "confirm", peer, grant, version, rides });
      if (keeps !== "owned") this.#keep(peer, grant, keeps);
    }
  }

  #removed(): void {
    const { job, removing } = this.#entry;
    if (!removing || job === null) return;
    this.#settle(() => true);
    this.#effects.push({ kind: "done", request: job.request });
    this.#set({ removing: false, job: null });
  }

  #reported(peer: string, line: Reported): void {
    const { grant } = line;
    const { settled, floor } = this.#home;
    const confirms = line.kind === "owed" && isSettled(line.version, settled);
    if (confirms) {
      this.#effects.push({ kind: "confirm", peer, grant, version: line.version, rides: false });
      if (!line.hasCopy) return;
    }
    // On its way through the log: the confirmation follows.
    if (line.kind === "owed" && this.#isCarried(line.version)) return;
    // Removed, and the removal forgotten: nobody can tell whether the write came before it.
    const isDoubtful = line.kind === "owed" && settled === null && isSettled(line.version, floor);
    const mode = line.kind === "shared" || confirms ? "shared" : "owned";
    if (isDoubtful || !this.#register({ peer, grant, mode })) {
      const version = line.kind === "owed" ? line.version : null;
      this.#effects.push({ kind: "refuse", peer, grant, version });
    }
  }

  /** @returns whether the line is one that nothing came after */
  #register(holder: Holder): boolean {
    const { holders, awaited, exact } = this.#entry;
    if (this.#holder(holder.peer, holder.grant) !== undefined) return true;
    if (exact) return false;
    const excludes = (other: Holder) =>
      other.peer === holder.peer || other.mode === "owned" || holder.mode === "owned";
    const rivals = holders.filter(excludes);
    if (rivals.some((rival) => compareGrants(rival.grant, holder.grant) > 0)) return false;
    // The later grant was given after the earlier one's lease was over.
    this.#set({
      holders: [...holders.filter((other) => !rivals.includes(other)), holder],
      awaited: awaited.filter(({ peer }) => !rivals.some((rival) => rival.peer === peer)),
    });
    return true;
  }

  #ended(peer: string): void {
    const { holders, awaited, queue } = this.#entry;
    const isOther = (one: { readonly peer: string }) => one.peer !== peer;
    this.#set({
      holders: holders.filter(isOther),
      awaited: awaited.filter(isOther),
      queue: queue.filter((job) => !("peer" in job) || job.peer !== peer),
    });
  }

  #withdrawn(request: number): void {
    const { queue } = this.#entry;
    this.#set({ queue: queue.filter((job) => "peer" in job || job.request !== request) });
  }

  #holder(peer: string, grant: Grant): Holder | undefined {
    return this.#entry.holders.find((holder) => {
      return holder.peer === peer && sameGrant(holder.grant, grant);
    });
  }

  /** The peer has at most this left of the grant: what was recalled is answered by it. */
  #keep(peer: string, grant: Grant, keeps: "shared" | "nothing"): void {
    const isIt = (one: { readonly peer: string; readonly grant: Grant }) =>
      one.peer === peer && sameGrant(one.grant, grant);
    const { holders, awaited } = this.#entry;
    this.#set({
      holders: keeps === "nothing"
        ? holders.filter((holder) => !isIt(holder))
        : holders.map((holder) => isIt(holder) ? { ...holder, mode: "shared" } : holder),
      awaited: awaited.filter((one) => !isIt(one) || (one.to === "I" && keeps === "shared")),
    });
  }

  /** Takes job after job as far as it goes. */
  proceed(): void {
    while (this.#begin()) {
      this.#recall();
      if (!this.#finish()) return;
    }
  }

  /** @returns whether a job is under way */
  #begin(): boolean {
    const { job, queue, exact, holders } = this.#entry;
    if (job !== null) return true;
    const [next, ...rest] = queue;
    if (next === undefined) return false;
    const isOwned = holders.some(({ mode }) => mode === "owned");
    const mayRecall = this.#home.isAlone && "peer" in next && isOwned;
    if (!exact && !mayRecall) return false;
    this.#set({ job: next, queue: rest });
    return true;
  }

  /** Whatever holder is in the way is asked once to give its line up. */
  #recall(): void {
    const job = this.#entry.job!;
    for (const { peer, grant, mode } of this.#entry.holders) {
      const to = wayOf(job, peer, mode);
      const { awaited } = this.#entry;
      const isAsked = awaited.some((one) => one.peer === peer && sameGrant(one.grant, grant));
      if (to === null || isAsked) continue;
      this.#set({ awaited: [...awaited, { peer, grant, to }] });
      this.#effects.push({ kind: "recall", peer, grant, to });
    }
  }

  /** @returns whether the job is over */
  #finish(): boolean {
    const { job, awaited, writes, exact, removing } = this.#entry;
    if (awaited.length > 0 || !exact || removing) return false;
    if (job!.kind === "remove") {
      this.#set({ removing: true });
      this.#effects.push({ kind: "remove", grant: this.#home.mint() });
      return false;
    }
    if (writes.length > 0) return false;
    const isWanted = !("peer" in job!) || this.#home.isLeased(job.peer, job.session, null);
    if (isWanted) {
      if (!this.#home.mayGrant) return false;
      if ("peer" in job!) this.#grant(job);
      else this.#effects.push({ kind: "done", request: job!.request });
    }
    this.#set({ job: null });
    return true;
  }

  #grant({ kind, peer, request, holds }: LineJob): void {
    const { holders } = this.#entry;
    const others = holders.filter((holder) => holder.peer !== peer);
    const hasContent = kind === "owned" &&
      holders.some((holder) => holder.peer === peer && sameGrant(holder.grant, holds));
    const isOwner = kind === "owned" || (others.length === 0 && !this.#home.isFull);
    const state = isOwner ? "E" : "S";
    const grant = this.#home.mint();
    const mode = state === "E" ? "owned" : "shared";
    this.#set({ holders: [...others, { peer, grant, mode }] });
    this.#effects.push({ kind: "grant", peer, request, grant, state, withContent: !hasContent });
  }
}

function sameWrite(one: Entry["writes"][number], other: Entry["writes"][number]): boolean {
  return one.peer === other.peer && sameGrant(one.grant, other.grant) &&
    sameVersion(one.version, other.version) && one.keeps === other.keeps &&
    one.rides === other.rides;
}

function sameJob(one: Job, other: Job): boolean {
  return one.kind === other.kind && one.request === other.request &&
    ("peer" in one ? one.peer : null) === ("peer" in other ? other.peer : null);
}

/** What a holder must become before the job can be done; null: it is not in the way. */
function wayOf(job: Job, peer: string, mode: Holder["mode"]): "S" | "I" | null {
  const isAsker = "peer" in job && job.peer === peer;
  // Who owns the line and asks for it has lost it, or owes what it wrote.
  if (isAsker) return mode === "owned" ? "I" : null;
  if (job.kind === "shared") return mode === "owned" ? "S" : null;
  return "I";
}
