/**
 * What a stream that is over answers a peer that missed its last packet, and would ask for it until it times out. It
 * keeps that packet and nothing else of the stream.
 */
import { BOUNDS } from "./bounds.ts";
import { FLAGS } from "./packet.ts";
import type { Route } from "./stream_output.ts";

/** Others expect no answer. */
const ASKING = FLAGS.data | FLAGS.end | FLAGS.heartbeat;

export class LastWord<R extends Route> {
  readonly packet: Uint8Array;
  readonly route: R;
  #left: number = BOUNDS.lingerAnswersMax;

  constructor(packet: Uint8Array, route: R) {
    this.packet = packet;
    this.route = route;
  }

  /** @returns whether a packet with these flags is to be answered, which is so only so many times */
  answers(flags: number): boolean {
    return (flags & ASKING) !== 0 && this.#left-- > 0;
  }
}
