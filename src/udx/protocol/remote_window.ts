/**
 * How much the other end will take, as it said last. Packets overtake each other, and what an older one says must not
 * take back what a newer one has said.
 */
import { BOUNDS } from "./bounds.ts";
import type { Header } from "./packet.ts";
import { distance } from "./sequence.ts";

export class RemoteWindow {
  #bytes: number = BOUNDS.receiveWindowBytes;
  /** Of the packet that said so. */
  #sequence = 0;
  #ack = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get closed(): boolean {
    return this.#bytes === 0;
  }

  /** Packets that may be in flight: one in the smallest window that is open. */
  packets(payloadBytes: number): number {
    return this.closed ? 0 : Math.max(1, Math.floor(this.#bytes / payloadBytes));
  }

  /** Only what is newer than the last that was said counts (RFC 9293, 3.10.7.4). @returns whether it did */
  update({ sequence, ack, windowBytes }: Header): boolean {
    const newer = distance(sequence, this.#sequence);
    if (newer < 0 || (newer === 0 && distance(ack, this.#ack) < 0)) return false;
    this.#bytes = windowBytes;
    this.#sequence = sequence;
    this.#ack = ack;
    return true;
  }
}
