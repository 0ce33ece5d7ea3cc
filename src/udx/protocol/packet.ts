/**
 * The wire: a header of 20 bytes, little-endian, then padding, then the payload. Byte 0 is the magic, 1 the
 * version, 2 the flags, 3 how much padding; then the receiver's stream id, the sender's receive window, the
 * packet's sequence number, and the next one that its sender expects. SACK blocks stand where padding would.
 */
import { BOUNDS } from "./bounds.ts";

export const FLAGS = {
  data: 1,
  end: 2,
  sack: 4,
  message: 8,
  destroy: 16,
  heartbeat: 32,
} as const;

const MAGIC = 0xff;
const VERSION = 1;
const ID_OFFSET = 4;
const BLOCK_BYTES = 8;

export interface Header {
  flags: number;
  paddingBytes: number;
  windowBytes: number;
  sequence: number;
  /** The next packet that the sender of this one expects. */
  ack: number;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** @returns the receiver's stream id, or -1 for what is no packet of a stream at all */
export function streamIdOf(packet: Uint8Array): number {
  if (packet.length < BOUNDS.headerBytes) return -1;
  return packet[0] === MAGIC && packet[1] === VERSION ? readUint32(packet, ID_OFFSET) : -1;
}

/** @param packet for which `streamIdOf` gave an id */
export function flagsOf(packet: Uint8Array): number {
  return packet[2]!;
}

/** @param packet for which `streamIdOf` gave an id */
export function readHeader(packet: Uint8Array, into: Header): void {
  into.flags = flagsOf(packet);
  into.paddingBytes = packet[3]!;
  into.windowBytes = readUint32(packet, 8);
  into.sequence = readUint32(packet, 12);
  into.ack = readUint32(packet, 16);
}

/** Writes the first 20 bytes. */
export function writeHeader(packet: Uint8Array, streamId: number, header: Header): void {
  packet[0] = MAGIC;
  packet[1] = VERSION;
  packet[2] = header.flags;
  packet[3] = header.paddingBytes;
  writeUint32(packet, ID_OFFSET, streamId);
  writeUint32(packet, 8, header.windowBytes);
  writeUint32(packet, 12, header.sequence);
  writeUint32(packet, 16, header.ack);
}

/** What a relay changes in a packet that it passes on. */
export function rewriteStreamId(packet: Uint8Array, streamId: number): void {
  writeUint32(packet, ID_OFFSET, streamId);
}

/** How many blocks of a packet with the SACK flag can be read. */
export function countSackBlocks(packet: Uint8Array): number {
  const restBytes = packet.length - BOUNDS.headerBytes;
  const offset = packet[3]!;
  const bytes = offset > 0 && offset < restBytes ? offset : restBytes;
  return Math.min(BOUNDS.sackBlocksMax, Math.floor(bytes / BLOCK_BYTES));
}

export function sackStart(packet: Uint8Array, block: number): number {
  return readUint32(packet, BOUNDS.headerBytes + block * BLOCK_BYTES);
}

/** The first number that the block no longer has. */
export function sackEnd(packet: Uint8Array, block: number): number {
  return readUint32(packet, BOUNDS.headerBytes + block * BLOCK_BYTES + 4);
}

export function sackPacketBytes(blocks: number): number {
  return BOUNDS.headerBytes + blocks * BLOCK_BYTES;
}

export function writeSack(packet: Uint8Array, block: number, start: number, end: number): void {
  const at = BOUNDS.headerBytes + block * BLOCK_BYTES;
  writeUint32(packet, at, start);
  writeUint32(packet, at + 4, end);
}
