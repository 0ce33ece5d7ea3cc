/**
 * How a peer talks to others, as everything above the network sees it. Two implementations: TCP
 * (`net/`) and the simulator's virtual network; one conformance suite runs on both.
 *
 * Guarantees: what arrives was sent by the named, authenticated peer of this cluster key, whole and in
 * order within one connection. It may be lost (the connection went away, a queue was full). A message
 * is a msgpack-able value; bytes inside stay bytes. Nothing is delivered before `start`.
 */
import type { PeerId } from "../raft/entry.ts";

/** What two peers tell each other once they trust the connection, and again when it changes. */
export interface Hello {
  readonly name: string;
  /** New at every start of the process, so that a restarted peer is known as one. */
  readonly bootId: string;
  /** Where others can dial this peer: host:port. */
  readonly addresses: readonly string[];
  /** The HTTP endpoint for clients, e.g. `http://10.0.0.1:8001`; "" where there is none. */
  readonly httpUrl: string;
  readonly zone: string;
  /** The cluster it belongs to; null while not initialised. */
  readonly clusterId: string | null;
  /** N of section "Forming a cluster": how many peers must meet; 0 = only joins. */
  readonly expect: number;
  /** Version of the program, for mixed clusters. */
  readonly version: string;
  /** What its cache stands in front of, in words; "": nothing. Absent: an earlier version, which does not say. */
  readonly cacheFront?: string;
}

export interface ConnectedPeer {
  readonly id: PeerId;
  readonly hello: Hello;
}

/** An answer to a request that was refused by the other side, or could not be delivered. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly reason: "unreachable" | "lost" | "timeout" | "refused";
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param reason `unreachable`: never left this peer. `lost`: it left, and what became of it is unknown.
   * `timeout`: likewise. `refused`: the other side says no, `code` says why.
   */
  constructor(
    reason: "unreachable" | "lost" | "timeout" | "refused",
    message: string,
    code = "",
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.reason = reason;
    this.code = code;
    this.details = details;
  }
}

export interface TransportHandlers {
  /** A one-way message. Must not throw: what is malformed is counted and dropped. */
  message(from: PeerId, topic: string, body: unknown): void;
  /**
   * A request. What it resolves to is the answer; a rejection with `SkeinError` reaches the caller as
   * `refused` with code, message and details; any other rejection as `INTERNAL`.
   */
  request(from: PeerId, method: string, body: unknown): Promise<unknown>;
  connected(peer: ConnectedPeer): void;
  /** The peer said something new about itself. */
  updated(peer: ConnectedPeer): void;
  disconnected(id: PeerId): void;
}

export interface Transport {
  readonly self: PeerId;
  start(handlers: TransportHandlers): Promise<void>;
  /** @returns false when it was dropped at once: no connection, or its queue is full */
  send(to: PeerId, topic: string, body: unknown): boolean;
  /** @throws {RequestError} by rejection */
  request(to: PeerId, method: string, body: unknown, timeoutMs: number): Promise<unknown>;
  peers(): readonly ConnectedPeer[];
  /** Changes what this peer says of itself, and tells all connected peers. */
  announce(hello: Hello): void;
  /** Addresses that should be connected for good, e.g. a member's, beside what discovery finds. */
  dial(addresses: readonly string[]): void;
  /** Who was last met at an address that was dialled, connected or not; null while nobody was. */
  peerAt(address: string): PeerId | null;
  close(): Promise<void>;
}
