/**
 * The packets from the first that is not acknowledged to the last that was sent, and which of them are in
 * flight, lost, or acknowledged ahead of others. What SACK blocks repeat from the acknowledgement before
 * costs nothing again.
 */
import { BOUNDS } from "./bounds.ts";
import { countSackBlocks, sackEnd, sackStart } from "./packet.ts";
import { PacketList, type SentPacket } from "./sent_packet.ts";
import { after, distance } from "./sequence.ts";
import { SequenceRing } from "./sequence_ring.ts";
import type { Route } from "./stream_output.ts";

type Visit<R extends Route> = (packet: SentPacket<R>) => void;

export class Outstanding<R extends Route> {
  /** In the order of their last transmission. */
  readonly inFlight = new PacketList<R>();
  /** Waiting to be sent again. */
  readonly lost = new PacketList<R>();
  readonly #ring = new SequenceRing<SentPacket<R>>(0);
  #next = 0;
  #sacked = 0;
  #seenStarts: number[] = [];
  #seenEnds: number[] = [];

  /** The lowest number that is not acknowledged. */
  get first(): number {
    return this.#ring.first;
  }

  /** The number of the next new packet. */
  get next(): number {
    return this.#next;
  }

  get empty(): boolean {
    return this.#next === this.#ring.first;
  }

  get full(): boolean {
    return distance(this.#next, this.#ring.first) >= BOUNDS.sentPacketsMax;
  }

  /** Packets that are acknowledged while one before them is not. */
  get sacked(): number {
    return this.#sacked;
  }

  get(sequence: number): SentPacket<R> | undefined {
    return this.#ring.get(sequence);
  }

  /** @param packet with the number `next`; it is in flight from now on */
  add(packet: SentPacket<R>): void {
    this.#ring.set(packet.sequence, packet);
    this.#next = after(this.#next);
    this.inFlight.append(packet);
  }

  lose(packet: SentPacket<R>): void {
    this.inFlight.remove(packet);
    packet.lost = true;
    this.lost.append(packet);
  }

  /** The packet is sent again, whether it was held to be lost or not. */
  resend(packet: SentPacket<R>): void {
    if (packet.lost) this.lost.remove(packet);
    else this.inFlight.remove(packet);
    packet.lost = false;
    packet.retransmitted = true;
    this.inFlight.append(packet);
  }

  /**
   * @param ack the next number that the other end expects; at most `next`
   * @param visit each packet that was not known to have arrived
   * @returns bytes of payload that are acknowledged in order now and were not before
   */
  acknowledgeUpTo(ack: number, visit: Visit<R>): number {
    let bytes = 0;
    while (distance(ack, this.#ring.first) > 0) {
      const packet = this.#ring.shift()!;
      bytes += packet.payloadBytes;
      if (packet.acknowledged) this.#sacked--;
      else this.#arrive(packet, visit);
    }
    return bytes;
  }

  /**
   * @param packet with SACK blocks, which must rise
   * @returns how many blocks name what cannot be
   */
  acknowledgeBlocks(packet: Uint8Array, visit: Visit<R>): number {
    const count = countSackBlocks(packet);
    const starts: number[] = [];
    const ends: number[] = [];
    let invalid = 0;
    const { first } = this.#ring;
    // Counted from the first outstanding packet, so that nothing wraps around.
    const span = (this.#next - first) >>> 0;
    let lowest = 0;
    for (let block = 0; block < count; block++) {
      const start = sackStart(packet, block);
      const end = sackEnd(packet, block);
      const from = (start - first) >>> 0;
      const upTo = (end - first) >>> 0;
      if (from < lowest || upTo <= from || upTo > span) {
        invalid++;
        continue;
      }
      lowest = upTo;
      starts.push(start);
      ends.push(end);
      this.#acknowledgeNews(start, end, visit);
    }
    this.#seenStarts = starts;
    this.#seenEnds = ends;
    return invalid;
  }

  /** Forgets them, and keeps what tells which number would come next. */
  clear(): void {
    while (!this.empty) this.#ring.shift();
    this.#ring.clear();
    this.#clearLists();
    this.#sacked = 0;
  }

  /**
   * None of them has arrived, nor ever will: their numbers are free again.
   * @returns them, in the order of their numbers
   */
  takeBack(): SentPacket<R>[] {
    const packets: SentPacket<R>[] = [];
    for (let sequence = this.first; sequence !== this.#next; sequence = after(sequence)) {
      packets.push(this.#ring.get(sequence)!);
    }
    this.#ring.clear();
    this.#clearLists();
    this.#next = this.first;
    return packets;
  }

  #clearLists(): void {
    while (this.inFlight.first !== null) this.inFlight.remove(this.inFlight.first);
    while (this.lost.first !== null) this.lost.remove(this.lost.first);
    this.#seenStarts = [];
    this.#seenEnds = [];
  }

  /** What of the block the acknowledgement before did not name. */
  #acknowledgeNews(start: number, end: number, visit: Visit<R>): void {
    let from = start;
    for (let at = 0; at < this.#seenStarts.length; at++) {
      const seenStart = this.#seenStarts[at]!;
      const seenEnd = this.#seenEnds[at]!;
      if (distance(seenEnd, from) <= 0) continue;
      if (distance(seenStart, end) >= 0) break;
      this.#acknowledgeRange(from, seenStart, visit);
      from = distance(seenEnd, from) > 0 ? seenEnd : from;
    }
    this.#acknowledgeRange(from, end, visit);
  }

  #acknowledgeRange(from: number, end: number, visit: Visit<R>): void {
    for (let sequence = from; distance(end, sequence) > 0; sequence = after(sequence)) {
      const packet = this.#ring.get(sequence);
      if (packet === undefined || packet.acknowledged) continue;
      this.#sacked++;
      this.#arrive(packet, visit);
    }
  }

  #arrive(packet: SentPacket<R>, visit: Visit<R>): void {
    packet.acknowledged = true;
    (packet.lost ? this.lost : this.inFlight).remove(packet);
    visit(packet);
  }
}
