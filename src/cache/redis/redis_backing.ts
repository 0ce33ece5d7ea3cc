/**
 * Keys of a Redis behind a home: values that other applications read and write as well. What was read is known until the
 * server tells of a change by somebody else, or nothing can be told any more; then every line of the key goes. A write
 * of a line comes to Redis later than what it finds there, and wins.
 */
import type { Timer } from "../../clock.ts";
import { SkeinError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { Backing, BackingEdges, OnceQuestion } from "../backing.ts";
import type { WriteBackItem } from "../commands.ts";
import { digestOfTask, type JobAnswer, type KeyTask, nameOfRequest } from "../home_jobs.ts";
import type { Content } from "../line.ts";
import { compareVersions, type Grant, isSettled, type Version } from "../version.ts";
import { type Doubt, Doubts } from "./doubts.ts";
import type { FrontLink } from "./front_link.ts";
import { FrontTasks } from "./front_tasks.ts";
import { FrontWrites } from "./front_writes.ts";
import { KnownValues } from "./known_values.ts";
import type { FoundValue, StoreOutcome, StoreWrite, TermStore } from "./term_store.ts";

/** A value may change while it is read, and again. */
const READS_MAX = 5;
/** What is known for its time is looked for so often in that time. */
const LOOKS = 8;
/** Two readings of one time may differ by so much. */
const SAME_TIME_MS = 250;

export interface RedisBackingOptions {
  readonly link: Pick<FrontLink, "watch">;
  readonly store: Pick<TermStore, "read" | "write" | "remembered" | "isOver">;
  /** How long a line may be used while nobody tells of changes. */
  readonly lineTtlMs: number;
  /** Told of each change by somebody else. */
  counted(): void;
  /** The home is over. */
  ended(): void;
}

export class RedisBacking implements Backing {
  readonly isOwn = false;
  readonly isFull = false;
  /** Redis itself refuses what comes late. */
  readonly floor = null;
  readonly #edges: BackingEdges;
  readonly #options: RedisBackingOptions;
  readonly #known: KnownValues;
  readonly #doubts = new Doubts();
  readonly #loading = new Map<string, Promise<Content | null>>();
  /** Keys that are compared with what is known; true: once more. */
  readonly #comparing = new Map<string, boolean>();
  /** Of the last write of a key by this home; the latest at the end. */
  readonly #settled = new Map<string, Version>();
  readonly #writes: FrontWrites;
  readonly #tasks: FrontTasks;
  #timer: Timer | null = null;
  #ended = false;

  constructor(edges: BackingEdges, options: RedisBackingOptions) {
    const { cache: { clock } } = edges;
    this.#edges = edges;
    this.#options = options;
    this.#known = new KnownValues((key) => edges.changed(key));
    this.#writes = new FrontWrites({
      clock,
      write: (item) => this.#writeBack(item),
      isOver: () => options.store.isOver,
      done: (items) => edges.committed(items),
      delayed: (key, error) => {
        this.#tasks.delayed(key, error);
        edges.delayed(key, error);
      },
    });
    this.#tasks = new FrontTasks({
      writeBack: (item) => this.#writes.add(item),
      whenIdle: (key, call) => this.#writes.whenIdle(key, call),
      version: async (key) => (await this.#content(key)).version,
      execute: (task, version) => this.#execute(task, version),
      answered: (task, answer) => edges.answered(task, answer),
      over: (task) => edges.over(task),
    });
  }

  settled(key: string): Version | null {
    return this.#settled.get(key) ?? null;
  }

  lacks(): boolean {
    return false;
  }

  // ---- what is there

  prepare(key: string): Promise<void> | null {
    if (this.#fresh(key) !== null) return null;
    // Its time is over: where others have set it anew, nobody reads that it has none any more.
    if (this.#known.get(key) !== undefined) this.#forget(key);
    return this.#load(key).then(() => {});
  }

  content(key: string): Content | Promise<Content | null> {
    return this.#fresh(key) ?? this.#load(key);
  }

  async version(key: string): Promise<Version | null> {
    return (await this.#content(key)).version;
  }

  /** @throws {SkeinError} by rejection */
  async #content(key: string): Promise<Content> {
    const content = await this.content(key);
    if (content !== null) return content;
    throw new SkeinError("UNAVAILABLE", `${key} changes too fast in Redis to be read`);
  }

  /** What is known for certain; null: it has to be read. */
  #fresh(key: string): Content | null {
    if (this.#options.link.watch === null) return null;
    const content = this.#known.get(key)?.content;
    if (content === undefined) return null;
    const isOver = content.expiresMs !== null && content.expiresMs <= this.#edges.timeMs();
    return isOver ? null : content;
  }

  #load(key: string): Promise<Content | null> {
    const underWay = this.#loading.get(key);
    if (underWay !== undefined) return underWay;
    const loading = this.#loadNow(key).finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  async #loadNow(key: string): Promise<Content | null> {
    for (let reads = 0; reads < READS_MAX; reads++) {
      const doubt = this.#doubts.begin(key);
      try {
        const content = await this.#loadOnce(key, doubt);
        if (content !== null) return content;
      } finally {
        this.#doubts.end(doubt);
      }
    }
    return null;
  }

  /** @returns null where somebody changed it meanwhile */
  async #loadOnce(key: string, doubt: Doubt): Promise<Content | null> {
    const [sinceMs, timeMs] = [this.#edges.cache.clock.monotonicMs(), this.#edges.timeMs()];
    const found = await this.#options.store.read(key);
    if (this.#ended) throw this.#edges.notLed();
    // What this home wrote meanwhile is known by its own version.
    const written = this.#fresh(key);
    if (written !== null) return written;
    if (doubt.isCast) return null;
    const content = this.#contentOf(found, timeMs);
    this.#know(key, content, sinceMs);
    return content;
  }

  /** @param timeMs group time, not after it was so: it ends here no later than there */
  #contentOf({ value, leftMs }: FoundValue, timeMs: number): Content {
    if (value === null) return NOTHING;
    const expiresMs = leftMs === null ? null : Math.floor(timeMs + leftMs);
    return { version: { ...this.#edges.mint(), write: 0 }, value, expiresMs };
  }

  #know(key: string, content: Content, sinceMs: number): void {
    this.#known.set(key, { content, sinceMs });
    this.#arm();
  }

  // ---- what is written

  write(item: WriteBackItem): void {
    this.#writes.add(item);
  }

  async #writeBack({ key, version, value, expiresMs }: WriteBackItem): Promise<void> {
    // A later one went before, perhaps for longer than Redis remembers that.
    if (isSettled(version, this.settled(key))) return;
    const leftMs = expiresMs === null ? null : expiresMs - this.#edges.timeMs();
    const content = { version, value, expiresMs };
    await this.#store({ key, version, value, leftMs, remember: null }, content);
  }

  #execute(task: KeyTask, version: Version): Promise<StoreOutcome> {
    const { key, write } = task;
    const remember = rememberedOf(task, version);
    if (write === null) {
      return this.#store({ key, version, value: null, leftMs: null, remember }, NOTHING);
    }
    const { value, ttlMs } = write;
    const expiresMs = ttlMs === null ? null : Math.floor(this.#edges.timeMs() + ttlMs);
    const content = { version, value, expiresMs };
    return this.#store({ key, version, value, leftMs: ttlMs, remember }, content);
  }

  /** @param content what the key has then */
  async #store(write: StoreWrite, content: Content): Promise<StoreOutcome> {
    const { key, version } = write;
    const sinceMs = this.#edges.cache.clock.monotonicMs();
    const doubt = this.#doubts.begin(key);
    try {
      const outcome = await this.#options.store.write(write);
      if (this.#ended) throw this.#edges.notLed();
      this.#settle(key, version);
      if (outcome.isWritten && !doubt.isCast) this.#know(key, content, sinceMs);
      else this.#forget(key);
      return outcome;
    } finally {
      this.#doubts.end(doubt);
    }
  }

  /** Nobody knows what it has: no line of it stays. */
  #forget(key: string): void {
    this.#known.delete(key);
    this.#edges.changed(key);
  }

  #settle(key: string, version: Version): void {
    const before = this.#settled.get(key);
    const isLater = before === undefined || compareVersions(version, before) > 0;
    this.#settled.delete(key);
    this.#settled.set(key, isLater ? version : before);
    if (this.#settled.size <= LIMITS.cacheFrontKeysMax) return;
    const [oldest] = this.#settled.keys();
    this.#settled.delete(oldest!);
  }

  execute(task: KeyTask, grant: Grant): void {
    this.#tasks.execute(task, grant);
  }

  async remembered(question: OnceQuestion): Promise<JobAnswer | null> {
    const { request } = question;
    if (request === null) return null;
    const text = await this.#options.store.remembered(nameOfRequest(request));
    const answer = text === null ? null : parseAnswer(text);
    if (answer === null) return null;
    if (answer.digest !== digestOfQuestion(question)) {
      throw new SkeinError("REQUEST_ID_REUSED", "the request id was used for another request");
    }
    return answer.version === null ? answer.existed : { ok: true, version: answer.version };
  }

  // ---- what others do

  /** Redis tells that the key was changed. */
  heard(key: string): void {
    if (this.#options.link.watch === "notifications") this.#compare(key);
    else this.#changed(key);
  }

  #changed(key: string): void {
    const isKnown = this.#known.get(key) !== undefined;
    if (isKnown) this.#options.counted();
    this.#doubts.cast(key);
    this.#forget(key);
  }

  /** It may have been this home that changed it. */
  #compare(key: string): void {
    if (this.#comparing.has(key)) return void this.#comparing.set(key, true);
    if (this.#known.get(key) === undefined && !this.#doubts.has(key)) return this.#changed(key);
    this.#comparing.set(key, false);
    void this.#compareNow(key);
  }

  async #compareNow(key: string): Promise<void> {
    const timeMs = this.#edges.timeMs();
    const ended = this.#doubts.ended(key);
    let isSame = false;
    try {
      const found = await this.#options.store.read(key);
      // They came to Redis before: what they made known is looked at, or what they find is changed behind them.
      await ended;
      const content = this.#known.get(key)?.content;
      isSame = content !== undefined && isSameContent(content, found, timeMs);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
    }
    const isAgain = this.#comparing.get(key) === true;
    this.#comparing.delete(key);
    if (this.#ended) return;
    if (!isSame) this.#changed(key);
    else if (isAgain) this.#compare(key);
  }

  /** Nothing is told any more. */
  lost(): void {
    this.#doubts.castAll();
    this.#known.clear();
  }

  /** Changes may have passed by. */
  stale(): void {
    this.lost();
    this.#edges.changedAll();
    this.#writes.hurry();
  }

  /** Where nothing is told, what is known is known for a time. */
  #arm(): void {
    const { link, lineTtlMs } = this.#options;
    if (this.#timer !== null || this.#ended || link.watch !== "ttl") return;
    this.#timer = this.#edges.cache.clock.timer(lineTtlMs / LOOKS, () => {
      this.#timer = null;
      const nowMs = this.#edges.cache.clock.monotonicMs();
      for (const key of this.#known.takeUntil(nowMs - lineTtlMs)) this.#edges.changed(key);
      if (this.#known.size > 0) this.#arm();
    });
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#writes.end();
    this.#options.ended();
  }
}

