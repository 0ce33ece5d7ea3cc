/**
 * Keeps a lock while something runs under it: renews the lease at a third of its length, and says when it is lost.
 * Lost is: the cluster says that it is not held, or it could not be renewed for so long that it may end before
 * what runs under it can be stopped. The lease is counted from before each request was sent, so the cluster
 * never ends it earlier than this does. That other work is refused afterwards is the fencing token's task.
 */
import { type LockGrant, type SkeinClient, SkeinError } from "../client/mod.ts";

/** After a renewal that failed, so long until the next. */
const RETRY_PAUSE_MS = 250;

export interface KeptLease {
  readonly ttlMs: number;
  /** What it takes to stop what runs under the lock; at most a third of the lease is kept for it. */
  readonly stopMs: number;
  /** When the request that was granted was sent, on the clock of `performance.now`. */
  readonly sentAtMs: number;
}

export class LeaseKeeper {
  /** Resolves with the reason when the lock is lost; never after `stop`. */
  readonly lost: Promise<string>;
  readonly #client: SkeinClient;
  readonly #lease: KeptLease;
  readonly #stopping = new AbortController();
  #grant: LockGrant;
  /** From here on the lease may end before what runs under it is stopped. */
  #safeUntilMs: number;

  constructor(client: SkeinClient, grant: LockGrant, lease: KeptLease) {
    this.#client = client;
    this.#grant = grant;
    this.#lease = lease;
    this.#safeUntilMs = this.#safeFrom(lease.sentAtMs);
    this.lost = this.#keep();
  }

  /** No further renewal. */
  stop(): void {
    this.#stopping.abort();
  }

  async #keep(): Promise<string> {
    let pauseMs = this.#lease.ttlMs / 3;
    for (;;) {
      await this.#sleep(Math.min(pauseMs, this.#safeUntilMs - performance.now()));
      const outcome = await this.#renew();
      if (this.#stopping.signal.aborted) return new Promise(() => {});
      if (outcome === "not held") return "the cluster says that it is not held";
      if (performance.now() >= this.#safeUntilMs) return "it could not be renewed in time";
      pauseMs = outcome === "renewed" ? this.#lease.ttlMs / 3 : RETRY_PAUSE_MS;
    }
  }

  async #renew(): Promise<"renewed" | "not held" | "failed"> {
    const sentAtMs = performance.now();
    const remainingMs = Math.max(0, this.#safeUntilMs - sentAtMs);
    const { ttlMs } = this.#lease;
    try {
      this.#grant = await this.#client.locks.renew(this.#grant, {
        ttlMs,
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(remainingMs)]),
      });
      this.#safeUntilMs = this.#safeFrom(sentAtMs);
      return "renewed";
    } catch (error) {
      return error instanceof SkeinError && error.code === "NOT_HELD" ? "not held" : "failed";
    }
  }

  #safeFrom(sentAtMs: number): number {
    const { ttlMs, stopMs } = this.#lease;
    return sentAtMs + ttlMs - Math.min(stopMs, ttlMs / 3);
  }

  #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.max(0, delayMs));
      signal.addEventListener("abort", wake);
    });
  }
}
