/**
 * Streams that closed a moment ago: packets that still come for them are theirs, and are answered for some
 * seconds by the last word of each. The oldest go first when there are many.
 */
import { BOUNDS } from "./protocol/bounds.ts";
import type { LastWord } from "./protocol/last_word.ts";
import { flagsOf } from "./protocol/packet.ts";
import type { UDXRoute } from "./udx_route.ts";

const STREAMS_MAX = 4_096;

interface Late {
  readonly lastWord: LastWord<UDXRoute> | null;
  readonly untilMs: number;
}

export class LateStreams {
  /** In the order of closing. */
  readonly #streams = new Map<number, Late>();

  add(id: number, lastWord: LastWord<UDXRoute> | null, nowMs: number): void {
    this.#streams.delete(id);
    this.#streams.set(id, { lastWord, untilMs: nowMs + BOUNDS.lingerMs });
    for (const [oldest, { untilMs }] of this.#streams) {
      if (untilMs > nowMs && this.#streams.size <= STREAMS_MAX) break;
      this.#streams.delete(oldest);
    }
  }

  /** @returns whether the packet is one of such a stream */
  receive(id: number, nowMs: number, packet: Uint8Array): boolean {
    const late = this.#streams.get(id);
    if (late === undefined || late.untilMs <= nowMs) return false;
    const { lastWord } = late;
    if (lastWord?.answers(flagsOf(packet))) {
      lastWord.route.socket.transmit(lastWord.packet, lastWord.route.to);
    }
    return true;
  }
}
