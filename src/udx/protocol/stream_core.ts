/**
 * One stream of UDX, without sockets and timers: time and packets come in as arguments, packets and bytes go
 * out through the output that it was given. It joins the sending and the receiving half, and owns what
 * belongs to both: the remote, acknowledgements, the end, destroying, messages and relaying.
 *
 * Whoever runs it calls `timeout` when `deadlineMs` has come, and `turnEnded` once for each `output.turn()`.
 */
import { BOUNDS } from "./bounds.ts";
import { LastWord } from "./last_word.ts";
import { FLAGS, type Header, readHeader, writeHeader } from "./packet.ts";
import { rewriteStreamId, sackPacketBytes, writeSack } from "./packet.ts";
import { Receiver } from "./receiver.ts";
import { Sender, type SenderHost } from "./sender.ts";
import type { SentPacket } from "./sent_packet.ts";
import { distance } from "./sequence.ts";
import type { CloseReason, Route, StreamOutput } from "./stream_output.ts";

const DATA_OR_END = FLAGS.data | FLAGS.end;
const EMPTY = new Uint8Array(0);

export class StreamCore<R extends Route> implements SenderHost<R> {
  readonly id: number;
  readonly #output: StreamOutput<R>;
  readonly sender: Sender<R>;
  readonly receiver: Receiver;
  #nowMs: number;
  #closed = false;
  #turnAsked = false;
  /** Packets that wait for an acknowledgement. */
  #unacknowledged = 0;
  #endTold = false;

  /** What comes for this stream goes to that one's remote. */
  #relayTarget: StreamCore<R> | null = null;
  readonly #relaySources = new Set<StreamCore<R>>();
  /** Past the last packet that a relay passed on to its remote. */
  #relayedUpTo = 0;

  #lastWord: LastWord<R> | null = null;

  readonly #incoming: Header = blankHeader();
  readonly #outgoing: Header = blankHeader();

