/** Builds real transports on free ports of the loopback, and handlers that remember what they hear. */
import type { PeerId } from "../../src/raft/entry.ts";
import type { ConnectedPeer, Hello, TransportHandlers } from "../../src/net/transport.ts";
import { createIdentity } from "../../src/net/identity.ts";
import { TcpTransport, type TcpTransportOptions } from "../../src/net/tcp_transport.ts";
import { SILENT } from "../../src/logger.ts";
import { Random } from "../../src/random.ts";
import { REAL_CLOCK } from "./real_time.ts";

export const CLUSTER_KEY = new TextEncoder().encode("a cluster key for tests");

export function helloOf(name: string, changes: Partial<Hello> = {}): Hello {
  return {
    name,
    bootId: `boot of ${name}`,
    addresses: [],
    httpUrl: "",
    zone: "",
    clusterId: null,
    expect: 3,
    version: "0.0.0",
    cacheFront: "a Redis",
    ...changes,
  };
}

/** Identities whose order is known: the first has the lowest id. */
export function identitiesInOrder(count: number): ReturnType<typeof createIdentity>[] {
  return Array.from({ length: count }, () => createIdentity())
    .sort((left, right) => left.id < right.id ? -1 : 1);
}

export function newTransport(options: Partial<TcpTransportOptions> = {}): TcpTransport {
  const identity = options.identity ?? createIdentity();
  return new TcpTransport({
    identity,
    clusterKey: CLUSTER_KEY,
    listen: { host: "127.0.0.1", port: 0 },
    hello: helloOf(identity.id.slice(0, 6)),
    peers: [],
    clock: REAL_CLOCK,
    random: new Random(1),
    logger: SILENT,
    ...options,
  });
}

export function addressOf(transport: TcpTransport): string {
  return `127.0.0.1:${transport.listeningPort}`;
}

export type Heard =
  | {
    readonly kind: "message";
    readonly from: PeerId;
    readonly topic: string;
    readonly body: unknown;
  }
  | { readonly kind: "connected" | "updated"; readonly peer: ConnectedPeer }
  | { readonly kind: "disconnected"; readonly id: PeerId };

export class RecordingHandlers implements TransportHandlers {
  readonly heard: Heard[] = [];
  answer: (from: PeerId, method: string, body: unknown) => Promise<unknown> = (
    _from,
    _method,
    body,
  ) => Promise.resolve(body);

  message(from: PeerId, topic: string, body: unknown): void {
    this.heard.push({ kind: "message", from, topic, body });
  }

  request(from: PeerId, method: string, body: unknown): Promise<unknown> {
    return this.answer(from, method, body);
  }

  connected(peer: ConnectedPeer): void {
    this.heard.push({ kind: "connected", peer });
  }

  updated(peer: ConnectedPeer): void {
    this.heard.push({ kind: "updated", peer });
  }

  disconnected(id: PeerId): void {
    this.heard.push({ kind: "disconnected", id });
  }

  count(kind: Heard["kind"]): number {
    return this.heard.filter((heard) => heard.kind === kind).length;
  }

  bodies(): unknown[] {
    return this.heard.flatMap((heard) => heard.kind === "message" ? [heard.body] : []);
  }
}
