/**
 * What is in flight and how much may be: joins the books of packets with loss detection, round trip, delivery
 * rate, congestion control and pacing, and sets the deadlines. It decides; the sender sends.
 */
import { Bbr, type PathState, type Recovery } from "./bbr.ts";
import { BOUNDS } from "./bounds.ts";
import { Deadlines } from "./deadlines.ts";
import { DeliveryRate } from "./delivery_rate.ts";
import { LossDetection } from "./loss_detection.ts";
import { Outstanding } from "./outstanding.ts";
import { Pacer } from "./pacer.ts";
import { FLAGS, type Header } from "./packet.ts";
import type { PathMtu } from "./path_mtu.ts";
import { RoundTrip } from "./round_trip.ts";
import type { SenderCounters } from "./sender.ts";
import type { SentPacket } from "./sent_packet.ts";
import { distance } from "./sequence.ts";
import type { Route } from "./stream_output.ts";

/** What one acknowledgement brought. */
export interface Acknowledged {
  /** Of packets that are named for the first time. */
  payloadBytes: number;
  inOrderBytes: number;
}

export class FlightControl<R extends Route> {
  readonly outstanding = new Outstanding<R>();
  readonly deadlines = new Deadlines();
  readonly roundTrip = new RoundTrip();
  readonly counters: SenderCounters = {
    retransmissions: 0,
    timeouts: 0,
    fastRecoveries: 0,
    tailProbes: 0,
    zeroWindowProbes: 0,
    invalidSackBlocks: 0,
    blackHoles: 0,
  };
  readonly #rate = new DeliveryRate();
  readonly #losses = new LossDetection();
  readonly #pacer: Pacer;
  readonly #bbr: Bbr;
  readonly #path: PathState;
  #recovery: Recovery = "open";
  /** Recovery is over when all that was sent before it is acknowledged. */
  #recoveryEndsAt = 0;
  /** Probes of the tail that may be sent before something arrives. */
  #tailProbesLeft = 0;
  #lost = 0;
  #newBytes = 0;
  #nowMs: number;
  #mtu: PathMtu | null = null;