  /** @param id that the other end puts into its packets */
  constructor(id: number, output: StreamOutput<R>, nowMs: number) {
    this.id = id;
    this.#output = output;
    this.#nowMs = nowMs;
    this.sender = new Sender(this, nowMs);
    this.receiver = new Receiver((payload) => output.deliver(payload));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What a packet that still comes after the close is answered with, if with anything. */
  get lastWord(): LastWord<R> | null {
    return this.#lastWord;
  }

  get connected(): boolean {
    return this.sender.route !== null && !this.#closed;
  }

  /** When `timeout` must be called; Infinity while nothing is due. */
  get deadlineMs(): number {
    return this.sender.deadlineMs;
  }

  /** Whether the end of the turn, for which was asked, has something to do as yet. */
  get hasTurnWork(): boolean {
    return this.#unacknowledged > 0 || this.sender.hasTurnWork;
  }

  /** Says where the other end is. Sends nothing but what waited for it. */
  connect(nowMs: number, route: R, remoteId: number): void {
    this.#nowMs = nowMs;
    this.sender.open(nowMs, route, remoteId);
    if (this.#unacknowledged > 0) this.turn();
  }

  /** @returns whether the change is done; where it is not, `output.remoteChanged` tells */
  changeRemote(nowMs: number, route: R, remoteId: number): boolean {
    this.#nowMs = nowMs;
    return this.sender.changeRemote(route, remoteId);
  }

  /** @returns false when the writer should wait for `output.drained` */
  write(nowMs: number, chunk: Uint8Array): boolean {
    this.#nowMs = nowMs;
    return this.sender.write(nowMs, chunk);
  }

  /** No more will be written. The stream closes when both ends have ended and know it. */
  end(nowMs: number): void {
    this.#nowMs = nowMs;
    this.sender.end(nowMs);
  }

  /** @param bytes of what was delivered, that the reader has taken */
  read(bytes: number): void {
    if (this.receiver.read(bytes) && this.connected) {
      this.#unacknowledged++;
      this.turn();
    }
  }

  /** One packet that arrives out of order, once or never. */
  sendMessage(payload: Uint8Array): void {
    const packet = new Uint8Array(BOUNDS.headerBytes + payload.length);
    packet.set(payload, BOUNDS.headerBytes);
    this.#send(packet, FLAGS.message);
  }

  /** Ends both ways at once. The other end is told so by one packet, and again if it still asks. */
  destroy(): void {
    if (this.#closed) return;
    if (this.connected) {
      const packet = new Uint8Array(BOUNDS.headerBytes);
      this.#send(packet, FLAGS.destroy);
      this.#lastWord = new LastWord(packet, this.sender.route!);
    }
    this.#close(null);
  }

  /**
   * From now on packets for this stream go to the target's remote as they are.
   * @param target whose close destroys this stream
   */
  relayTo(target: StreamCore<R>): void {
    if (this.#relayTarget !== null || this.#closed || target.closed) return;
    this.#relayTarget = target;
    target.#relaySources.add(this);
  }

  /** @param packet for which `streamIdOf` gave this stream's id; its bytes are kept where data is delivered */
  receive(nowMs: number, packet: Uint8Array): void {
    this.#nowMs = nowMs;
    const header = this.#incoming;
    readHeader(packet, header);
    if (this.#closed) this.#answerLate(header.flags);
    else if (this.#relayTarget !== null) this.#relay(header, packet, this.#relayTarget);
    else if ((header.flags & FLAGS.heartbeat) !== 0) this.#acknowledgeSoon();
    else this.#receive(nowMs, header, packet);
  }

  turnEnded(nowMs: number): void {
    this.#turnAsked = false;
    if (this.#closed) return;
    this.#nowMs = nowMs;
    this.sender.turnEnded(nowMs);
    this.#flushAcknowledgement();
    this.#closeWhenEnded();
  }

  timeout(nowMs: number): void {
    if (this.#closed) return;
    this.#nowMs = nowMs;
    this.sender.timeout(nowMs);
  }

  // What the sender asks for.

  transmit(packet: SentPacket<R>): void {
    const header = this.#outgoing;
    header.flags = packet.flags;
    header.paddingBytes = packet.probeBytes;
    header.windowBytes = this.receiver.advertise();
    header.sequence = packet.sequence;
    header.ack = this.receiver.next;
    writeHeader(packet.bytes, packet.remoteId, header);
    this.#output.transmit(
      packet.probeBytes === 0 ? packet.bytes : padded(packet.bytes, packet.probeBytes),
      packet.route,
    );
    // It has acknowledged all that there is to say, unless something came early.
    if (this.receiver.ranges.size === 0) this.#unacknowledged = 0;
  }

  heartbeat(): void {
    this.#send(new Uint8Array(BOUNDS.headerBytes), FLAGS.heartbeat);
  }

  drained(): void {
    this.#output.drained();
  }

  acknowledged(): void {
    this.#output.acknowledged();
  }

  remoteChanged(): void {
    this.#output.remoteChanged();
  }

  timedOut(): void {
    this.#close("ETIMEDOUT");
  }

  turn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#output.turn();
  }

  #receive(nowMs: number, header: Header, packet: Uint8Array): void {
    const { flags, sequence } = header;
    const offset = BOUNDS.headerBytes + header.paddingBytes;
    if (offset > packet.length) return;
    // Of an acknowledgement the blocks lie where a payload would.
    const payload = offset === packet.length ? EMPTY : packet.subarray(offset);
    if ((flags & DATA_OR_END) !== 0) {
      this.receiver.accept(flags, sequence, payload);
      if (this.#closed) return;
      if (this.receiver.ended && !this.#endTold) {
        this.#endTold = true;
        this.#output.ended();
        if (this.#closed) return;
      }
    }
    if ((flags & FLAGS.destroy) !== 0 && this.#isCurrent(flags, sequence)) {
      this.#close("ECONNRESET");
      return;
    }
    if ((flags & FLAGS.message) !== 0) {
      this.#output.message(payload);
      if (this.#closed) return;
    }
    this.sender.acknowledge(nowMs, header, packet);
    if (this.#closed) return;
    if ((flags & DATA_OR_END) !== 0) this.#acknowledgeSoon();
    this.#closeWhenEnded();
  }

  /** A packet that destroys must not be older than what was received; it may bring the last data itself. */
  #isCurrent(flags: number, sequence: number): boolean {
    return (flags & DATA_OR_END) !== 0 || this.receiver.isCurrent(sequence);
  }

  /** At the end of the turn, or when enough has come to be acknowledged at once. */
  #acknowledgeSoon(): void {
    this.#unacknowledged++;
    if (this.#unacknowledged < BOUNDS.packetsPerAckMax) this.turn();
    else this.#flushAcknowledgement();
  }

  #flushAcknowledgement(): void {
    if (this.#unacknowledged === 0 || this.#closed || this.sender.route === null) return;
    this.#unacknowledged = 0;
    this.#sendAcknowledgement();
  }

  #sendAcknowledgement(): void {
    const { ranges } = this.receiver;
    const blocks = Math.min(ranges.size, BOUNDS.sackBlocksMax);
    const packet = new Uint8Array(sackPacketBytes(blocks));
    for (let block = 0; block < blocks; block++) {
      writeSack(packet, block, ranges.start(block), ranges.end(block));
    }
    this.#send(packet, blocks > 0 ? FLAGS.sack : 0);
  }

  /** A packet that has no number of its own. */
  #send(packet: Uint8Array, flags: number): void {
    const { route } = this.sender;
    if (route === null) return;
    this.#fill(packet, flags);
    this.#output.transmit(packet, route);
  }

  #fill(packet: Uint8Array, flags: number): void {
    const { remoteId, nextSequence } = this.sender;
    const header = this.#outgoing;
    const relays = this.#relayTarget !== null;
    header.flags = flags;
    header.paddingBytes = 0;
    header.windowBytes = this.receiver.advertise();
    header.sequence = relays ? this.#relayedUpTo : nextSequence;
    header.ack = this.receiver.next;
    writeHeader(packet, remoteId, header);
  }

  #relay(header: Header, packet: Uint8Array, target: StreamCore<R>): void {
    const { route, remoteId } = target.sender;
    if (route !== null && !target.closed) {
      // What destroys the target later must not look older than what went through it.
      const next = (header.sequence + 1) >>> 0;
      if (distance(next, target.#relayedUpTo) > 0) target.#relayedUpTo = next;
      rewriteStreamId(packet, remoteId);
      target.#output.transmit(packet, route);
    }
    if ((header.flags & FLAGS.destroy) !== 0) this.#close("ECONNRESET");
  }

  #answerLate(flags: number): void {
    const word = this.#lastWord;
    if (word?.answers(flags)) this.#output.transmit(word.packet, word.route);
  }

  #closeWhenEnded(): void {
    if (this.#closed || this.#unacknowledged > 0) return;
    if (!this.sender.ended || !this.receiver.ended) return;
    const packet = new Uint8Array(BOUNDS.headerBytes);
    this.#fill(packet, 0);
    this.#lastWord = new LastWord(packet, this.sender.route!);
    this.#close(null);
  }

  #close(reason: CloseReason | null): void {
    this.#closed = true;
    this.sender.clear();
    this.receiver.clear();
    if (this.#relayTarget !== null) this.#relayTarget.#relaySources.delete(this);
    this.#output.closed(reason);
    for (const source of [...this.#relaySources]) source.destroy();
  }
}

function blankHeader(): Header {
  return { flags: 0, paddingBytes: 0, windowBytes: 0, sequence: 0, ack: 0 };
}

/** The packet with so many zeros between header and payload. */
function padded(bytes: Uint8Array, paddingBytes: number): Uint8Array {
  const packet = new Uint8Array(bytes.length + paddingBytes);
  packet.set(bytes.subarray(0, BOUNDS.headerBytes));
  packet.set(bytes.subarray(BOUNDS.headerBytes), BOUNDS.headerBytes + paddingBytes);
  return packet;
}
