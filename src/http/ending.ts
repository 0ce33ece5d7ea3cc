/**
 * The end of all listeners of a server. It has two steps, because what is in flight needs the peer behind it:
 * draining takes nothing new and waits for that; once the peer has answered the rest, stopping cuts what is
 * still open. Each wait has a bound.
 */
import type { Clock } from "../clock.ts";
import type { InFlight } from "./in_flight.ts";
import type { Listener } from "./listener.ts";

export class Ending {
  readonly #listeners: readonly Listener[];
  readonly #inFlight: InFlight;
  readonly #clock: Clock;
  /** Resolves when connections that are still open have had their time. */
  readonly #late = Promise.withResolvers<void>();
  #closed: Promise<unknown> | null = null;

  constructor(listeners: readonly Listener[], inFlight: InFlight, clock: Clock) {
    this.#listeners = listeners;
    this.#inFlight = inFlight;
    this.#clock = clock;
  }

  /**
   * Takes no further connections, closes those that are idle, and the others behind their answers. Resolves
   * when everything in flight is answered, or when `graceMs` are over.
   */
  async drain(graceMs: number): Promise<void> {
    this.#close();
    const over = Promise.withResolvers<void>();
    const grace = this.#clock.timer(graceMs, over.resolve);
    await Promise.race([this.#inFlight.emptied(), over.promise]);
    grace.cancel();
  }

  /** Drains where that did not happen. Resolves when all connections are gone, or `graceMs` are over. */
  async stop(graceMs: number): Promise<void> {
    const grace = this.#clock.timer(graceMs, this.#late.resolve);
    await this.#close();
    grace.cancel();
  }

  #close(): Promise<unknown> {
    const late = this.#late.promise;
    this.#closed ??= Promise.all(this.#listeners.map((listener) => listener.close(late)));
    return this.#closed;
  }
}
