/**
 * Streams that closed a moment ago. The other end may have missed the last packet, and would ask for it until
 * it times out; so their cores answer for some seconds more. The oldest go first when there are many.
 */
import { BOUNDS } from "./protocol/bounds.ts";
import type { StreamCore } from "./protocol/stream_core.ts";
import type { UDXRoute } from "./udx_route.ts";

const STREAMS_MAX = 4_096;

interface Late {
  readonly core: StreamCore<UDXRoute>;
  readonly untilMs: number;
}

export class LateStreams {
  /** In the order of closing. */
  readonly #streams = new Map<number, Late>();

  add(core: StreamCore<UDXRoute>, nowMs: number): void {
    this.#streams.delete(core.id);
    this.#streams.set(core.id, { core, untilMs: nowMs + BOUNDS.lingerMs });
    for (const [id, { untilMs }] of this.#streams) {
      if (untilMs > nowMs && this.#streams.size <= STREAMS_MAX) break;
      this.#streams.delete(id);
    }
  }

  /** @returns whether the packet is one of such a stream */
  receive(id: number, nowMs: number, packet: Uint8Array): boolean {
    const late = this.#streams.get(id);
    if (late === undefined || late.untilMs <= nowMs) return false;
    late.core.receive(nowMs, packet);
    return true;
  }
}
