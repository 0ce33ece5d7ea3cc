/**
 * The network between virtual peers: delay, loss, duplication, reordering, cuts in one or both
 * directions, and connections that break and come back. Bodies cross it as the bytes that the wire
 * would carry. Every running peer finds every other; how they do is discovery's business, not ours.
 *
 * Weaker than TCP on purpose: one-way messages of one connection may overtake each other, come twice or
 * vanish alone, because Raft must not rest on more.
 */
import { decode, encode } from "@msgpack/msgpack";
import type { Hello } from "../../src/net/transport.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Random } from "../../src/random.ts";
import { exponentialMs, type NetworkRates } from "./fault_rates.ts";
import type { Actor, Scheduler } from "./virtual_time.ts";
import { VirtualTransport } from "./virtual_transport.ts";

/** Local delivery between processes whose connection just broke: how long it takes to be noticed. */
const BREAK_NOTICE_MS_MAX = 200;
const RECONNECT_MS_MAX = 300;

/** What travels between two endpoints. `answer` and `refusal` carry the serial of their request. */
export type Packet =
  | { readonly kind: "message"; readonly topic: string; readonly body: unknown }
  | {
    readonly kind: "request";
    readonly serial: number;
    readonly method: string;
    readonly body: unknown;
  }
  | { readonly kind: "answer"; readonly serial: number; readonly body: unknown }
  | {
    readonly kind: "refusal";
    readonly serial: number;
    readonly code: string;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
  }
  | { readonly kind: "hello"; readonly hello: Hello };

/** Two endpoints' connection; a new one after every break. */
interface Connection {
  readonly serial: number;
  readonly ends: readonly [VirtualTransport, VirtualTransport];
  open: boolean;
  /** Per direction, when the last ordered packet arrives: a later one does not overtake it. */
  readonly lastArrivalMs: Map<PeerId, number>;
}

export interface NetworkStatistics {
  sent: number;
  delivered: number;
  lost: number;
  duplicated: number;
}

export class VirtualNetwork {
  rates: NetworkRates;
  /** Sees every one-way message as it is sent. */
  onMessage: (from: PeerId, to: PeerId, topic: string, body: unknown) => void = () => {};
  /** How much longer a one-way message takes, overtaken by others, whatever is cut meanwhile; 0: it is not held up. */
  heldMs: (from: PeerId, to: PeerId, topic: string, body: unknown) => number = () => 0;
  readonly statistics: NetworkStatistics = { sent: 0, delivered: 0, lost: 0, duplicated: 0 };
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #endpoints = new Map<PeerId, VirtualTransport>();
  readonly #connections = new Map<string, Connection>();
  /** Directions in which nothing passes: "from>to". */
  readonly #cuts = new Set<string>();
  #connectionsMade = 0;

