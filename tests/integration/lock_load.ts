/**
 * Clients that acquire and release locks through all peers and never stop for a failure: whatever answer
 * is lost is asked for again under the same request id, through the next peer. They share one process, so
 * that what they were told can be checked at once: a lock has one holder, a token one grant, a grant
 * that was acknowledged is there to be released.
 */
import assert from "node:assert/strict";
import type { JsonAnswer, SkeinProcess } from "./skein_process.ts";

const RESOURCES = 16;
const RETRY_TIMEOUT_MS = 55_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** What a violation tells of the resource in question. */
const EVENTS_SHOWN = 40;

export interface LockLoadOptions {
  /** After this a client leaves the peer that it asked, and asks the next. */
  readonly requestTimeoutMs?: number;
}

interface LockBody {
  readonly resource: string;
  readonly owner: string;
  /** How long to wait, in seconds. */
  readonly timeout?: number;
  readonly ttl?: number;
}

interface Asked extends JsonAnswer {
  readonly attempts: number;
}

export class LockLoad {
  readonly #peers: readonly SkeinProcess[];
  readonly #requestTimeoutMs: number;
  readonly #holders = new Map<string, string>();
  readonly #tokens = new Set<number>();
  readonly #lastToken = new Map<string, number>();
  readonly #events = new Map<string, string[]>();
  readonly #clients: Promise<void>[] = [];
  #stopping = false;
  #requests = 0;
  /** When the last grant was acknowledged. */
  lastGrantMs = performance.now();
  /** The longest time without a grant since a test set it to 0. */
  longestPauseMs = 0;
  grants = 0;
  retries = 0;
  /** The first violation; clients stop at it. */
  violation: unknown = null;

  constructor(peers: readonly SkeinProcess[], clients: number, options: LockLoadOptions = {}) {
    this.#peers = peers;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    for (let number = 0; number < clients; number++) {
      this.#clients.push(
        this.#client(number).catch((error) => {
          this.violation ??= error;
          this.#stopping = true;
        }),
      );
    }
  }

  /** Lets every client finish its round, then checks that nothing is held. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    if (this.violation !== null) throw this.violation;
    const peer = this.#peers.find(({ up }) => up)!;
    for (let number = 0; number < RESOURCES; number++) {
      const { status } = await peer.get(`/lock/status?resource=r${number}`);
      assert.equal(status, 404, `r${number}: every release was acknowledged, so nobody holds it`);
    }
  }

  async #client(number: number): Promise<void> {
    for (let round = number; !this.#stopping; round++) {
      const resource = `r${(round * 7) % RESOURCES}`;
      try {
        await this.#takeAndGiveBack(number, resource);
      } catch (error) {
        const events = this.#events.get(resource) ?? [];
        throw new Error(`${resource}:\n${events.join("\n")}`, { cause: error });
      }
    }
  }

  async #takeAndGiveBack(number: number, resource: string): Promise<void> {
    const owner = `client-${number}`;
    const wanted = { resource, owner, timeout: 5, ttl: 600 };
    const { status, body, attempts } = await this.#ask(number, "/lock/acquire", wanted);
    if (status === 409 && body.error === "LOCK_HELD") return;
    // A peer gives back what it could not tell; who asks again elsewhere is told that it is over.
    if (attempts > 1 && body.error === "LEASE_EXPIRED") return;
    assert.equal(status, 200, `${owner} acquires ${resource}: ${JSON.stringify(body)}`);
    this.#granted(resource, owner, body.fencing_token);
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(this.#holders.get(resource), owner);
    this.#holders.delete(resource);
    const released = await this.#ask(number, "/lock/release", { resource, owner });
    const shown = JSON.stringify(released.body);
    assert.equal(released.status, 200, `an acknowledged grant of ${resource} is lost: ${shown}`);
  }

  #granted(resource: string, owner: string, token: number): void {
    assert.equal(this.#holders.get(resource), undefined, `${resource} has two holders`);
    assert.ok(!this.#tokens.has(token), `token ${token} was given twice`);
    assert.ok(token > (this.#lastToken.get(resource) ?? 0), `tokens of ${resource} increase`);
    this.#holders.set(resource, owner);
    this.#tokens.add(token);
    this.#lastToken.set(resource, token);
    const nowMs = performance.now();
    this.longestPauseMs = Math.max(this.longestPauseMs, nowMs - this.lastGrantMs);
    this.lastGrantMs = nowMs;
    this.grants++;
  }

  /** Asks until somebody answers for sure. */
  async #ask(number: number, path: string, body: LockBody): Promise<Asked> {
    const id = `${number}-${this.#requests++}`;
    const until = performance.now() + RETRY_TIMEOUT_MS;
    for (let attempts = 1;; attempts++) {
      const peer = this.#peers[(number + attempts - 1) % this.#peers.length]!;
      const note = (outcome: string) => {
        this.#note(body.resource, `${path} ${id} of ${peer.name}: ${outcome}`);
      };
      note("asked");
      try {
        const headers = { "x-request-id": id };
        const answer = await peer.post(path, body, headers, this.#requestTimeoutMs);
        note(`${answer.status} ${answer.body.error ?? answer.body.fencing_token ?? ""}`);
        if (answer.status < 500) return { ...answer, attempts };
        assert.ok(performance.now() < until, `no answer in time: ${JSON.stringify(answer.body)}`);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        note(String(error));
        assert.ok(performance.now() < until, `no answer in time: ${String(error)}`);
      }
      this.retries++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Keeps what was last asked and answered about a resource, for whoever must understand a violation. */
  #note(resource: string, event: string): void {
    const events = this.#events.get(resource) ?? [];
    if (events.length === EVENTS_SHOWN) events.shift();
    events.push(`${performance.now().toFixed(1)} ms ${event}`);
    this.#events.set(resource, events);
  }
}
