/**
 * One user of the lock service in the simulation. It asks peers at random for a few contended locks, and
 * behaves as users do: waits, gives up, retries through another peer with the same request id, renews,
 * forgets to release, disappears. Everything it saw goes into the history.
 */
import { SkeinError } from "../../src/errors.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import type { AcquireResult, LockMode, Locks } from "../../src/locks/locks.ts";
import type { Random } from "../../src/random.ts";
import { exponentialMs } from "./fault_rates.ts";
import type { AcquireInput, LockInput, LockOperation } from "./lock_history.ts";
import { SafetyViolation } from "./raft_checker.ts";
import type { Scheduler } from "./virtual_time.ts";

/** A peer's lock service, as one attempt sees it. */
export interface LockAccess {
  /** @throws {SkeinError} while the peer has none */
  locks(): Locks;
  /**
   * Calls back when the process has ended: it will never answer.
   * @returns how to be called no more
   */
  onEnd(ended: () => void): () => void;
}

export interface LockClientEdges {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: LockOperation[];
  readonly resources: readonly string[];
  /** Mean time between two operations. */
  readonly thinkMs: number;
  /** A running peer, drawn at random; null where none runs. */
  access(): LockAccess | null;
  /** Something that must never happen. */
  fail(error: unknown): void;
}

/** What one operation came to, whatever number of attempts it took. */
type Called<T> =
  | { readonly kind: "answer"; readonly value: T }
  /** It certainly had no effect. */
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

/** One attempt at one peer; aborted when the client goes away. */
type Perform<T> = (locks: Locks, signal: AbortSignal) => Promise<T>;

interface CallOptions {
  /** Whether a second attempt is the same operation for the service. */
  readonly mayRetry: boolean;
  readonly waitMs: number;
  readonly signal: AbortSignal | null;
}

interface Held {
  readonly resource: string;
  readonly mode: LockMode;
  readonly token: number;
  readonly ttlMs: number;
}

/** Retries of one operation end well before its request id may be forgotten. */
const RETRY_FOR_MS = 25_000;
const ATTEMPT_MS_MAX = 15_000;
/** The service promises that these say: nothing was proposed. */
const WITHOUT_EFFECT: readonly string[] = [
  "NO_LEADER",
  "STORAGE_FAILED",
  "UNAVAILABLE",
  "TOO_MANY_REQUESTS",
];

/** Nobody knows; or what was done was undone again, which others may have seen. */
const MAYBE_WITH_EFFECT: readonly string[] = ["OUTCOME_UNKNOWN", "SHUTTING_DOWN"];

export class LockClient {
  readonly #name: string;
  readonly #edges: LockClientEdges;
  #generation = 0;
  #sequence = 0;
  #held: Held[] = [];
  #stopped = false;

  constructor(name: string, edges: LockClientEdges) {
    this.#name = name;
    this.#edges = edges;
  }

  /** Resolves after `stop`, when the operation under way has ended. */
  async run(): Promise<void> {
    const { random, thinkMs } = this.#edges;
    while (!this.#stopped) {
      await this.#sleep(exponentialMs(random, thinkMs));
      if (this.#stopped) return;
      try {
        await this.#operate();
      } catch (error) {
        this.#edges.fail(error);
        return;
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Who it is for the service. A new one whenever it cannot know what it holds. */
  get #owner(): string {
    return `${this.#name}.${this.#generation}`;
  }

  #operate(): Promise<void> {
    const { random, resources } = this.#edges;
    const held = this.#held.length > 0 ? random.pick(this.#held) : null;
    const resource = random.pick(resources);
    const dice = random.fraction();
    if (held === null) {
      if (dice < 0.75) return this.#acquire(resource);
      if (dice < 0.9) return this.#status(resource);
      return this.#release(resource, random.chance(0.5) ? null : random.integer(1, 50));
    }
    if (dice < 0.45) return this.#release(held.resource, random.chance(0.8) ? held.token : null);
    if (dice < 0.6) return this.#renew(held);
    if (dice < 0.8) return this.#acquire(resource);
    if (dice < 0.9) return this.#status(resource);
    this.#held = this.#held.filter((other) => other !== held);
    return Promise.resolve();
  }

  async #acquire(resource: string): Promise<void> {
    const { random, scheduler } = this.#edges;
    const owner = this.#owner;
    const mode: LockMode = random.chance(0.35) ? "shared" : "exclusive";
    const waitMs = random.chance(0.5) ? 0 : random.integer(100, 6_000);
    const ttlMs = random.chance(0.4) ? random.integer(300, 3_000) : random.integer(5_000, 20_000);
    const request = this.#requestKey();
    const vanishing = waitMs > 0 && random.chance(0.15) ? new AbortController() : null;
    const callMs = scheduler.nowMs;
    const call = this.#call(
      (locks, signal) => locks.acquire({ resource, owner, mode, waitMs, ttlMs, request, signal }),
      { mayRetry: request !== null, waitMs, signal: vanishing?.signal ?? null },
    );
    const addressed = { kind: "acquire", resource, owner, mode, waitMs, ttlMs } as const;
    if (vanishing !== null) {
      const vanished = await this.#vanish(call, vanishing, random.fraction() * waitMs);
      if (vanished) return this.#unknownAcquire(callMs, addressed);
    }
    const called = await call;
    if (called.kind === "refused") return;
    if (called.kind === "unknown") return this.#unknownAcquire(callMs, addressed);
    const result = this.#resultOf(called.value);
    this.#record(callMs, { ...addressed, result });
    if (result.kind !== "granted") return;
    this.#held = this.#held.filter((held) => held.resource !== resource);
    this.#held.push({ resource, mode, token: result.token, ttlMs });
  }

