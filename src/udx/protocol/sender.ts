/**
 * The sending half of a stream: what was written becomes packets, which leave as the windows and the pacing
 * allow, and leave again until the other end has them. Time comes in as an argument; packets go out
 * through the host. What an acknowledgement changes is in flight_control.ts.
 */
import { BlackHoleWatch } from "./black_hole.ts";
import { BOUNDS } from "./bounds.ts";
import { FlightControl } from "./flight_control.ts";
import { FLAGS, type Header } from "./packet.ts";
import { PacketSlab } from "./packet_slab.ts";
import { PathMtu } from "./path_mtu.ts";
import { RemoteWindow } from "./remote_window.ts";
import { SendBuffer } from "./send_buffer.ts";
import { SentPacket } from "./sent_packet.ts";
import { distance } from "./sequence.ts";
import type { Route } from "./stream_output.ts";

/** The stream that a sender belongs to. */
export interface SenderHost<R extends Route> {
  /** Fills in the header of a packet that leaves, now or again. */
  transmit(packet: SentPacket<R>): void;
  heartbeat(): void;
  drained(): void;
  acknowledged(): void;
  remoteChanged(): void;
  turn(): void;
  timedOut(): void;
}

/** Counted since the stream began. */
export interface SenderCounters {
  retransmissions: number;
  timeouts: number;
  fastRecoveries: number;
  tailProbes: number;
  zeroWindowProbes: number;
  invalidSackBlocks: number;
  /** Times that packets were cut anew, because the path no longer carried them. */
  blackHoles: number;
}

export class Sender<R extends Route> {
  readonly #host: SenderHost<R>;
  readonly #unsent = new SendBuffer();
  readonly #slab = new PacketSlab();
  readonly flight: FlightControl<R>;
  #route: R | null = null;
  #remoteId = 0;
  #mtu = new PathMtu(4);
  readonly #hole = new BlackHoleWatch();
  #end: "open" | "wanted" | "sent" = "open";
  /** Payload that is not acknowledged, sent or not. */
  #queuedBytes = 0;
  #waiting = false;
  #writtenBytes = 0;
  #acknowledgedBytes = 0;
  #turnAsked = false;
  /** Packets that left since a turn's end was waited for. */
  #sentInTurn = 0;
  readonly #window = new RemoteWindow();
  #keepaliveMs = 0;
  /** The first packet that goes to the new remote. */
  #changeAt: number | null = null;

