/**
 * Keeps one connection in use to every peer of the cluster that can be reached: joins the lines
 * (`entrance.ts`), the choice between two connections of a pair (`pairing.ts`) and the dialling
 * (`dialer.ts`), exchanges hellos, and notices connections that have silently died. What else is said on
 * the connections passes through to the transport.
 *
 * A peer that was met over the swarm is dialled at the addresses that it tells of itself, now and then for as
 * long as the swarm's stream is in use; where that succeeds TCP takes its place.
 */
import type { Clock, Timer } from "../clock.ts";
import { parseAddress } from "../codec/address.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Random } from "../random.ts";
import { Connection } from "./connection.ts";
import { Dialer } from "./dialer.ts";
import { Entrance, type Passage } from "./entrance.ts";
import type { Authenticated, HandshakeOptions } from "./handshake.ts";
import type { Way } from "./line.ts";
import type { AddressSource, LinkView } from "./link_view.ts";
import { Pairing } from "./pairing.ts";
import { type Frame, KIND } from "./protocol.ts";
import type { SecretStream } from "./secret_stream.ts";
import type { RefusalReason, TransportCounters } from "./statistics.ts";
import { SwarmLine } from "./swarm_line.ts";
import type { ConnectedPeer, Hello } from "./transport.ts";

export interface LinksOptions {
  readonly handshake: Omit<HandshakeOptions, "isConnected">;
  readonly hello: Hello;
  readonly frameBytesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: TransportCounters;
}

/** Frames of the keepalive and hellos stay within this file. */
export type PayloadFrame = Exclude<Frame, { kind: "hello" | "ping" | "pong" }>;

export interface LinksListener {
  connected(peer: ConnectedPeer): void;
  updated(peer: ConnectedPeer): void;
  disconnected(id: PeerId, reason: string): void;
  frame(connection: Connection, frame: PayloadFrame): void;
}

/** The keepalive's round: a connection that was silent for 2 rounds is asked, after 6 it is closed. */
const ROUND_MS = 1_000;
const SILENT_ROUNDS_TO_PING = 2;
const SILENT_ROUNDS_MAX = 6;

/** After so many rounds a connection is asked for its round trip, where its line does not measure that. */
const ROUNDS_TO_MEASURE = 5;

/** How long a peer that was met over the swarm is dialled once it is gone. */
const REMEMBER_MS = 60_000;

/** How long `close` waits for what is queued to leave. */
const CLOSE_MS = 500;

interface Link {
  readonly connection: Connection;
  peer: ConnectedPeer;
}

export class Links {
  readonly entrance: Entrance;
  readonly dialer: Dialer;
  readonly #self: PeerId;
  readonly #options: LinksOptions;
  readonly #listener: LinksListener;
  readonly #pairings = new Map<PeerId, Pairing>();
  readonly #inUse = new Map<PeerId, Link>();
  readonly #passageOf = new Map<Connection, Passage>();
  /** Dialled sockets whose other end is known and not yet trusted. */
  readonly #ownHandshakes = new Set<Passage>();
  /** Peers that were met over the swarm → until when their addresses are dialled; null: they are connected. */
  readonly #metBySwarm = new Map<PeerId, Timer | null>();
  #hello: Hello;
  #keepalive: Timer | null = null;
  #rounds = 0;
  #closing = false;

  constructor(options: LinksOptions, listener: LinksListener) {
    const { clock, random, counters } = options;
    this.#self = options.handshake.identity.id;
    this.#options = options;
    this.#listener = listener;
    this.#hello = options.hello;
    const isConnected = (peer: PeerId): boolean => this.#inUse.has(peer);
    this.entrance = new Entrance({ ...options.handshake, isConnected }, clock, counters, {
      identified: (passage, peer) => this.#identified(passage, peer),
      authenticated: (passage, result) => this.#authenticated(passage, result),
      refused: (passage, reason) => this.#refused(passage, reason),
      ended: ({ address }) => {
        if (address !== null) this.dialer.ended(address);
      },
    });
    this.dialer = new Dialer({
      clock,
      random,
      dial: (text) => this.#dial(text),
      isConnected: (peer) => this.wayTo(peer) === "tcp",
      isSpared: (address) => this.#isTalkedTo(address),
    });
  }

