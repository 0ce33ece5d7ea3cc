/**
 * Hyperswarm as it can be used in a crowd. Whoever knows the topic may fill it with peers that are none, without end. So
 * those that are known at a time are bounded, and so are attempts; and where there are many, each is tried once until
 * the DHT names it again, for Hyperswarm tries again first, and those that it has not tried at all would never have
 * their turn. Nor is anybody tried who is connected.
 */
import "./no_udx_native.ts";
import { Buffer } from "node:buffer";
import Hyperswarm from "hyperswarm";
import type { PeerId } from "../raft/entry.ts";
import type { Options, SwarmStream } from "./guarded_dht.ts";

interface Discovery {
  /** @returns false where the DHT did not answer; where one is under way, nothing then, and rejects */
  refresh(options: { readonly client: boolean; readonly server: boolean }): Promise<boolean | void>;
}

/** What Hyperswarm knows of a peer. */
interface PeerInfo {
  reconnect(wanted: boolean): void;
}

interface JoinedSwarm {
  readonly server: { refresh(): void };
  /** Those that it may try, by their keys in hexadecimal. */
  readonly peers: ReadonlyMap<string, PeerInfo>;
  /** Open streams to some of them. */
  readonly connections: ReadonlySet<SwarmStream>;
  on(event: "connection", listener: (stream: SwarmStream, info: PeerInfo) => void): void;
  join(
    topic: Uint8Array,
    options: { readonly client: boolean; readonly server: boolean },
  ): Discovery;
  joinPeer(key: Uint8Array): void;
  leavePeer(key: Uint8Array): void;
  destroy(): Promise<void>;
  /** The DHT names somebody of the topic. */
  _handlePeer(peer: { readonly publicKey: Uint8Array }, topic: Uint8Array): void;
}

/** Peers of the topic that are known at a time and to whom no stream is open, and from how many on they are a crowd. */
const KNOWN_MAX = 256;
const CROWD = 64;
/** How many of them are tried at once. */
const ATTEMPTS_MAX = 16;

const SwarmClass = Hyperswarm as unknown as new (options: Options) => JoinedSwarm;

export class BoundedSwarm extends SwarmClass {
  readonly #isConnected: (peer: PeerId) => boolean;

  /** @param isConnected whether there is a connection to this peer, over whichever way */
  constructor(isConnected: (peer: PeerId) => boolean, options: Options) {
    // Open streams that lack a proof are bounded by whoever they are handed to.
    super({ ...options, maxParallel: ATTEMPTS_MAX, maxPeers: Infinity });
    this.#isConnected = isConnected;
  }

  override _handlePeer(peer: { readonly publicKey: Uint8Array }, topic: Uint8Array): void {
    const id = Buffer.from(peer.publicKey).toString("hex");
    if (this.#isConnected(id)) return;
    if (this.#known >= KNOWN_MAX && !this.peers.has(id)) return;
    super._handlePeer(peer, topic);
    this.peers.get(id)?.reconnect(this.#known <= CROWD);
  }

  get #known(): number {
    return this.peers.size - this.connections.size;
  }
}