  constructor(nowMs: number, payloadBytes: number) {
    this.#nowMs = nowMs;
    this.#pacer = new Pacer(nowMs);
    this.#bbr = new Bbr(nowMs, payloadBytes);
    this.#path = {
      nowMs,
      payloadBytes,
      inFlight: 0,
      delivered: 0,
      deliveredAtMs: nowMs,
      smoothedRttMs: 0,
      recovery: "open",
    };
  }

  get windowPackets(): number {
    return this.#bbr.windowPackets;
  }

  get bandwidthPacketsPerMs(): number {
    return this.#bbr.bandwidth;
  }

  get congestionPhase(): string {
    return this.#bbr.phase;
  }

  /** A packet may be sent again: the other end's window does not count, for it had room for it before. */
  mayTransmit(nowMs: number): boolean {
    if (this.outstanding.inFlight.size >= this.#bbr.windowPackets) return false;
    if (this.#pacer.maySend(nowMs, this.#bbr.pacingBytesPerMs)) return true;
    this.deadlines.pacingAtMs = this.#pacer.nextAtMs(this.#bbr.pacingBytesPerMs);
    return false;
  }

  mayTransmitNew(nowMs: number, windowPackets: number): boolean {
    if (this.outstanding.full || this.outstanding.inFlight.size >= windowPackets) return false;
    return this.mayTransmit(nowMs);
  }

  onSend(nowMs: number, packet: SentPacket<R>): void {
    const { outstanding, deadlines } = this;
    this.#onTransmit(nowMs, packet, outstanding.empty);
    outstanding.add(packet);
    if (deadlines.rtoAtMs === Infinity) deadlines.rtoAtMs = nowMs + this.roundTrip.rtoMs;
    deadlines.zeroWindowAtMs = Infinity;
    deadlines.keepaliveAtMs = Infinity;
    this.#armTailProbe(nowMs);
  }

  onResend(nowMs: number, packet: SentPacket<R>): void {
    this.counters.retransmissions++;
    this.#onTransmit(nowMs, packet, false);
    this.outstanding.resend(packet);
    if (this.deadlines.rtoAtMs === Infinity) {
      this.deadlines.rtoAtMs = nowMs + this.roundTrip.rtoMs;
    }
    this.#armTailProbe(nowMs);
  }

  /** @param header whose ack is not past what was sent */
  acknowledge(nowMs: number, header: Header, packet: Uint8Array, mtu: PathMtu): Acknowledged {
    const { outstanding, deadlines } = this;
    const hadInFlight = !outstanding.empty;
    const lostBefore = this.#lost;
    this.#nowMs = nowMs;
    this.#mtu = mtu;
    this.#newBytes = 0;
    this.#rate.begin();
    const inOrderBytes = outstanding.acknowledgeUpTo(header.ack, this.#arrived);
    if ((header.flags & FLAGS.sack) !== 0) {
      this.counters.invalidSackBlocks += outstanding.acknowledgeBlocks(packet, this.#arrived);
    }
    if (this.#recovery !== "open" && distance(header.ack, this.#recoveryEndsAt) >= 0) {
      this.#recovery = "open";
    }
    const { sample } = this.#rate;
    if (outstanding.empty) deadlines.clearFlight();
    else if (sample.acknowledged > 0) {
      deadlines.rtoAtMs = nowMs + this.roundTrip.rtoMs;
      this.detectLoss(nowMs, mtu);
      this.#armTailProbe(nowMs);
    }
    if (hadInFlight) {
      sample.lost = this.#lost - lostBefore;
      this.#rate.finish(nowMs, this.roundTrip.shortestMs);
      const limited = this.#bbr.onSample(this.#look(nowMs), sample);
      if (limited) this.#rate.markAppLimited(outstanding.inFlight.size);
    }
    return { payloadBytes: this.#newBytes, inOrderBytes };
  }

  /** Looks for packets that are lost by now. */
  detectLoss(nowMs: number, mtu: PathMtu): void {
    const windowMs = this.#losses.reorderWindowMs(
      this.roundTrip,
      this.#recovery !== "open",
      this.outstanding.sacked,
    );
    let lost = 0;
    let probesLost = 0;
    this.deadlines.reorderAtMs = this.#losses.detect(
      nowMs,
      this.outstanding.inFlight,
      windowMs,
      (packet) => {
        lost++;
        if (packet.probeBytes > 0) probesLost++;
        this.#lose(packet, mtu);
      },
    );
    // That a larger packet did not pass is no congestion.
    if (lost === probesLost || this.#recovery !== "open") return;
    this.counters.fastRecoveries++;
    this.#bbr.onRecovery();
    this.#recovery = "recovery";
    this.#recoveryEndsAt = this.outstanding.next;
  }

  /** @returns false when a packet has met as many timeouts as it may, which ends the stream */
  onRto(nowMs: number, mtu: PathMtu): boolean {
    const { outstanding, deadlines, roundTrip } = this;
    this.counters.timeouts++;
    this.#bbr.onTimeout();
    this.#recovery = "loss";
    this.#recoveryEndsAt = outstanding.next;
    this.#tailProbesLeft = 0;
    deadlines.clearFlight();
    deadlines.rtoAtMs = nowMs + 2 * roundTrip.rtoMs;
    const windowMs = this.#losses.reorderWindowMs(roundTrip, true, outstanding.sacked);
    const overdueMs = nowMs - this.#losses.rttMs - windowMs;
    for (let packet = outstanding.inFlight.first; packet !== null;) {
      const { next } = packet;
      if (packet.sequence === outstanding.first || packet.sentAtMs < overdueMs) {
        if (packet.rtos >= BOUNDS.rtosMax) return false;
        packet.rtos++;
        this.#lose(packet, mtu);
      }
      packet = next;
    }
    return true;
  }

  /** Nothing is in flight any more, and the numbers are free. @returns the packets, of which none has arrived */
  takeBack(): SentPacket<R>[] {
    this.deadlines.clearFlight();
    this.#recovery = "open";
    return this.outstanding.takeBack();
  }

  mayProbeTail(): boolean {
    this.deadlines.tailProbeAtMs = Infinity;
    return !this.outstanding.empty && this.#tailProbesLeft > 0;
  }

  /** What tells most when it is sent again: what is lost anyway, or the last, or what was longest under way. */
  probeAgain(): SentPacket<R> {
    const { lost, inFlight, next } = this.outstanding;
    const last = this.outstanding.get((next - 1) >>> 0)!;
    return lost.first ?? (last.acknowledged ? inFlight.first! : last);
  }

  onTailProbe(nowMs: number): void {
    this.counters.tailProbes++;
    if (this.#tailProbesLeft === BOUNDS.tailProbesMax) {
      this.deadlines.rtoAtMs = nowMs + this.roundTrip.rtoMs;
    }
    this.#tailProbesLeft--;
    this.#armTailProbe(nowMs);
  }

  /** Less than a packet is left to be sent: where the window has room, the writer sets the pace. */
  onNothingLeft(): void {
    const { inFlight, lost } = this.outstanding;
    if (lost.size > 0 || inFlight.size >= this.#bbr.windowPackets) return;
    this.#rate.markAppLimited(inFlight.size);
  }

  #onTransmit(nowMs: number, packet: SentPacket<R>, nothingOutstanding: boolean): void {
    const { inFlight } = this.outstanding;
    if (inFlight.size === 0 && this.#rate.appLimited) this.#bbr.onRestart(this.#look(nowMs));
    packet.sentAtMs = nowMs;
    this.#rate.onSent(nowMs, packet, nothingOutstanding);
    this.#pacer.spend(packet.bytes.length + packet.probeBytes);
  }

  #lose(packet: SentPacket<R>, mtu: PathMtu): void {
    this.#lost++;
    this.outstanding.lose(packet);
    if (packet.probeBytes === 0) return;
    packet.probeBytes = 0;
    mtu.probeLost();
  }

  readonly #arrived = (packet: SentPacket<R>): void => {
    const nowMs = this.#nowMs;
    this.#newBytes += packet.payloadBytes;
    const mtu = this.#mtu!;
    mtu.confirmBase();
    if (packet.probeBytes > 0) mtu.probeArrived(mtu.sizeOf(packet.bytes.length, packet.probeBytes));
    this.#rate.onAcknowledged(packet);
    const rttMs = this.roundTrip.clamp(nowMs - packet.sentAtMs);
    this.#tailProbesLeft = BOUNDS.tailProbesMax;
    if (!packet.retransmitted) this.roundTrip.sample(nowMs, rttMs);
    if (!packet.retransmitted || rttMs >= this.roundTrip.shortestMs) {
      this.#rate.sample.rttMs = rttMs;
    }
    this.#losses.onAcknowledged(packet, rttMs, this.roundTrip);
  };

  /**
   * Otherwise than in RFC 8985, 7.2, in recovery as well: there a lost acknowledgement leaves a full window with nothing
   * to tell it what is missing, until the timeout.
   */
  #armTailProbe(nowMs: number): void {
    const { outstanding, deadlines, roundTrip } = this;
    deadlines.tailProbeAtMs = Infinity;
    if (outstanding.empty || this.#tailProbesLeft === 0) return;
    let delayMs: number = BOUNDS.tailProbeFirstMs;
    if (roundTrip.smoothedMs > 0) {
      delayMs = 2 * roundTrip.smoothedMs;
      if (outstanding.inFlight.size + outstanding.lost.size === 1) delayMs += BOUNDS.ackDelayMs;
      delayMs = Math.max(delayMs, BOUNDS.tailProbeMinMs);
    }
    delayMs *= 2 ** (BOUNDS.tailProbesMax - this.#tailProbesLeft);
    deadlines.tailProbeAtMs = Math.min(nowMs + delayMs, deadlines.rtoAtMs);
  }

  #look(nowMs: number): PathState {
    const path = this.#path;
    path.nowMs = nowMs;
    path.payloadBytes = this.#mtu?.payloadBytes ?? path.payloadBytes;
    path.inFlight = this.outstanding.inFlight.size;
    path.delivered = this.#rate.delivered;
    path.deliveredAtMs = this.#rate.deliveredAtMs;
    path.smoothedRttMs = this.roundTrip.smoothedMs;
    path.recovery = this.#recovery;
    return path;
  }
}
