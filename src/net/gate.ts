/**
 * A stream of bytes as the secret stream on it sees it, with a gate in front: until the other side is
 * authenticated only a fixed number of messages, of a bounded number of bytes together, pass. The
 * secret stream itself would allocate up to 16 MiB on the word of a stranger. What arrives behind these
 * messages waits, unread, until `open`; afterwards the gate costs one call a chunk.
 *
 * `pause` and `resume` do nothing: whoever reads the secret stream reads at once, so what piles up is
 * never more than the chunk in hand.
 */
import { EventEmitter } from "node:events";
import type { RawStream } from "./secret_stream.ts";

/** What a gate may stand in front of: a TCP socket, or a stream of UDX. */
export interface GatedStream extends RawStream {
  /** Bytes that wait to be sent; a stream without it tells by `write` alone when to wait. */
  readonly writableLength?: number;
}

/** What passes before the other side is authenticated. */
export interface GateBounds {
  /** Those without content do not count. */
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/** A message of the secret stream begins with its length in three bytes, little-endian. */
const LENGTH_BYTES = 3;

/** A message without content, sealed. Hyperswarm sends one to see whether a stream is alive. */
const EMPTY_MESSAGE_BYTES = 17;

/** Bytes that may wait in the socket before writers are told to wait. */
const WRITE_BYTES_MAX = 1024 * 1024;

export class Gate<Stream extends GatedStream = GatedStream> extends EventEmitter
  implements RawStream {
  readonly source: Stream;
  /** Called once when the messages have more bytes than may pass; nothing passes any more. */
  oversized: () => void = () => this.destroy();
  #messagesLeft: number;
  #bytesLeft: number;
  /** Of the message that is passing: bytes still to come, and its length while that is incomplete. */
  #bodyBytes = 0;
  #lengthBytes = 0;
  #length = 0;
  /** Arrived behind the last message that may pass. */
  #held: Uint8Array | null = null;
  #isRead = false;
  #isOpen = false;

  constructor(source: Stream, { messagesMax, bytesMax }: GateBounds) {
    super();
    this.source = source;
    this.#messagesLeft = messagesMax;
    this.#bytesLeft = bytesMax;
    source.on("end", () => this.emit("end"));
    source.on("error", (error) => this.emit("error", error));
    source.on("close", () => this.emit("close"));
    source.on("drain", () => this.emit("drain"));
  }

  /** The source flows once somebody reads: what came before would be lost. */
  override on(event: string, listener: (...values: never[]) => void): this {
    super.on(event, listener as (...values: unknown[]) => void);
    if (event === "data" && !this.#isRead) {
      this.#isRead = true;
      this.source.on("data", (chunk) => this.#receive(chunk));
    }
    return this;
  }

  /** The other side is authenticated: everything passes from now on. */
  open(): void {
    this.#isOpen = true;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.emit("data", held);
    this.source.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.source.write(bytes) || (this.source.writableLength ?? Infinity) < WRITE_BYTES_MAX;
  }

  end(): void {
    this.source.end();
  }

  pause(): void {}

  resume(): void {}

  destroy(): void {
    this.#held = null;
    this.source.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isOpen) {
      this.emit("data", chunk);
      return;
    }
    if (this.#held !== null) {
      this.#held = concatenate(this.#held, chunk);
      return;
    }
    const passing = this.#measure(chunk);
    if (passing === null) {
      this.oversized();
      return;
    }
    if (passing < chunk.length) {
      this.source.pause();
      this.#held = chunk.subarray(passing);
    }
    if (passing > 0) this.emit("data", chunk.subarray(0, passing));
  }

  /** @returns how many bytes of the chunk may pass; null when the bound is exceeded */
  #measure(chunk: Uint8Array): number | null {
    let position = 0;
    while (position < chunk.length && this.#messagesLeft > 0) {
      if (this.#lengthBytes < LENGTH_BYTES) {
        this.#length += chunk[position++]! * 256 ** this.#lengthBytes++;
        if (this.#lengthBytes < LENGTH_BYTES) continue;
        this.#bytesLeft -= LENGTH_BYTES + this.#length;
        if (this.#bytesLeft < 0) return null;
        this.#bodyBytes = this.#length;
      }
      const taken = Math.min(this.#bodyBytes, chunk.length - position);
      position += taken;
      this.#bodyBytes -= taken;
      if (this.#bodyBytes > 0) continue;
      if (this.#length > EMPTY_MESSAGE_BYTES) this.#messagesLeft--;
      this.#lengthBytes = 0;
      this.#length = 0;
    }
    return position;
  }
}

function concatenate(left: Uint8Array, right: Uint8Array): Uint8Array {
  const all = new Uint8Array(left.length + right.length);
  all.set(left);
  all.set(right, left.length);
  return all;
}
