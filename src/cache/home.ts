/**
 * One partition's home while this peer leads it in one term: takes what lines tell it and callers ask of it to the
 * directory, and carries out what that causes. Grants and leases are given only while the home lease lasts, which is
 * looked at before each; a peer's lease is taken for ended only when it must be (`lease_times.ts`).
 */
import { momentOf, type Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Backing, BackingEdges } from "./backing.ts";
import type { CacheEdges, CacheReplica } from "./cache_edges.ts";
import type { WriteBackItem } from "./commands.ts";
import type { EntryEffect, HomeView as EntryView } from "./directory_entry.ts";
import { HomeChanges } from "./home_changes.ts";
import { HomeDesk } from "./home_desk.ts";
import { HomeDirectory } from "./home_directory.ts";
import { HomeFills } from "./home_fills.ts";
import { HomeGrants } from "./home_grants.ts";
import { type Asked, handOver, HomeJobs, type JobAnswer, type KeyTask } from "./home_jobs.ts";
import { HomeLetters, type HomePost } from "./home_letters.ts";
import { HomeProposals } from "./home_proposals.ts";
import type { HomeQuestion } from "./home_question_codec.ts";
import { HomeSessions } from "./home_sessions.ts";
import { isOwnLive, type LeaseTimes, leaseTimes, type Moment } from "./lease_times.ts";
import type { AcknowledgeMessage, AskMessage, RenewMessage, ReportMessage } from "./messages.ts";
import type { PartitionMessage } from "./post.ts";
import { ReplicatedBacking } from "./replicated_backing.ts";

/** From one look at the clocks to the next, at the least. */
const LOOK_MS_MIN = 1;
/** The directory may be above its bound by so much, while keys are being recalled. */
const DIRECTORY_SLACK = 4_096;

export interface HomePlace {
  readonly group: number;
  readonly term: number;
  /** Monotonic time, not before the election of the term. */
  readonly electedMs: number;
}

export class Home {
  readonly term: number;
  readonly #edges: CacheEdges;
  readonly #post: HomePost;
  readonly #replica: CacheReplica;
  readonly #group: number;
  readonly #times: LeaseTimes;
  readonly #letters: HomeLetters;
  readonly #directory: HomeDirectory;
  readonly #sessions: HomeSessions;
  readonly #proposals: HomeProposals;
  readonly #jobs = new HomeJobs();
  readonly #backing: Backing;
  readonly #changes: HomeChanges;
  readonly #grants: HomeGrants;
  readonly #fills: HomeFills;
  readonly #desk: HomeDesk;
  /** Something could not be granted because the home lease was out. */
  #wasOut = false;
  #tokens = 0;
  #timer: Timer | null = null;
  #ended = false;