  constructor(scheduler: Scheduler, random: Random, rates: NetworkRates) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.rates = rates;
  }

  /** A process's access to the network. Nothing reaches it before it calls `start`. */
  attach(actor: Actor, self: PeerId, hello: Hello): VirtualTransport {
    return new VirtualTransport(this, this.#scheduler, actor, self, hello);
  }

  /** The endpoint began to listen: it meets all others. */
  join(endpoint: VirtualTransport): void {
    const former = this.#endpoints.get(endpoint.self);
    if (former !== undefined) this.leave(former);
    this.#endpoints.set(endpoint.self, endpoint);
    for (const other of this.#endpoints.values()) {
      if (other !== endpoint) this.#connectLater(endpoint.self, other.self);
    }
  }

  /** The endpoint's process ended. The others notice by the broken connections. */
  leave(endpoint: VirtualTransport): void {
    if (this.#endpoints.get(endpoint.self) !== endpoint) return;
    this.#endpoints.delete(endpoint.self);
    for (const connection of this.#connections.values()) {
      if (connection.ends.includes(endpoint)) this.#break(connection);
    }
  }

  /** Nothing passes from one to the other any more; perhaps the connection breaks over it. */
  cut(from: PeerId, to: PeerId): void {
    this.cutUnnoticed(from, to);
    const connection = this.#connections.get(pairOf(from, to));
    if (connection !== undefined && this.#random.chance(this.rates.noticedCut)) {
      this.#break(connection);
    }
  }

  /** The same, and the connection stays: what is held up on its way still arrives. */
  cutUnnoticed(from: PeerId, to: PeerId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  mend(from: PeerId, to: PeerId): void {
    if (!this.#cuts.delete(`${from}>${to}`)) return;
    const connection = this.#connections.get(pairOf(from, to));
    if (connection === undefined) return this.#connectLater(from, to);
    // What a peer said of itself meanwhile is not lost with TCP, only late.
    for (const end of connection.ends) {
      if (end.self === from) this.send(end, to, { kind: "hello", hello: end.hello });
    }
  }

  mendAll(): void {
    for (const cut of [...this.#cuts]) {
      const [from, to] = cut.split(">");
      this.mend(from!, to!);
    }
  }

  /** Breaks a live connection, as a router that loses its state does; it comes back by itself. */
  disconnect(left: PeerId, right: PeerId): void {
    const connection = this.#connections.get(pairOf(left, right));
    if (connection !== undefined) this.#break(connection);
  }

  /** Sends on the connection that `from` believes to have; into the void where it broke unnoticed. */
  send(from: VirtualTransport, to: PeerId, packet: Packet): void {
    this.statistics.sent++;
    if (packet.kind === "message") this.onMessage(from.self, to, packet.topic, packet.body);
    const connection = this.#connections.get(pairOf(from.self, to));
    if (connection === undefined || !connection.ends.includes(from)) {
      this.statistics.lost++;
      return;
    }
    const bytes = encode(packet);
    const isMessage = packet.kind === "message";
    const heldMs = isMessage ? this.heldMs(from.self, to, packet.topic, packet.body) : 0;
    if (heldMs > 0) return this.#hold(connection, from.self, to, bytes, heldMs);
    if (packet.kind !== "hello" && this.#random.chance(this.rates.loss)) {
      this.statistics.lost++;
      return;
    }
    this.#deliverLater(connection, from.self, to, bytes, isMessage);
    if (isMessage && this.#random.chance(this.rates.duplication)) {
      this.statistics.duplicated++;
      this.#deliverLater(connection, from.self, to, bytes, true);
    }
  }

  #deliverLater(
    connection: Connection,
    from: PeerId,
    to: PeerId,
    bytes: Uint8Array,
    mayOvertake: boolean,
  ): void {
    const { delayMsMin, delayMsMean, reordering } = this.rates;
    const drawnMs = delayMsMin + exponentialMs(this.#random, delayMsMean);
    let arrivalMs = this.#scheduler.nowMs + drawnMs;
    if (!mayOvertake || !this.#random.chance(reordering)) {
      arrivalMs = Math.max(arrivalMs, connection.lastArrivalMs.get(to) ?? 0);
      connection.lastArrivalMs.set(to, arrivalMs);
    }
    const { actor } = receiverOf(connection, to);
    this.#scheduler.after(arrivalMs - this.#scheduler.nowMs, actor, "deliver", () => {
      if (this.#cuts.has(`${from}>${to}`)) this.statistics.lost++;
      else this.#deliver(connection, from, to, bytes);
    });
  }

  /** A message that lies in some queue behind whatever is cut. */
  #hold(connection: Connection, from: PeerId, to: PeerId, bytes: Uint8Array, byMs: number): void {
    const { actor } = receiverOf(connection, to);
    this.#scheduler.after(byMs, actor, "deliver", () => {
      this.#deliver(connection, from, to, bytes);
    });
  }

  #deliver(connection: Connection, from: PeerId, to: PeerId, bytes: Uint8Array): void {
    if (!connection.open) {
      this.statistics.lost++;
      return;
    }
    this.statistics.delivered++;
    this.#scheduler.trace.bytes(bytes);
    receiverOf(connection, to).receive(from, decode(bytes) as Packet);
  }

  #connectLater(left: PeerId, right: PeerId): void {
    const delayMs = 1 + this.#random.fraction() * RECONNECT_MS_MAX;
    this.#scheduler.after(delayMs, null, "connect", () => this.#connect(left, right));
  }

  #connect(left: PeerId, right: PeerId): void {
    const one = this.#endpoints.get(left);
    const other = this.#endpoints.get(right);
    const pair = pairOf(left, right);
    if (one === undefined || other === undefined || this.#connections.has(pair)) return;
    // A handshake needs both directions; `mend` tries again.
    if (this.#cuts.has(`${left}>${right}`) || this.#cuts.has(`${right}>${left}`)) return;
    const connection: Connection = {
      serial: ++this.#connectionsMade,
      ends: [one, other],
      open: true,
      lastArrivalMs: new Map(),
    };
    this.#connections.set(pair, connection);
    for (const [end, far] of [[one, other], [other, one]] as const) {
      const hello = far.hello;
      this.#scheduler.after(0, end.actor, "connected", () => {
        if (connection.open) end.connected({ id: far.self, hello }, connection.serial);
      });
    }
  }

  #break(connection: Connection): void {
    if (!connection.open) return;
    connection.open = false;
    const [one, other] = connection.ends;
    this.#connections.delete(pairOf(one.self, other.self));
    for (const [end, far] of [[one, other], [other, one]] as const) {
      const noticeMs = this.#random.fraction() * BREAK_NOTICE_MS_MAX;
      this.#scheduler.after(noticeMs, end.actor, "disconnected", () => {
        end.disconnected(far.self, connection.serial);
      });
    }
    this.#scheduler.after(BREAK_NOTICE_MS_MAX, null, "reconnect", () => {
      this.#connectLater(one.self, other.self);
    });
  }
}

function receiverOf({ ends: [one, other] }: Connection, to: PeerId): VirtualTransport {
  return one.self === to ? one : other;
}

function pairOf(left: PeerId, right: PeerId): string {
  return left < right ? `${left}-${right}` : `${right}-${left}`;
}