  start(): void {
    this.#keepalive = this.#options.clock.timer(ROUND_MS, () => {
      this.#keepAliveRound();
      this.start();
    });
  }

  /** The connection in use to this peer. */
  find(peer: PeerId): Connection | undefined {
    return this.#inUse.get(peer)?.connection;
  }

  /** Over which way this peer is connected; null: it is not. */
  wayTo(peer: PeerId): Way | null {
    return this.#inUse.get(peer)?.connection.way ?? null;
  }

  /** Takes over a stream of the swarm, whoever began it. */
  adopt(stream: SecretStream): void {
    this.entrance.accept(new SwarmLine(stream));
  }

  want(source: AddressSource, addresses: readonly string[]): void {
    this.dialer.want(source, addresses);
  }

  views(): readonly LinkView[] {
    return [...this.#inUse].map(([peer, { connection }]) => {
      const sources = this.dialer.sourcesOf(peer);
      const foundBy = (["list", "members"] as const).filter((source) => sources.includes(source));
      return {
        peer,
        way: connection.way,
        foundBy: this.#metBySwarm.has(peer) ? [...foundBy, "swarm"] : foundBy,
        ...connection.measures(),
      };
    });
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#inUse.values()].map(({ peer }) => peer);
  }

  announce(hello: Hello): void {
    this.#hello = hello;
    for (const { current } of this.#pairings.values()) {
      if (current !== null) this.#sendHello(current);
    }
  }

  /** Sends what is queued, then closes everything; the listener hears no more of it. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#keepalive?.cancel();
    this.dialer.close();
    for (const pairing of this.#pairings.values()) pairing.close();
    for (const timer of this.#metBySwarm.values()) timer?.cancel();
    const leaving = new Set<Passage>();
    for (const { connection } of this.#inUse.values()) {
      leaving.add(this.#passageOf.get(connection)!);
      connection.end();
    }
    const impatience = this.#options.clock.timer(CLOSE_MS, () => this.entrance.destroyAll());
    await this.entrance.close((passage) => leaving.has(passage));
    impatience.cancel();
  }

  #dial(text: string): void {
    const address = parseAddress(text);
    if (address !== null) this.entrance.dial(text, address);
    else this.#options.logger.log("warn", `cannot dial "${text}": it is not host:port`);
  }

  #identified(passage: Passage, peer: PeerId): void {
    if (passage.address === null || peer === this.#self) return;
    // Noise has proven the identity. If that peer is connected already it may hang up now, without a word.
    this.dialer.leadsTo(passage.address, peer);
    this.#ownHandshakes.add(passage);
    this.#pairingWith(peer).ownHandshakeBegan();
  }

  #refused(passage: Passage, reason: RefusalReason): void {
    const { address, peer } = passage;
    if (this.#ownHandshakes.delete(passage)) this.#pairingWith(peer!).ownHandshakeEnded();
    // Only who holds our own key can be believed to be us.
    if (address !== null && peer === this.#self && reason === "self") {
      this.dialer.leadsToSelf(address);
    }
  }

  #authenticated(passage: Passage, result: Authenticated): void {
    const { counters, frameBytesMax } = this.#options;
    const listener = {
      frame: (connection: Connection, frame: Frame) => this.#receive(connection, frame),
      closed: (connection: Connection, reason: string) => this.#closed(connection, reason),
    };
    const connection = new Connection(result, listener, counters, frameBytesMax);
    this.#passageOf.set(connection, passage);
    const pairing = this.#pairingWith(result.peer);
    pairing.add(connection);
    if (this.#ownHandshakes.delete(passage)) pairing.ownHandshakeEnded();
  }

  #pairingWith(peer: PeerId): Pairing {
    const known = this.#pairings.get(peer);
    if (known !== undefined) return known;
    const pairing = new Pairing(this.#options.clock, this.#self < peer, (connection) => {
      connection.stage = "greeting";
      this.#sendHello(connection);
    });
    this.#pairings.set(peer, pairing);
    return pairing;
  }

  #sendHello(connection: Connection): void {
    const outcome = connection.enqueue([KIND.hello, this.#hello]);
    if (outcome !== "queued") connection.close("there was no room for a hello");
  }

  #receive(connection: Connection, frame: Frame): void {
    if (this.#closing) return;
    if (frame.kind === "hello") this.#greeted(connection, frame.hello);
    else if (connection.stage !== "active") connection.closeMalformed("a frame before the hello");
    else if (frame.kind === "ping") connection.enqueue([KIND.pong]);
    else if (frame.kind === "pong") this.#ponged(connection);
    else this.#listener.frame(connection, frame);
  }

  #ponged(connection: Connection): void {
    connection.ponged(this.#options.clock.monotonicMs());
    this.#pairings.get(connection.peer)?.answered(connection);
  }

  #greeted(connection: Connection, hello: Hello): void {
    const peer = { id: connection.peer, hello };
    const link = this.#inUse.get(connection.peer);
    if (link?.connection === connection) {
      link.peer = peer;
      this.#dialAnnounced(connection, hello);
      this.#listener.updated(peer);
      return;
    }
    const decides = this.#self < connection.peer;
    if (connection.stage !== (decides ? "greeting" : "candidate")) {
      connection.closeMalformed("a hello out of turn");
      return;
    }
    if (!decides) {
      this.#pairingWith(connection.peer).follow(connection);
      this.#sendHello(connection);
    }
    connection.stage = "active";
    this.entrance.arrived(this.#passageOf.get(connection)!);
    this.#inUse.set(connection.peer, { connection, peer });
    this.#dialAnnounced(connection, hello);
    if (connection.way === "tcp") this.dialer.connected(connection.peer);
    this.#listener.connected(peer);
  }

  /** Of a peer that was met over the swarm nobody but itself tells where it can be dialled. */
  #dialAnnounced({ peer, way }: Connection, { addresses }: Hello): void {
    if (way !== "swarm" && !this.#metBySwarm.has(peer)) return;
    this.#metBySwarm.get(peer)?.cancel();
    this.#metBySwarm.set(peer, null);
    this.dialer.want(announcedBy(peer), addresses);
  }

  /** The peer may come back where it was, with TCP alone; if it does not, it is forgotten. */
  #lost(peer: PeerId, { addresses }: Hello): void {
    this.dialer.disconnected(peer);
    if (!this.#metBySwarm.has(peer)) return;
    this.dialer.hurry(addresses);
    const timer = this.#options.clock.timer(REMEMBER_MS, () => {
      this.#metBySwarm.delete(peer);
      this.dialer.want(announcedBy(peer), []);
    });
    this.#metBySwarm.set(peer, timer);
  }

  /** Whether a peer that is connected over the swarm tells this address of itself. */
  #isTalkedTo(address: string): boolean {
    return [...this.#inUse.values()].some(({ connection, peer }) =>
      connection.way === "swarm" && peer.hello.addresses.includes(address)
    );
  }

  #closed(connection: Connection, reason: string): void {
    const { peer } = connection;
    this.#passageOf.delete(connection);
    const link = this.#inUse.get(peer);
    const wasInUse = link?.connection === connection;
    if (wasInUse) this.#inUse.delete(peer);
    if (this.#closing) return;
    if (wasInUse) {
      this.#listener.disconnected(peer, reason);
      this.#lost(peer, link.peer.hello);
    }
    const pairing = this.#pairingWith(peer);
    pairing.remove(connection);
    if (pairing.isEmpty) this.#pairings.delete(peer);
  }

  #keepAliveRound(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const isToMeasure = this.#rounds++ % ROUNDS_TO_MEASURE === 0;
    for (const { connection } of [...this.#inUse.values()]) {
      const rounds = ++connection.silentRounds;
      const isToPing = rounds >= SILENT_ROUNDS_TO_PING || (isToMeasure && connection.way === "tcp");
      if (rounds >= SILENT_ROUNDS_MAX) connection.close("nothing was heard for too long");
      else if (isToPing) connection.ping(nowMs);
    }
  }
}

/** As who a peer wants its own addresses dialled. */
function announcedBy(peer: PeerId): string {
  return `swarm ${peer}`;
}