  /** @param replica this peer's own; it has applied an entry of this term by which this peer is a lease holder */
  constructor(edges: CacheEdges, post: HomePost, replica: CacheReplica, place: HomePlace) {
    const { group, term } = place;
    this.#edges = edges;
    this.#post = post;
    this.#replica = replica;
    this.#group = group;
    this.term = term;
    this.#times = leaseTimes(edges.electionTimeoutMs);
    this.#letters = new HomeLetters(edges.clock, post, group, term);
    this.#fills = new HomeFills(edges.clock, () => {
      return `${term}.${++this.#tokens}.${edges.random.uint32().toString(36)}`;
    });
    this.#directory = new HomeDirectory({
      view: (key) => this.#view(key),
      effect: (key, effect) => this.#effect(key, effect),
      isRebuilt: () => this.#sessions.isRebuilt,
      nowMs: () => edges.clock.monotonicMs(),
    });
    this.#proposals = new HomeProposals(edges, group, term, (items) => this.#committed(items));
    this.#changes = new HomeChanges({
      directory: this.#directory,
      letters: this.#letters,
      nextNumber: () => this.#jobs.nextNumber(),
      fail: (request, error) => this.#jobs.fail(request, error),
    });
    this.#backing = this.#makeBacking();
    this.#grants = new HomeGrants({
      group,
      backing: this.#backing,
      directory: this.#directory,
      letters: this.#letters,
      changes: this.#changes,
      logger: edges.logger,
      mayGrant: () => this.#mayGrant(),
      later: (work) => this.#later(work),
    });
    this.#sessions = this.#makeSessions(place.electedMs);
    this.#desk = new HomeDesk({
      backing: this.#backing,
      fills: this.#fills,
      entry: (key) => this.#directory.entry(key),
      underWay: (asked) => this.#jobs.underWay(asked),
      open: (asked) => this.#open(asked),
      mayGrant: () => this.#mayGrant(),
    });
    this.#sessions.announce();
    this.#arm();
  }

  #makeBacking(): Backing {
    const { groups, front = null } = this.#edges;
    const edges: BackingEdges = {
      cache: this.#edges,
      group: this.#group,
      term: this.term,
      replica: this.#replica,
      proposals: this.#proposals,
      timeMs: () => groups.timeMs(this.#group),
      mint: () => this.#sessions.mint(),
      mayGrant: () => this.#mayGrant(),
      notLed: () => this.#notLed(),
      committed: (items) => this.#committed(items),
      answered: (task, answer) => this.#settle(task, answer),
      over: ({ key }) => this.#later(() => this.#directory.step(key, { kind: "removed" })),
      changed: (key) => this.#later(() => this.#changes.changed(key)),
      changedAll: () => this.#later(() => this.#changes.changedAll()),
      delayed: (key, error) => this.#later(() => this.#changes.delayed(key, error)),
    };
    return front === null ? new ReplicatedBacking(edges) : front.makeBacking(edges);
  }

  #makeSessions(electedMs: number): HomeSessions {
    const { self, clock, groups } = this.#edges;
    return new HomeSessions({
      self,
      partition: this.#group,
      term: this.term,
      times: this.#times,
      machine: this.#replica.cache,
      letters: this.#letters,
      proposals: this.#proposals,
      directory: this.#directory,
      effect: (key, effect) => this.#effect(key, effect),
      now: () => momentOf(clock),
      timeMs: () => Math.floor(groups.timeMs(this.#group)),
      mayGrant: () => this.#mayGrant(),
      ended: (peer) => this.#fills.ended(peer),
      together: (work) => this.#later(work),
    }, electedMs);
  }

  #committed(items: readonly Pick<WriteBackItem, "key" | "version">[]): void {
    this.#later(() => {
      for (const { key, version } of items) {
        this.#directory.step(key, { kind: "committed", version });
      }
    });
  }

  /** Runs what was waited for, unless the home is over. */
  #later(work: () => void): void {
    if (this.#ended) return;
    this.#post.together(() => {
      this.#look();
      work();
      this.#arm();
    });
  }

  // ---- what entries are told

  #view(key: string): EntryView {
    const { floor, isFull } = this.#backing;
    const mayGrant = this.#mayGrant();
    if (!mayGrant) this.#wasOut = true;
    return {
      settled: this.#backing.settled(key),
      floor,
      mayGrant,
      isFull,
      isAlone: this.#sessions.isAlone,
      isLeased: (peer, session, grant) => this.#sessions.isLeased(peer, session, grant),
      mint: () => this.#sessions.mint(),
    };
  }

  /** When the last round of heartbeats began that a quorum answered in this term; null: none was. */
  get leasedFrom(): Moment | null {
    const heard = this.#edges.groups.quorumHeard(this.#group);
    return heard?.term === this.term ? heard.since : null;
  }

  /** Whether the home lease lasts. */
  #mayGrant(): boolean {
    return isOwnLive(this.leasedFrom, this.#times.homeMs, momentOf(this.#edges.clock));
  }

  // ---- what lines say

  /** A message of a peer that is for this partition. */
  receive(from: string, message: PartitionMessage): void {
    if (this.#ended) return;
    this.#look();
    if (message.kind === "report") this.#report(from, message);
    else if (message.term === this.term) this.#receiveOfKey(from, message);
    this.#arm();
  }

  #report(from: string, message: ReportMessage): void {
    this.#sessions.report(from, message);
    // They were granted by a home that is none any more, and nobody has looked since.
    if (!this.#backing.isOwn) { for (const { key } of message.lines) this.#changes.changed(key); }
  }

  /** One of the leases that a peer wants to be renewed. */
  renew(peer: string, serial: number, lease: RenewMessage["leases"][number]): void {
    if (this.#ended) return;
    this.#look();
    this.#sessions.renew(peer, serial, lease);
    this.#arm();
  }

  #receiveOfKey(peer: string, message: Exclude<PartitionMessage, { kind: "report" }>): void {
    const { key } = message;
    switch (message.kind) {
      case "ask":
        return this.#ask(peer, message);
      case "acknowledge": {
        const { grant, kept, held, dirty } = message;
        this.#noteHandOver(message);
        const event = { kind: "acknowledged", peer, grant, kept, held, dirty } as const;
        return this.#directory.step(key, event);
      }
      case "writeBack": {
        const { session, grant, content, keeps } = message;
        const event = { kind: "writeBack", peer, session, grant, content, keeps } as const;
        return this.#directory.step(key, event);
      }
      case "dropped":
        return this.#directory.step(key, { kind: "dropped", peer, grant: message.grant });
    }
  }

  /** What is handed over to a removal is not logged. */
  #noteHandOver({ key, dirty }: AcknowledgeMessage): void {
    const task = this.#taskOf(key);
    if (task !== null && dirty !== null) handOver(task, dirty);
  }

  /** The removal, or the write by the home, that is under way. */
  #taskOf(key: string): KeyTask | null {
    const job = this.#directory.entry(key)?.job;
    return job?.kind === "remove" ? this.#jobs.task(job.request) ?? null : null;
  }

  #ask(peer: string, message: AskMessage): void {
    const { key, session, request } = message;
    if (!this.#sessions.isLeased(peer, session, null)) return;
    const prepared = this.#backing.prepare(key);
    if (prepared === null) return this.#askNow(peer, message);
    prepared.then(
      () => this.#later(() => this.#askNow(peer, message)),
      (error: SkeinError) => this.#later(() => this.#changes.deny(peer, key, request, error)),
    );
  }

  #askNow(peer: string, { key, session, request, wish, holds }: AskMessage): void {
    const entry = this.#directory.entry(key);
    if ((entry?.queue.length ?? 0) >= LIMITS.cacheKeyJobsMax) return;
    const isDenied = wish === "owned" && this.#backing.lacks(key);
    if (isDenied || (entry === undefined && this.#isCrowded())) {
      return this.#changes.deny(peer, key, request, null);
    }
    this.#directory.touch(key);
    this.#directory.step(key, { kind: "ask", job: { kind: wish, peer, session, request, holds } });
  }

  /** Makes room for a further key. @returns whether there is none */
  #isCrowded(): boolean {
    const { size } = this.#directory;
    if (size < LIMITS.cacheDirectoryMax) return false;
    const idle = this.#directory.idle();
    if (idle !== null) {
      const job = { kind: "invalidate", request: this.#jobs.nextNumber() } as const;
      this.#directory.step(idle, { kind: "ask", job });
    }
    return size >= LIMITS.cacheDirectoryMax + DIRECTORY_SLACK;
  }

  // ---- what entries cause

  #effect(key: string, effect: EntryEffect): void {
    const at = this.#letters.at(key);
    switch (effect.kind) {
      case "recall": {
        const { peer, grant, to } = effect;
        return this.#letters.send(peer, { kind: "recall", ...at, grant, to });
      }
      case "grant":
        return this.#grants.grant(key, effect);
      case "commit":
        return this.#backing.write({ key, ...effect.content });
      case "remove":
        return this.#backing.execute(this.#taskOf(key)!, effect.grant);
      case "confirm": {
        const { peer, grant, version, rides } = effect;
        const message = { kind: "confirmed", ...at, grant, version } as const;
        return rides ? this.#letters.ride(peer, message) : this.#letters.send(peer, message);
      }
      case "refuse": {
        const { peer, grant, version } = effect;
        return this.#letters.send(peer, { kind: "refused", ...at, grant, version });
      }
      case "done": {
        const task = this.#jobs.task(effect.request);
        if (task !== undefined) this.#settle(task, true);
      }
    }
  }

  #settle(task: KeyTask, answer: JobAnswer | SkeinError): void {
    this.#jobs.close(task);
    if (answer instanceof SkeinError) task.reject(answer);
    else task.resolve(answer);
  }

  // ---- what callers ask

  /** See `HomeDesk.answer`. */
  answer(question: HomeQuestion): Promise<unknown> {
    const answer = this.#desk.answer(question);
    this.#arm();
    return answer;
  }

  #open(asked: Asked): Promise<JobAnswer> {
    if (this.#ended) return Promise.reject(this.#notLed());
    return this.#jobs.open(asked, ({ key, kind, number }) => {
      this.#later(() => this.#directory.step(key, { kind: "ask", job: { kind, request: number } }));
    });
  }

  // ---- time

  /** Ends what must be over by now; before anything else happens. */
  #look(): void {
    this.#sessions.look();
    if (!this.#wasOut || !this.#mayGrant()) return;
    this.#wasOut = false;
    this.#directory.resume();
  }

  #arm(): void {
    if (this.#ended || this.#timer !== null) return;
    const isQuiet = this.#sessions.isQuiet && this.#directory.busy === 0 &&
      this.#fills.waiting === 0;
    if (isQuiet) return;
    const nextMs = Math.min(this.#times.renewMs, this.#sessions.nextMs() ?? Infinity);
    // Fractions of clocks: what is due in almost nothing would be due again and again.
    const delayMs = Math.max(nextMs, LOOK_MS_MIN);
    this.#timer = this.#edges.clock.timer(delayMs, () => {
      this.#timer = null;
      this.#fills.look();
      this.#later(() => this.#sessions.tidy());
    });
  }

  checkInvariants(): void {
    this.#directory.checkInvariants();
  }

  // ---- the end

  #notLed(): SkeinError {
    const leader = this.#edges.groups.leaderOf(this.#group);
    return new SkeinError("NOT_LEADER", "the key's home is another peer now", { leader });
  }

  /** This peer leads the partition no longer, or not in this term: nothing is granted or promised any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#sessions.end();
    this.#letters.end();
    this.#proposals.end();
    this.#backing.end();
    this.#fills.end(this.#notLed());
    this.#jobs.end(this.#edges.groups.leaderOf(this.#group));
  }
}
