/**
 * Requests that wait for their answers, over all connections. Bounded for each peer. Deadlines share one
 * timer that stands at the earliest of them, rounded up, and stays when that one is answered: so the usual
 * request, answered long before its deadline, costs no timer of its own. Every request settles exactly once.
 */
import type { Clock, Timer } from "../clock.ts";
import type { PeerId } from "../raft/entry.ts";
import { LIMITS } from "../limits.ts";
import { RequestError } from "./transport.ts";

/** The timer looks through all requests, so it fires at most this often. */
const GRANULARITY_MS = 10;

interface Outstanding {
  readonly peer: PeerId;
  readonly method: string;
  readonly deadlineMs: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: RequestError) => void;
}

export class OutstandingRequests {
  readonly #clock: Clock;
  readonly #requests = new Map<number, Outstanding>();
  readonly #countOf = new Map<PeerId, number>();
  #lastId = 0;
  #timer: Timer | null = null;
  #timerAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#requests.size;
  }

  isFull(peer: PeerId): boolean {
    return (this.#countOf.get(peer) ?? 0) >= LIMITS.peerRequestsMax;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /** @param id from `nextId`, already on its way */
  wait(id: number, peer: PeerId, method: string, timeoutMs: number): Promise<unknown> {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    this.#countOf.set(peer, (this.#countOf.get(peer) ?? 0) + 1);
    this.#armFor(deadlineMs);
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { peer, method, deadlineMs, resolve, reject });
    });
  }

  /** An answer arrived. Late ones, and those of another peer than was asked, are ignored. */
  answer(id: number, from: PeerId, answer: unknown): void {
    this.#take(id, from)?.resolve(answer);
  }

  /** A refusal arrived. */
  refuse(id: number, from: PeerId, error: RequestError): void {
    this.#take(id, from)?.reject(error);
  }

  /** The connection to this peer is gone: what became of its requests is unknown. */
  lose(peer: PeerId, why: string): void {
    if (!this.#countOf.has(peer)) return;
    for (const [id, { peer: asked, method }] of this.#requests) {
      if (asked !== peer) continue;
      this.#take(id, peer)!.reject(new RequestError("lost", `${method} got no answer: ${why}`));
    }
  }

  /** Loses all. Nothing may be added afterwards. */
  close(): void {
    for (const peer of [...this.#countOf.keys()]) this.lose(peer, "this peer stops");
    this.#disarm();
  }

  #take(id: number, from: PeerId): Outstanding | null {
    const request = this.#requests.get(id);
    if (request === undefined || request.peer !== from) return null;
    this.#requests.delete(id);
    const left = this.#countOf.get(from)! - 1;
    if (left === 0) this.#countOf.delete(from);
    else this.#countOf.set(from, left);
    return request;
  }

  #armFor(deadlineMs: number): void {
    if (deadlineMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    const delayMs = Math.max(0, deadlineMs - this.#clock.monotonicMs()) + GRANULARITY_MS;
    this.#timerAtMs = deadlineMs;
    this.#timer = this.#clock.timer(delayMs, () => this.#expire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = Infinity;
  }

  #expire(): void {
    this.#disarm();
    const nowMs = this.#clock.monotonicMs();
    let earliestMs = Infinity;
    for (const [id, { peer, method, deadlineMs }] of this.#requests) {
      if (deadlineMs > nowMs) {
        earliestMs = Math.min(earliestMs, deadlineMs);
      } else {
        const error = new RequestError("timeout", `${method} got no answer in time`);
        this.#take(id, peer)!.reject(error);
      }
    }
    if (earliestMs !== Infinity) this.#armFor(earliestMs);
  }
}