const NOTHING: Content = { version: null, value: null, expiresMs: null };

function isSameContent(content: Content, found: FoundValue, timeMs: number): boolean {
  const { value, expiresMs } = content;
  if (value === null || found.value === null) return value === found.value;
  const isSameValue = value.length === found.value.length &&
    value.every((byte, place) => byte === found.value![place]);
  if (!isSameValue) return false;
  if (expiresMs === null || found.leftMs === null) return expiresMs === found.leftMs;
  return Math.abs(expiresMs - (timeMs + found.leftMs)) <= SAME_TIME_MS;
}

function rememberedOf(task: KeyTask, version: Version): StoreWrite["remember"] {
  const { request, write } = task;
  if (request === null) return null;
  const { term, counter } = version;
  // Redis puts whether there was a value in the place of the last one.
  const parts = [
    digestOfTask(task),
    ...write === null ? [0, 0, 0] : [term, counter, version.write],
  ];
  return { name: nameOfRequest(request), answer: `${parts.join(" ")} ?` };
}

/** @returns null for what is no such answer */
function parseAnswer(text: string) {
  const [digest, term, counter, write, existed] = text.split(" ").map(Number);
  if (term === undefined || counter === undefined || write === undefined) return null;
  const version = term === 0 ? null : { term, counter, write };
  return { digest, version, existed: existed === 1 };
}

function digestOfQuestion(question: OnceQuestion): number {
  const { key } = question;
  const write = question.kind === "write" ? question : null;
  return digestOfTask({ key, kind: "remove", write });
}
