/**
 * A body that is made as it is read: the next piece is asked for when the reader has taken the one before, so a slow
 * reader holds one piece and slows nobody. A reader who waits is told now and then that the peer is still there; one who
 * takes nothing for a minute is cut off.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";

export interface PulledBodyOptions {
  readonly clock: Clock;
  /** Sent to a reader who waits; null: nothing is. */
  readonly heartbeat: string | null;
  /** Called once, however it ends; stops what makes the pieces, so that who waits for the next one waits no more. */
  readonly ended: () => void;
}

export const HEARTBEAT_MS = 10_000;
/** Heartbeats after which a reader who has taken nothing is given up. */
const IDLE_BEATS_MAX = 6;
/** Handed out at once. Whoever takes less within a minute is given up, so it is little: a piece may be a megabyte. */
const SLICE_BYTES_MAX = 64 * 1024;

const encoder = new TextEncoder();

/** @param pieces of text; what it throws cuts the body off, so that its reader sees that it is not whole */
export function pulledBody(
  pieces: AsyncIterator<string>,
  options: PulledBodyOptions,
): ReadableStream<Uint8Array> {
  const body = new PulledBody(pieces, options);
  return new ReadableStream(body, { highWaterMark: 0 });
}

class PulledBody implements UnderlyingDefaultSource<Uint8Array> {
  readonly #pieces: AsyncIterator<string>;
  readonly #options: PulledBodyOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #beat: Timer | null = null;
  /** What is left of the piece that is being handed out. */
  #rest = new Uint8Array();
  /** Whether a piece is asked for that is not there yet. */
  #pulling = false;
  /** Heartbeats since which the reader has taken nothing that was there. */
  #idleBeats = 0;
  #ended = false;

  constructor(pieces: AsyncIterator<string>, options: PulledBodyOptions) {
    this.#pieces = pieces;
    this.#options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#scheduleBeat();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#idleBeats = 0;
    if (this.#rest.length > 0) return this.#handOut(controller);
    this.#pulling = true;
    try {
      const { done, value } = await this.#pieces.next();
      if (this.#ended) return;
      if (done !== true) {
        this.#rest = encoder.encode(value);
        return this.#handOut(controller);
      }
      this.#end();
      controller.close();
    } catch (error) {
      this.#cut(error);
    } finally {
      this.#pulling = false;
    }
  }

  #handOut(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const slice = this.#rest.subarray(0, SLICE_BYTES_MAX);
    this.#rest = this.#rest.subarray(slice.length);
    controller.enqueue(slice);
  }

  cancel(): void {
    this.#end();
  }

  #scheduleBeat(): void {
    this.#beat = this.#options.clock.timer(HEARTBEAT_MS, () => this.#onBeat());
  }

  #onBeat(): void {
    const { heartbeat } = this.#options;
    const hasTakenAll = this.#controller!.desiredSize! >= 0;
    if (this.#pulling && hasTakenAll) {
      this.#idleBeats = 0;
      if (heartbeat !== null) this.#controller!.enqueue(encoder.encode(heartbeat));
    } else if (++this.#idleBeats >= IDLE_BEATS_MAX) {
      return this.#cut(new SkeinError("UNAVAILABLE", "its reader takes nothing"));
    }
    this.#scheduleBeat();
  }

  #cut(error: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#controller!.error(error);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#beat?.cancel();
    this.#options.ended();
    void Promise.resolve(this.#pieces.return?.()).catch(() => {});
  }
}
