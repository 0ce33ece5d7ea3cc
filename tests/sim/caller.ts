/**
 * How a user of the simulation calls a service: through some peer, again through another one while that is safe,
 * until an answer comes or patience ends. What it then knows of the operation's fate is all that it knows.
 */
import type { Cache } from "../../src/cache/cache.ts";
import { SkeinError } from "../../src/errors.ts";
import type { Events } from "../../src/events/events.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import type { Locks } from "../../src/locks/locks.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import { exponentialMs } from "./fault_rates.ts";
import type { Scheduler } from "./virtual_time.ts";

/** A peer's services, as one attempt sees them. */
export interface PeerAccess {
  /** @throws {SkeinError} while the peer has none */
  locks(): Locks;
  /** @throws {SkeinError} while the peer has none */
  queue(): Queue;
  /** @throws {SkeinError} while the peer has none */
  cache(): Cache;
  /** @throws {SkeinError} while the peer has none */
  events(): Events;
  readonly id: PeerId;
  /** Names this run of the peer's services. */
  readonly life: string;
  /**
   * Calls back when the process has ended: it will never answer.
   * @returns how to be called no more
   */
  onEnd(ended: () => void): () => void;
}

export interface CallerEdges {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** A running peer, drawn at random; null where none runs. */
  access(): PeerAccess | null;
  /** Something that must never happen. */
  fail(error: unknown): void;
}

/** What one operation came to, whatever number of attempts it took. */
export type Called<T> =
  /** @property unsure: an earlier attempt may have had an effect of its own */
  | { readonly kind: "answer"; readonly value: T; readonly unsure: boolean }
  /** It certainly had no effect. */
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

/** One attempt at one peer; aborted when the client goes away. */
export type Perform<T> = (access: PeerAccess, signal: AbortSignal) => Promise<T>;

export interface CallOptions {
  /** Whether another attempt after one of unknown outcome is allowed. */
  readonly mayRetry: boolean;
  readonly waitMs: number;
  /** How long one attempt may take beside that; by default as long as it can. */
  readonly attemptMs?: number;
  readonly signal: AbortSignal | null;
}

/** Retries of one operation end well before its request id may be forgotten. */
const RETRY_FOR_MS = 25_000;
const ATTEMPT_MS_MAX = 15_000;
/** The services promise that these say: nothing was proposed. */
const WITHOUT_EFFECT: readonly string[] = [
  "NO_LEADER",
  "STORAGE_FAILED",
  "UNAVAILABLE",
  "TOO_MANY_REQUESTS",
];

/** Nobody knows; or what was done was undone again, which others may have seen. */
const MAYBE_WITH_EFFECT: readonly string[] = ["OUTCOME_UNKNOWN", "SHUTTING_DOWN"];

export class Caller {
  readonly #name: string;
  readonly #edges: CallerEdges;
  #sequence = 0;
  #stopped = false;

  constructor(name: string, edges: CallerEdges) {
    this.#name = name;
    this.#edges = edges;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Nothing is tried again from here on. */
  stop(): void {
    this.#stopped = true;
  }

  /** Works again and again, with pauses, until `stop`; the operation under way then ends by itself. */
  async run(thinkMs: number, operate: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      await this.sleep(exponentialMs(this.#edges.random, thinkMs));
      if (this.#stopped) return;
      try {
        await operate();
      } catch (error) {
        this.#edges.fail(error);
        return;
      }
    }
  }

  async call<T>(
    perform: Perform<T>,
    { mayRetry, waitMs, attemptMs = ATTEMPT_MS_MAX, signal }: CallOptions,
  ): Promise<Called<T>> {
    const { scheduler, random } = this.#edges;
    const giveUpMs = scheduler.nowMs + RETRY_FOR_MS;
    let unsure = false;
    for (;;) {
      const attempt = await this.#attempt(perform, waitMs + attemptMs, signal);
      if (attempt.kind === "answer") return { ...attempt, unsure };
      unsure ||= attempt.kind === "unknown";
      const isOver = scheduler.nowMs > giveUpMs || this.#stopped || random.chance(0.1) ||
        signal?.aborted;
      if (isOver || (unsure && !mayRetry)) return { kind: unsure ? "unknown" : "refused" };
      await this.sleep(exponentialMs(random, 200));
      if (signal?.aborted) return { kind: unsure ? "unknown" : "refused" };
    }
  }

  /**
   * Goes away while the call waits.
   * @returns false where the answer came first
   */
  async vanish(
    call: Promise<unknown>,
    controller: AbortController,
    afterMs: number,
  ): Promise<boolean> {
    let answered = false;
    await Promise.race([call.then(() => answered = true), this.sleep(afterMs)]);
    if (answered) return false;
    controller.abort();
    return true;
  }

  /** Of another kind each time: none, the caller's own, or a session's. */
  requestKey(): RequestKey | null {
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

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#edges.scheduler.after(delayMs, null, "client", resolve);
    });
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
      asked(() => perform(access, connection.signal)).then(
        (value) => settle({ kind: "answer", value, unsure: false }),
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
}

/** What is thrown at once is a rejection like any other. */
async function asked<T>(perform: () => Promise<T>): Promise<T> {
  return await perform();
}
