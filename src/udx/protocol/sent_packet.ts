/**
 * A packet that was sent and may have to be sent again, with what was known when it left; and the lists that
 * such packets are in: in flight, in the order of sending, or lost. A packet is in at most one.
 */
import { BOUNDS } from "./bounds.ts";
import type { Route } from "./stream_output.ts";

export class SentPacket<R extends Route = Route> {
  readonly sequence: number;
  readonly flags: number;
  /** Header and payload, without padding. */
  readonly bytes: Uint8Array;
  readonly payloadBytes: number;
  /** The way and the id that it was built for: a change of remote does not move what is in flight. */
  route: R;
  remoteId: number;

  sentAtMs = 0;
  /** In the list of those that wait to be sent again. */
  lost = false;
  /** Ever sent again: its round trip cannot be told. */
  retransmitted = false;
  /** By a SACK block or in order. */
  acknowledged = false;
  /** Timeouts that it has met. */
  rtos = 0;
  /** Padding that makes it a probe of the path's size; 0 for all others. */
  probeBytes = 0;

  // What the delivery rate is reckoned from: the state of the stream when this packet left.
  delivered = 0;
  deliveredAtMs = 0;
  firstSentAtMs = 0;
  appLimited = false;

  previous: SentPacket<R> | null = null;
  next: SentPacket<R> | null = null;

  constructor(sequence: number, flags: number, bytes: Uint8Array, route: R, remoteId: number) {
    this.sequence = sequence;
    this.flags = flags;
    this.bytes = bytes;
    this.payloadBytes = bytes.length - BOUNDS.headerBytes;
    this.route = route;
    this.remoteId = remoteId;
  }
}

export class PacketList<R extends Route = Route> {
  first: SentPacket<R> | null = null;
  #last: SentPacket<R> | null = null;
  size = 0;

  append(packet: SentPacket<R>): void {
    packet.previous = this.#last;
    packet.next = null;
    if (this.#last === null) this.first = packet;
    else this.#last.next = packet;
    this.#last = packet;
    this.size++;
  }

  /** @param packet that is in this list */
  remove(packet: SentPacket<R>): void {
    if (packet.previous === null) this.first = packet.next;
    else packet.previous.next = packet.next;
    if (packet.next === null) this.#last = packet.previous;
    else packet.next.previous = packet.previous;
    packet.previous = null;
    packet.next = null;
    this.size--;
  }
}
