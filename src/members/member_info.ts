/**
 * What a member is to the others: its identity and the parts of its hello that are replicated. Comes
 * in over the wire and out of the disk, so `parseMemberInfo` checks every field and its bound.
 */
import { LIMITS } from "../limits.ts";
import type { ConnectedPeer } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";

export interface MemberInfo {
  readonly id: PeerId;
  readonly name: string;
  /** host:port of the peer protocol. */
  readonly addresses: readonly string[];
  readonly httpUrl: string;
  readonly zone: string;
  /** New at every start of its process. */
  readonly bootId: string;
  readonly version: string;
}

const ADDRESSES_MAX = 16;
const TEXT_BYTES_MAX = 256;
const PEER_ID = /^[0-9a-f]{64}$/;
// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

/** What others replicate of a connected peer (or of this peer, given its own hello). */
export function memberInfo(peer: ConnectedPeer): MemberInfo {
  const { name, addresses, httpUrl, zone, bootId, version } = peer.hello;
  return { id: peer.id, name, addresses: [...addresses], httpUrl, zone, bootId, version };
}

/** @returns the information with only its own fields, or null where a field is missing or out of bounds */
export function parseMemberInfo(value: unknown): MemberInfo | null {
  if (!isRecord(value)) return null;
  const { id, name, addresses, httpUrl, zone, bootId, version } = value;
  if (!isPeerId(id) || !isText(name, LIMITS.nameBytesMax) || name === "") return null;
  if (!isText(httpUrl, TEXT_BYTES_MAX) || !isText(zone, LIMITS.nameBytesMax)) return null;
  if (!isText(bootId, TEXT_BYTES_MAX) || !isText(version, TEXT_BYTES_MAX)) return null;
  if (!Array.isArray(addresses) || addresses.length > ADDRESSES_MAX) return null;
  const checked: string[] = [];
  for (const address of addresses) {
    if (!isText(address, TEXT_BYTES_MAX)) return null;
    checked.push(address);
  }
  return { id, name, addresses: checked, httpUrl, zone, bootId, version };
}

/** Whether two say the same of a peer. */
export function sameMemberInfo(a: MemberInfo, b: MemberInfo): boolean {
  return a.id === b.id && a.name === b.name && a.httpUrl === b.httpUrl && a.zone === b.zone &&
    a.bootId === b.bootId && a.version === b.version &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, position) => address === b.addresses[position]);
}

export function isPeerId(value: unknown): value is PeerId {
  return typeof value === "string" && PEER_ID.test(value);
}

export function isText(value: unknown, bytesMax: number): value is string {
  return typeof value === "string" && !CONTROL_CHARACTER.test(value) &&
    new TextEncoder().encode(value).length <= bytesMax;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
