/**
 * A TCP socket as the secret stream sees it, with a gate in front: until the other side is
 * authenticated only a fixed number of messages, of a bounded number of bytes together, pass. The
 * secret stream itself would allocate up to 16 MiB on the word of a stranger. What arrives behind these
 * messages waits, unread, until `open`; afterwards the gate costs one call a chunk.
 *
 * `pause` and `resume` do nothing: whoever reads the secret stream reads at once, so what piles up is
 * never more than the chunk in hand.
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { RawStream } from "./secret_stream.ts";

/** A message of the secret stream begins with its length in three bytes, little-endian. */
const LENGTH_BYTES = 3;

/** Bytes that may wait in the socket before writers are told to wait. */
const WRITE_BYTES_MAX = 1024 * 1024;

export class GatedSocket extends EventEmitter implements RawStream {
  readonly #socket: Socket;
  readonly #oversized: () => void;
  #messagesLeft: number;
  #bytesLeft: number;
  /** Of the message that is passing: bytes still to come, and its length while that is incomplete. */
  #bodyBytes = 0;
  #lengthBytes = 0;
  #length = 0;
  /** Arrived behind the last message that may pass. */
  #held: Uint8Array | null = null;
  #isOpen = false;

  /**
   * @param messagesMax how many messages pass before `open`
   * @param bytesMax how many bytes they may have together
   * @param oversized called once when they have more; nothing passes any more
   */
  constructor(socket: Socket, messagesMax: number, bytesMax: number, oversized: () => void) {
    super();
    this.#socket = socket;
    this.#messagesLeft = messagesMax;
    this.#bytesLeft = bytesMax;
    this.#oversized = oversized;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => this.emit("end"));
    socket.on("error", (error) => this.emit("error", error));
    socket.on("close", () => this.emit("close"));
    socket.on("drain", () => this.emit("drain"));
  }

  /** The other side is authenticated: everything passes from now on. */
  open(): void {
    this.#isOpen = true;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.emit("data", held);
    this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes) || this.#socket.writableLength < WRITE_BYTES_MAX;
  }

  end(): void {
    this.#socket.end();
  }

  pause(): void {}

  resume(): void {}

  destroy(): void {
    this.#held = null;
    this.#socket.destroy();
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
      this.#oversized();
      return;
    }
    if (passing < chunk.length) {
      this.#socket.pause();
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
      this.#messagesLeft--;
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
