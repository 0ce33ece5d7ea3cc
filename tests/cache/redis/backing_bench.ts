/**
 * What lies behind one home, over a Redis that a test speaks for: what is asked of it waits until the test answers, and
 * what the home is told is kept.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { BackingEdges } from "../../../src/cache/backing.ts";
import type { JobAnswer, KeyTask } from "../../../src/cache/home_jobs.ts";
import type { WatchMode } from "../../../src/cache/redis/change_watch.ts";
import { RedisBacking } from "../../../src/cache/redis/redis_backing.ts";
import type { FoundValue, StoreOutcome, StoreWrite } from "../../../src/cache/redis/term_store.ts";
import type { Version } from "../../../src/cache/version.ts";
import { SkeinError } from "../../../src/errors.ts";
import { ManualClock } from "../../manual_clock.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const TERM = 3;
export const LINE_TTL_MS = 1_000;

interface Asked<A, R> {
  readonly what: A;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: SkeinError) => void;
}

/** Lets everything happen that has only to be resumed. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function found(text: string | null, leftMs: number | null = null): FoundValue {
  return { value: text === null ? null : encoder.encode(text), leftMs };
}

export const AWAY = new SkeinError("UNAVAILABLE", "Redis is away");

export class BackingBench {
  readonly clock = new ManualClock();
  readonly backing: RedisBacking;
  readonly reads: Asked<string, FoundValue>[] = [];
  readonly writes: Asked<StoreWrite, StoreOutcome>[] = [];
  watch: WatchMode | null = "tracking";
  /** What the home was told, in order. */
  readonly told: string[] = [];
  readonly answers: (JobAnswer | SkeinError)[] = [];
  counted = 0;
  isOver = false;
  #minted = 100;

  constructor() {
    const edges:
      & Omit<BackingEdges, "cache" | "group" | "term" | "replica" | "proposals" | "mayGrant">
      & {
        readonly cache: Pick<BackingEdges["cache"], "clock">;
      } = {
        cache: { clock: this.clock },
        timeMs: () => this.clock.monotonicMs(),
        mint: () => ({ term: TERM, counter: ++this.#minted }),
        notLed: () => new SkeinError("NOT_LEADER", "over"),
        committed: (items) =>
          items.forEach(({ key, version }) => this.#tell("committed", key, version)),
        answered: (_task, answer) => void this.answers.push(answer),
        over: ({ key }) => this.#tell("over", key),
        changed: (key) => this.#tell("changed", key),
        changedAll: () => this.#tell("changed", "all"),
        delayed: (key) => this.#tell("delayed", key),
      };
    // deno-lint-ignore no-this-alias
    const bench = this;
    this.backing = new RedisBacking(edges as BackingEdges, {
      link: {
        get watch() {
          return bench.watch;
        },
      },
      store: {
        read: (key) => ask(this.reads, key),
        write: (write) => ask(this.writes, write),
        remembered: () => Promise.resolve(null),
        get isOver() {
          return bench.isOver;
        },
      },
      lineTtlMs: LINE_TTL_MS,
      counted: () => void this.counted++,
      ended() {},
    });
  }

  #tell(what: string, key: string, version?: Version): void {
    this.told.push([what, key, ...version === undefined ? [] : [version.write]].join(" "));
  }

  /** What was told since this was last asked. */
  take(): readonly string[] {
    return this.told.splice(0);
  }

  async answerRead(text: string | null, leftMs: number | null = null): Promise<void> {
    assert.equal(this.reads.length > 0, true, "something is read");
    this.reads.shift()!.resolve(found(text, leftMs));
    await settled();
  }

  async answerWrite(outcome: Partial<StoreOutcome> | SkeinError = {}): Promise<void> {
    assert.equal(this.writes.length > 0, true, "something is written");
    const { resolve, reject } = this.writes.shift()!;
    if (outcome instanceof SkeinError) reject(outcome);
    else resolve({ isWritten: true, existed: false, ...outcome });
    await settled();
  }

  /** Reads the key, and this is what Redis has. */
  async know(key: string, text: string | null, leftMs: number | null = null): Promise<void> {
    const prepared = this.backing.prepare(key);
    assert.notEqual(prepared, null, "it is not known");
    await this.answerRead(text, leftMs);
    await prepared;
  }

  async write(text: string, write: number, counter = 1): Promise<void> {
    const version = { term: TERM, counter, write };
    this.backing.write({ key: "k", version, value: encoder.encode(text), expiresMs: null });
    await settled();
  }

  execute(more: Partial<KeyTask> = {}): void {
    const task = {
      number: 1,
      key: "k",
      kind: "remove",
      write: null,
      request: null,
      handedOver: null,
      isProposed: false,
      resolve() {},
      reject() {},
      ...more,
    } as KeyTask;
    this.backing.execute(task, { term: TERM, counter: 50 });
  }

  /** What is known for certain; undefined: it has to be read. */
  async known(): Promise<string | null | undefined> {
    const prepared = this.backing.prepare("k");
    if (prepared !== null) {
      // It was asked for just to see.
      this.reads.pop()!.reject(AWAY);
      await assert.rejects(prepared);
      return undefined;
    }
    const content = this.backing.content("k");
    assert.ok(!(content instanceof Promise));
    return content.value === null ? null : decoder.decode(content.value);
  }

  version(): Version | null {
    const content = this.backing.content("k");
    assert.ok(!(content instanceof Promise), "it is known");
    return content.version;
  }
}

function ask<A, R>(asked: Asked<A, R>[], what: A): Promise<R> {
  return new Promise((resolve, reject) => void asked.push({ what, resolve, reject }));
}
