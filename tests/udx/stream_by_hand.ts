/**
 * One end of a stream whose other end is the test: what it sends is written down with its time, and each packet that it
 * gets is made by hand. Time is virtual.
 */
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import {
  type Header,
  readHeader,
  sackPacketBytes,
  writeHeader,
  writeSack,
} from "../../src/udx/protocol/packet.ts";
import { byteAt, SimulatedEnd, Simulation } from "./simulation.ts";

export const OUR_ID = 7;
export const THEIR_ID = 9;

export interface Written extends Header {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

export type HandMade = Partial<Header> & { readonly payload?: Uint8Array };

export class StreamByHand {
  readonly simulation = new Simulation(1);
  readonly end = new SimulatedEnd(this.simulation, OUR_ID);
  readonly sent: Written[] = [];
  #seen = 0;

  constructor() {
    this.end.connect(THEIR_ID, this.record);
  }

  /** What a route delivers to. */
  readonly record = (packet: Uint8Array): void => {
    const header = { flags: 0, paddingBytes: 0, windowBytes: 0, sequence: 0, ack: 0 };
    readHeader(packet, header);
    this.sent.push({ ...header, atMs: this.simulation.nowMs, bytes: packet.slice() });
  };

  /** So much time passes. @returns what was sent since this was called the last time */
  pass(ms: number): Written[] {
    const untilMs = this.simulation.nowMs + ms;
    // An event of our own, so that the time comes although nothing else happens in it.
    this.simulation.after(ms, () => {});
    this.simulation.runUntil(() => this.simulation.nowMs >= untilMs, untilMs);
    const news = this.sent.slice(this.#seen);
    this.#seen = this.sent.length;
    return news;
  }

  receive({ payload = new Uint8Array(0), ...fields }: HandMade): void {
    const packet = new Uint8Array(BOUNDS.headerBytes + payload.length);
    packet.set(payload, BOUNDS.headerBytes);
    const header = { flags: 0, paddingBytes: 0, sequence: 0, ack: 0, ...fields };
    writeHeader(packet, OUR_ID, { windowBytes: BOUNDS.receiveWindowBytes, ...header });
    this.end.receive(packet);
  }

  /** An acknowledgement with blocks: [start, end) each. */
  receiveSack(fields: HandMade, blocks: readonly (readonly [number, number])[]): void {
    const packet = new Uint8Array(sackPacketBytes(blocks.length));
    for (const [at, [start, end]] of blocks.entries()) {
      writeSack(packet, at, start >>> 0, end >>> 0);
    }
    this.receive({ flags: 4, payload: packet.subarray(BOUNDS.headerBytes), ...fields });
  }
}

/** What the stream carries from that place on. */
export function payloadAt(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => byteAt(offset + at));
}