  #resultOf(answer: AcquireResult): AcquireInput["result"] {
    if (answer.ok) return { kind: "granted", token: answer.fencingToken };
    switch (answer.code) {
      case "LOCK_HELD":
        return { kind: "held" };
      case "LEASE_EXPIRED":
        return { kind: "leaseExpired" };
      case "DEADLOCK": {
        const { cycle } = answer;
        cycle.forEach((edge, place) => {
          const next = cycle[(place + 1) % cycle.length]!;
          if (cycle.length >= 2 && edge.holders.includes(next.owner)) return;
          throw new SafetyViolation(`not a cycle of waiters: ${JSON.stringify(cycle)}`);
        });
        return { kind: "deadlock" };
      }
    }
  }

  /** Goes away while the call waits. @returns false where the answer came first */
  async #vanish(
    call: Promise<unknown>,
    controller: AbortController,
    afterMs: number,
  ): Promise<boolean> {
    let answered = false;
    await Promise.race([call.then(() => answered = true), this.#sleep(afterMs)]);
    if (answered) return false;
    controller.abort();
    return true;
  }

  /** It may hold the lock, or be cancelled, now or later; nobody will learn it. */
  #unknownAcquire(callMs: number, addressed: Omit<AcquireInput, "result">): void {
    this.#record(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
    const { resource, owner } = addressed;
    const cancelled = { kind: "release", resource, owner, token: null } as const;
    this.#record(callMs, { ...cancelled, result: { kind: "unknown" } }, Infinity);
    this.#becomeAnother();
  }

  async #release(resource: string, token: number | null): Promise<void> {
    const owner = this.#owner;
    const request = this.#requestKey();
    const callMs = this.#edges.scheduler.nowMs;
    const called = await this.#call(
      (locks) => locks.release({ resource, owner, fencingToken: token, request }),
      { mayRetry: request !== null, waitMs: 0, signal: null },
    );
    if (called.kind === "refused") return;
    this.#held = this.#held.filter((held) => held.resource !== resource);
    const addressed = { kind: "release", resource, owner, token } as const;
    if (called.kind === "unknown") {
      this.#record(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
      this.#becomeAnother();
    } else {
      this.#record(callMs, {
        ...addressed,
        result: { kind: called.value.ok ? "done" : "notHeld" },
      });
    }
  }

  async #renew(held: Held): Promise<void> {
    const { random, scheduler } = this.#edges;
    const { resource } = held;
    const owner = this.#owner;
    const token = random.chance(0.8) ? held.token : null;
    const ttlMs = random.chance(0.5) ? null : random.integer(500, 10_000);
    const request = this.#requestKey();
    const callMs = scheduler.nowMs;
    const called = await this.#call(
      (locks) => locks.renew({ resource, owner, fencingToken: token, ttlMs, request }),
      { mayRetry: request !== null, waitMs: 0, signal: null },
    );
    if (called.kind === "refused") return;
    const addressed = {
      kind: "renew",
      resource,
      owner,
      token,
      ttlMs: ttlMs ?? held.ttlMs,
    } as const;
    if (called.kind === "unknown") {
      this.#record(callMs, { ...addressed, result: { kind: "unknown" } }, Infinity);
      return this.#becomeAnother();
    }
    if (called.value.ok) {
      const result = { kind: "renewed", token: called.value.fencingToken } as const;
      return this.#record(callMs, { ...addressed, result });
    }
    this.#held = this.#held.filter((other) => other !== held);
    this.#record(callMs, { ...addressed, result: { kind: "notHeld" } });
  }

  async #status(resource: string): Promise<void> {
    const callMs = this.#edges.scheduler.nowMs;
    const called = await this.#call((locks) => locks.status(resource, { stale: false }), {
      mayRetry: true,
      waitMs: 0,
      signal: null,
    });
    if (called.kind !== "answer") return;
    const holders = (called.value?.holders ?? []).map(({ owner, mode, fencingToken }) => ({
      owner,
      mode,
      token: fencingToken,
    }));
    this.#record(callMs, { kind: "status", resource, holders });
  }

  async #call<T>(
    perform: Perform<T>,
    { mayRetry, waitMs, signal }: CallOptions,
  ): Promise<Called<T>> {
    const { scheduler, random } = this.#edges;
    const giveUpMs = scheduler.nowMs + RETRY_FOR_MS;
    let isUnsure = false;
    for (;;) {
      const attempt = await this.#attempt(perform, waitMs + ATTEMPT_MS_MAX, signal);
      if (attempt.kind === "answer") return attempt;
      isUnsure ||= attempt.kind === "unknown";
      const isOver = scheduler.nowMs > giveUpMs || this.#stopped || random.chance(0.1) ||
        signal?.aborted;
      if (isOver || (isUnsure && !mayRetry)) return { kind: isUnsure ? "unknown" : "refused" };
      await this.#sleep(exponentialMs(random, 200));
      if (signal?.aborted) return { kind: isUnsure ? "unknown" : "refused" };
    }
  }

  /** At one peer, until it answers, dies or takes too long. */
  #attempt<T>(
    perform: Perform<T>,
    timeoutMs: number,
    signal: AbortSignal | null,
  ): Promise<Called<T>> {
    const access = this.#edges.access();
    if (access === null) return Promise.resolve({ kind: "refused" });
    return new Promise((resolve) => {
      const { scheduler } = this.#edges;
      // A connection of its own: a process that ended hears no more of it.
      const connection = new AbortController();
      const hangUp = () => connection.abort();
      signal?.addEventListener("abort", hangUp);
      const settle = (called: Called<T>) => {
        signal?.removeEventListener("abort", hangUp);
        timeout.cancel();
        forget();
        resolve(called);
      };
      const unknown = () => settle({ kind: "unknown" });
      const timeout = scheduler.after(timeoutMs, null, "client timeout", unknown);
      const forget = access.onEnd(unknown);
      asked(() => perform(access.locks(), connection.signal)).then(
        (value) => settle({ kind: "answer", value }),
        (error: unknown) => settle(signal?.aborted ? { kind: "unknown" } : this.#refusal(error)),
      );
    });
  }

  #refusal(error: unknown): { readonly kind: "refused" | "unknown" } {
    if (error instanceof SkeinError) {
      if (MAYBE_WITH_EFFECT.includes(error.code)) return { kind: "unknown" };
      if (WITHOUT_EFFECT.includes(error.code)) return { kind: "refused" };
    }
    this.#edges.fail(error);
    return { kind: "unknown" };
  }

  #requestKey(): RequestKey | null {
    const dice = this.#edges.random.fraction();
    const sequence = ++this.#sequence;
    if (dice < 0.3) return null;
    if (dice < 0.6) return { kind: "caller", principal: this.#name, id: `request-${sequence}` };
    return {
      kind: "session",
      session: this.#name,
      bootId: "0".repeat(16),
      sequence,
      lowestOpen: sequence,
    };
  }

  #record(callMs: number, input: LockInput, returnMs = this.#edges.scheduler.nowMs): void {
    this.#edges.history.push({ input, callMs, returnMs });
  }

  #becomeAnother(): void {
    this.#generation++;
    this.#held = [];
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#edges.scheduler.after(delayMs, null, "client", resolve);
    });
  }
}

/** What is thrown at once is a rejection like any other. */
async function asked<T>(perform: () => Promise<T>): Promise<T> {
  return await perform();
}
