/**
 * Callers that never pause and take any failure for a failure: each acquires and releases a lock of its own, over
 * and over. Every call's outcome is kept, the longest of them, and the longest time in which none was answered.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import type { SkeinProcess } from "./skein_process.ts";

const FAILURES_KEPT = 10;

/** One program. Each of its calls rejects unless it was done. */
export interface Caller {
  readonly name: string;
  acquire(resource: string): Promise<{ release(): Promise<unknown> }>;
}

/** A program with our client, which knows all of the peers and asks the one at `first` first. */
export function clientOf(peers: readonly SkeinProcess[], first: number): Caller {
  const urls = [...peers.slice(first), ...peers.slice(0, first)].map(({ url }) => url);
  const { locks } = new SkeinClient({ urls });
  return {
    name: `a client that began with ${peers[first]!.name}`,
    async acquire(resource) {
      const lock = await locks.acquire(resource, { ttlMs: 60_000 });
      return { release: () => locks.release(lock) };
    },
  };
}

/** A program that knows one peer, sends each request once and wants a 200. */
export function plainCallerOf(peer: SkeinProcess, number: number): Caller {
  const owner = `plain-${number}`;
  const post = async (path: string, body: unknown) => {
    const answer = await peer.post(path, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  };
  return {
    name: `a plain caller of ${peer.name}`,
    async acquire(resource) {
      await post("/lock/acquire", { resource, owner, ttl: 60 });
      return { release: () => post("/lock/release", { resource, owner }) };
    },
  };
}

export class CallLoad {
  readonly #programs: Promise<void>[];
  #stopping = false;
  #lastMs = performance.now();
  #longestGapMs = 0;
  #longestCallMs = 0;
  readonly failures: string[] = [];
  calls = 0;

  constructor(callers: readonly Caller[]) {
    this.#programs = callers.map((caller, number) => this.#run(caller, `r${number}`));
  }

  async #run(caller: Caller, resource: string): Promise<void> {
    while (!this.#stopping) {
      const lock = await this.#timed(caller, "acquire", () => caller.acquire(resource));
      if (lock !== null) await this.#timed(caller, "release", () => lock.release());
    }
  }

  async #timed<T>({ name }: Caller, what: string, call: () => Promise<T>): Promise<T | null> {
    const beganMs = performance.now();
    try {
      return await call();
    } catch (error) {
      const tookMs = Math.round(performance.now() - beganMs);
      const line = `${what} by ${name} failed after ${tookMs} ms: ${error}`;
      if (this.failures.length < FAILURES_KEPT) this.failures.push(line);
      this.#stopping = true;
      return null;
    } finally {
      const nowMs = performance.now();
      this.#longestCallMs = Math.max(this.#longestCallMs, nowMs - beganMs);
      this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      this.calls++;
    }
  }

  /** The longest call and the longest gap between two answers, since the last time that this was asked. */
  takeLongest(): { readonly gapMs: number; readonly callMs: number } {
    const longest = {
      gapMs: Math.round(this.#longestGapMs),
      callMs: Math.round(this.#longestCallMs),
    };
    this.#longestGapMs = 0;
    this.#longestCallMs = 0;
    return longest;
  }

  /** Lets every caller finish its round. @throws where any call failed */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#programs);
    assert.deepEqual(this.failures, []);
  }
}