  constructor(host: SenderHost<R>, nowMs: number) {
    this.#host = host;
    this.flight = new FlightControl(nowMs, this.#mtu.payloadBytes);
  }

  get route(): R | null {
    return this.#route;
  }

  get remoteId(): number {
    return this.#remoteId;
  }

  get mtuBytes(): number {
    return this.#mtu.mtuBytes;
  }

  get nextSequence(): number {
    return this.flight.outstanding.next;
  }

  get deadlineMs(): number {
    return Math.min(this.flight.deadlines.earliestMs, this.#hole.dueAtMs);
  }

  /** The end was sent and the other end has all. */
  get ended(): boolean {
    return this.#end === "sent" && this.flight.outstanding.empty;
  }

  get ending(): boolean {
    return this.#end !== "open";
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get acknowledgedBytes(): number {
    return this.#acknowledgedBytes;
  }

  get windowBytes(): number {
    return this.#window.bytes;
  }

  open(nowMs: number, route: R, remoteId: number): void {
    this.#setRemote(route, remoteId);
    if (this.#keepaliveMs > 0) this.flight.deadlines.keepaliveAtMs = nowMs + this.#keepaliveMs;
  }

  /** A packet that is not full waits for the end of the turn. */
  get hasTurnWork(): boolean {
    return this.#turnAsked;
  }

  /** @returns whether nothing is in flight to the old remote, so that the change is done */
  changeRemote(route: R, remoteId: number): boolean {
    this.#setRemote(route, remoteId);
    if (this.flight.outstanding.empty) return true;
    this.#changeAt = this.flight.outstanding.next;
    return false;
  }

  /** @returns false when the writer should wait for `drained` */
  write(nowMs: number, chunk: Uint8Array): boolean {
    this.#unsent.push(chunk);
    this.#writtenBytes += chunk.length;
    this.#queuedBytes += chunk.length;
    this.#begin(nowMs);
    this.#waiting = this.#queuedBytes > this.#highWaterBytes();
    return !this.#waiting;
  }

  end(nowMs: number): void {
    if (this.#end !== "open") return;
    this.#end = "wanted";
    this.#begin(nowMs);
  }

  /** @param keepaliveMs of silence after which a heartbeat leaves; 0 for none */
  setKeepalive(nowMs: number, keepaliveMs: number): void {
    this.#keepaliveMs = keepaliveMs;
    const idle = this.#route !== null && this.flight.outstanding.empty;
    this.flight.deadlines.keepaliveAtMs = idle && keepaliveMs > 0 ? nowMs + keepaliveMs : Infinity;
  }

  /** @param packet whose header this is: SACK blocks are read from it */
  acknowledge(nowMs: number, header: Header, packet: Uint8Array): void {
    const { flight } = this;
    const { outstanding } = flight;
    if (distance(header.ack, outstanding.next) > 0) return;
    if (distance(header.ack, outstanding.first) >= 0) {
      const changed = this.#window.update(header);
      if (changed && !this.#window.closed) flight.deadlines.zeroWindowAtMs = Infinity;
    }
    this.#hole.hear(nowMs);
    // Asked now and not as packets leave: by now the writer has had its chance to write more.
    if (this.#unsent.bytes < this.#mtu.payloadBytes) flight.onNothingLeft();
    const result = flight.acknowledge(nowMs, header, packet, this.#mtu);
    this.#queuedBytes -= result.payloadBytes;
    this.#acknowledgedBytes += result.inOrderBytes;
    if (result.inOrderBytes > 0) this.#hole.cancel();
    if (outstanding.empty) this.#rest(nowMs);
    this.transmit(nowMs, false);
    this.#tellHost(result.inOrderBytes > 0);
  }

  /** What came at once was handed in: packets that are not full need not wait for more. */
  turnEnded(nowMs: number): void {
    this.#turnAsked = false;
    this.#sentInTurn = 0;
    this.transmit(nowMs, true);
  }

  timeout(nowMs: number): void {
    const { deadlines, outstanding } = this.flight;
    if (deadlines.zeroWindowAtMs <= nowMs) {
      this.flight.counters.zeroWindowProbes++;
      deadlines.zeroWindowAtMs = nowMs + 2 * this.flight.roundTrip.rtoMs;
      this.#host.heartbeat();
    }
    if (deadlines.keepaliveAtMs <= nowMs) {
      deadlines.keepaliveAtMs = nowMs + this.#keepaliveMs;
      if (outstanding.empty) this.#host.heartbeat();
    }
    if (deadlines.rtoAtMs <= nowMs) {
      if (!this.flight.onRto(nowMs, this.#mtu)) {
        this.#host.timedOut();
        return;
      }
      this.#doubtPath(nowMs);
    } else {
      if (deadlines.reorderAtMs <= nowMs) this.flight.detectLoss(nowMs, this.#mtu);
      if (deadlines.tailProbeAtMs <= nowMs) this.#probeTail(nowMs);
    }
    if (this.#hole.dueAtMs <= nowMs) this.#judgePath(nowMs);
    deadlines.pacingAtMs = Infinity;
    this.transmit(nowMs, true);
  }

  /** Sends what may be sent. @param partial packets that are not full as well */
  transmit(nowMs: number, partial: boolean): void {
    if (this.#route === null || this.#hole.asking) return;
    const { flight } = this;
    const { lost } = flight.outstanding;
    const payloadBytes = this.#mtu.payloadBytes;
    while (lost.first !== null && flight.mayTransmit(nowMs) && this.#mayInTurn()) {
      this.#resend(nowMs, lost.first);
    }
    for (;;) {
      const full = this.#unsent.bytes >= payloadBytes;
      if (!full && this.#unsent.bytes === 0 && this.#end !== "wanted") return;
      if (!flight.mayTransmitNew(nowMs, this.#window.packets(payloadBytes))) return;
      if (!full && !partial && this.#end !== "wanted") {
        this.#askTurn();
        return;
      }
      if (!this.#mayInTurn()) return;
      this.#sendNew(nowMs, true);
    }
  }

  /** The stream is over. */
  clear(): void {
    this.#unsent.clear();
    this.flight.outstanding.clear();
    this.flight.deadlines.clear();
    this.#slab.clear();
    this.#hole.cancel();
  }

  /** A large packet that meets timeout after timeout may be one that the path no longer carries. */
  #doubtPath(nowMs: number): void {
    const { outstanding, roundTrip } = this.flight;
    const first = outstanding.get(outstanding.first)!;
    // What came after a packet has fixed its number, and so its size.
    if (outstanding.sacked > 0 || !this.#mtu.isLarge(first.bytes.length)) return;
    if (!this.#hole.isDoubtful(first.rtos)) return;
    this.#hole.ask(nowMs, roundTrip.rtoMs, Math.min(roundTrip.shortestMs, roundTrip.rtoMs));
    this.#host.heartbeat();
  }

  #judgePath(nowMs: number): void {
    const verdict = this.#hole.judge(nowMs);
    const { outstanding } = this.flight;
    if (verdict === "dead" || outstanding.empty || outstanding.sacked > 0) return;
    if (verdict === "again") {
      this.#doubtPath(nowMs);
      return;
    }
    const packets = this.flight.takeBack();
    this.flight.counters.blackHoles++;
    this.#mtu.fallBack();
    this.#unsent.putBack(packets.map(({ bytes }) => bytes.subarray(BOUNDS.headerBytes)));
    if (this.#end === "sent") this.#end = "wanted";
    if (this.#changeAt !== null) {
      // Whatever was under way to the old remote now goes to the new one.
      this.#changeAt = null;
      this.#host.remoteChanged();
    }
  }

  #setRemote(route: R, remoteId: number): void {
    this.#route = route;
    this.#remoteId = remoteId;
    this.#mtu = new PathMtu(route.family);
  }

  /** Something new is there to be sent. */
  #begin(nowMs: number): void {
    const { deadlines, outstanding, roundTrip } = this.flight;
    const blocked = outstanding.empty && this.#window.closed;
    if (blocked && deadlines.zeroWindowAtMs === Infinity && this.#route !== null) {
      deadlines.zeroWindowAtMs = nowMs + roundTrip.rtoMs;
      this.#host.heartbeat();
    }
    // As Nagle's algorithm has it: what may wait for more waits only while something is on its way.
    this.transmit(nowMs, outstanding.empty);
  }

  /**
   * What leaves faster than the system takes it would wait in this process, where it counts as in flight: the window
   * would grow to fill that queue, and the round trip with it.
   */
  #mayInTurn(): boolean {
    if (this.#sentInTurn < BOUNDS.packetsPerTurnMax) return true;
    this.#askTurn();
    return false;
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#host.turn();
  }

  #highWaterBytes(): number {
    const windowBytes = this.flight.windowPackets * this.#mtu.payloadBytes;
    return BOUNDS.writeHighWaterBytes + Math.min(windowBytes, this.#window.bytes);
  }

  /** Nothing is in flight: the other end's window may have to be asked for, or the path kept open. */
  #rest(nowMs: number): void {
    const { deadlines, roundTrip } = this.flight;
    const more = this.#unsent.bytes > 0 || this.#end === "wanted";
    if (this.#window.closed && more) {
      if (deadlines.zeroWindowAtMs === Infinity) {
        deadlines.zeroWindowAtMs = nowMs + roundTrip.rtoMs;
      }
    } else if (this.#keepaliveMs > 0) deadlines.keepaliveAtMs = nowMs + this.#keepaliveMs;
  }

  #tellHost(acknowledged: boolean): void {
    if (this.#changeAt !== null && distance(this.flight.outstanding.first, this.#changeAt) >= 0) {
      this.#changeAt = null;
      this.#host.remoteChanged();
    }
    if (acknowledged) this.#host.acknowledged();
    if (this.#waiting && this.#queuedBytes < this.#highWaterBytes()) {
      this.#waiting = false;
      this.#host.drained();
    }
  }

  #sendNew(nowMs: number, mayProbe: boolean): void {
    const { flight } = this;
    const count = Math.min(this.#unsent.bytes, this.#mtu.payloadBytes);
    const bytes = this.#slab.take(BOUNDS.headerBytes + count);
    this.#unsent.take(bytes, BOUNDS.headerBytes, count);
    let flags: number = count > 0 ? FLAGS.data : 0;
    if (this.#end === "wanted" && this.#unsent.bytes === 0) {
      this.#end = "sent";
      flags |= FLAGS.end;
    }
    const packet = new SentPacket(
      flight.outstanding.next,
      flags,
      bytes,
      this.#route!,
      this.#remoteId,
    );
    if (mayProbe && this.#changeAt === null && count > 0) {
      packet.probeBytes = this.#mtu.probePadding(bytes.length);
    }
    this.#sentInTurn++;
    flight.onSend(nowMs, packet);
    this.#host.transmit(packet);
  }

  #resend(nowMs: number, packet: SentPacket<R>): void {
    // A remote that was left and no longer answers is given up: the packet goes where all others go.
    if (packet.rtos > 0 && packet.route !== this.#route) {
      packet.route = this.#route!;
      packet.remoteId = this.#remoteId;
    }
    this.#sentInTurn++;
    this.flight.onResend(nowMs, packet);
    this.#host.transmit(packet);
  }

  #probeTail(nowMs: number): void {
    const { flight } = this;
    if (!flight.mayProbeTail() || this.#hole.asking) return;
    const { outstanding } = flight;
    const more = this.#unsent.bytes > 0 || this.#end === "wanted";
    const fresh = more && outstanding.lost.size === 0 && !outstanding.full && !this.#window.closed;
    if (fresh) this.#sendNew(nowMs, false);
    else this.#resend(nowMs, flight.probeAgain());
    flight.onTailProbe(nowMs);
  }
}
