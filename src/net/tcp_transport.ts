/**
 * The transport over TCP, and over streams of the swarm that it is handed where TCP cannot be had: one authenticated
 * and encrypted connection to every peer of the cluster that can be reached (`links.ts`), with messages, requests (`outstanding_requests.ts`) and answers
 * (`request_server.ts`) on it. Nothing that a remote does throws out of here.
 */
import { Buffer } from "node:buffer";
import { createServer, type Server } from "node:net";
import { unreachable } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { LIMITS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Random } from "../random.ts";
import type { Connection, Enqueued } from "./connection.ts";
import { reportHandlerBug } from "./handler_bug.ts";
import type { Identity } from "./identity.ts";
import type { Way } from "./line.ts";
import { Links, type PayloadFrame } from "./links.ts";
import { OutstandingRequests } from "./outstanding_requests.ts";
import { deriveProofKey } from "./proof.ts";
import { KIND, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from "./protocol.ts";
import { type RequestFrame, RequestServer } from "./request_server.ts";
import type { SecretStream } from "./secret_stream.ts";
import { sodium } from "./sodium.ts";
import { TcpLine } from "./tcp_line.ts";
import { TransportCounters, type TransportStatistics } from "./statistics.ts";
import {
  type ConnectedPeer,
  type Hello,
  RequestError,
  type Transport,
  type TransportHandlers,
} from "./transport.ts";

export interface TcpTransportOptions {
  readonly identity: Identity;
  /** 16 to 256 bytes. */
  readonly clusterKey: Uint8Array;
  /** Port 0: any free one, see `listeningPort`. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly hello: Hello;
  /** host:port to dial from the start; `discovered` replaces them. */
  readonly peers: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** `--max-frame`. */
  readonly maxFrameBytes?: number;
  /** Called when the last connection has ended: what carried streams of the swarm may end too. */
  readonly closed?: () => Promise<void>;
  /** Protocol versions to speak, for tests of mixed clusters. */
  readonly versions?: { readonly oldest: number; readonly newest: number };
}

/**
 * How many connections may wait to be accepted; the operating system takes what it allows. In Deno 2.6 it is also how
 * many are ever accepted: past it that Deno accepts none again.
 */
const BACKLOG = 1_000_000_000;

export class TcpTransport implements Transport {
  readonly self: PeerId;
  readonly #options: TcpTransportOptions;
  readonly #counters: TransportCounters;
  readonly #outstanding: OutstandingRequests;
  readonly #links: Links;
  readonly #listening: Server;
  readonly #server: RequestServer;
  #handlers: TransportHandlers | null = null;
  #closing: Promise<void> | null = null;

  /** Starts nothing. @throws {RangeError} for a cluster key of the wrong length */
  constructor(options: TcpTransportOptions) {
    const { identity, clusterKey, versions, hello, clock, random, logger } = options;
    const instance = Buffer.alloc(16);
    sodium.randombytes_buf(instance);
    this.self = identity.id;
    this.#options = options;
    this.#counters = new TransportCounters(clock, logger);
    this.#server = new RequestServer(this.#counters, logger);
    this.#outstanding = new OutstandingRequests(clock);
    this.#links = new Links({
      handshake: {
        identity,
        proofKey: deriveProofKey(clusterKey),
        instance,
        versionNewest: versions?.newest ?? PROTOCOL_VERSION,
        versionOldest: versions?.oldest ?? PROTOCOL_VERSION_OLDEST,
        features: [],
      },
      hello,
      frameBytesMax: options.maxFrameBytes ?? LIMITS.frameBytesMax,
      clock,
      random,
      logger,
      counters: this.#counters,
    }, {
      connected: (peer) => this.#connected(peer),
      updated: (peer) => this.#tell((handlers) => handlers.updated(peer)),
      disconnected: (id, reason) => this.#disconnected(id, reason),
      frame: (connection, frame) => this.#receive(connection, frame),
    });
    this.#listening = createServer(
      { noDelay: true },
      (socket) => this.#links.entrance.accept(new TcpLine(socket)),
    );
  }

  /** The port that it listens on; 0 unless started. */
  get listeningPort(): number {
    const address = this.#listening.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** Dialled addresses that turned out, by handshake, to lead to this peer itself. */
  get ownAddresses(): ReadonlySet<string> {
    return this.#links.dialer.ownAddresses;
  }

  /** See `Transport.peerAt`. */
  peerAt(address: string): PeerId | null {
    return this.#links.dialer.peerAt(address);
  }

  statistics(): TransportStatistics {
    return this.#counters.snapshot(this.#links.views());
  }

  /** @throws {Error} by rejection when the port cannot be listened on */
  async start(handlers: TransportHandlers): Promise<void> {
    const { listen, logger, peers } = this.#options;
    this.#handlers = handlers;
    await new Promise<void>((resolve, reject) => {
      this.#listening.once("error", reject);
      const { host, port } = listen;
      this.#listening.listen({ host, port, backlog: BACKLOG }, () => {
        this.#listening.off("error", reject);
        resolve();
      });
    });
    this.#listening.on("error", (error) => {
      logger.log("error", `cannot accept connections of peers: ${error.message}`);
    });
    this.#links.start();
    this.#links.want("list", peers);
  }

  /** What discovery knows now, in place of what it knew before. */
  discovered(addresses: readonly string[]): void {
    this.#links.want("list", addresses);
  }

  /** Takes over a stream of the swarm, with a gate of `gateSwarmStream` below it. */
  adopt(stream: SecretStream): void {
    this.#links.adopt(stream);
  }

  /** Over which way this peer is connected; null: it is not. */
  wayTo(peer: PeerId): Way | null {
    return this.#links.wayTo(peer);
  }

  dial(addresses: readonly string[]): void {
    this.#links.want("members", addresses);
  }

  peers(): readonly ConnectedPeer[] {
    return this.#links.peers();
  }

  send(to: PeerId, topic: string, body: unknown): boolean {
    const outcome = this.#enqueue(this.#links.find(to), [KIND.message, topic, body], topic);
    if (outcome === "queued") return true;
    this.#counters.messagesDropped++;
    return false;
  }

  request(to: PeerId, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#outstanding.isFull(to)) {
      return Promise.reject(
        new RequestError("unreachable", `cannot ask for ${method}: too many requests wait`),
      );
    }
    const id = this.#outstanding.nextId();
    const outcome = this.#enqueue(this.#links.find(to), [KIND.request, id, method, body], method);
    if (outcome !== "queued") {
      const message = `cannot ask for ${method}: ${describe(outcome)}`;
      return Promise.reject(new RequestError("unreachable", message));
    }
    return this.#outstanding.wait(id, to, method, timeoutMs);
  }

  announce(hello: Hello): void {
    this.#links.announce(hello);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    this.#handlers = null;
    // The sockets are counted by the entrance: node:net's own count, and with it the end that it would tell, is
    // wrong in Deno 2.6.
    this.#listening.close();
    await this.#links.close();
    this.#outstanding.close();
    await this.#options.closed?.();
  }

  #enqueue(
    connection: Connection | undefined,
    frame: readonly unknown[],
    what: string,
  ): Enqueued {
    const outcome = connection?.enqueue(frame) ?? "closed";
    if (outcome === "too_large") {
      this.#options.logger.log("error", `cannot send ${what}: it is larger than a frame may be`);
    }
    return outcome;
  }

  #connected(peer: ConnectedPeer): void {
    const { version, features, way } = this.#links.find(peer.id)!;
    const fields = { peer: peer.id, protocol: version, features, way };
    this.#options.logger.log("info", `connected to ${peer.hello.name}`, fields);
    this.#tell((handlers) => handlers.connected(peer));
  }

  #disconnected(id: PeerId, reason: string): void {
    this.#options.logger.log("info", `connection lost: ${reason}`, { peer: id });
    this.#outstanding.lose(id, reason);
    this.#tell((handlers) => handlers.disconnected(id));
  }

  #receive(connection: Connection, frame: PayloadFrame): void {
    const { peer } = connection;
    switch (frame.kind) {
      case "message":
        this.#tell((handlers) => handlers.message(peer, frame.topic, frame.body));
        break;
      case "request":
        this.#serve(connection, frame);
        break;
      case "answer":
        this.#outstanding.answer(frame.id, peer, frame.body);
        break;
      case "refusal": {
        const { id, code, message, details } = frame;
        this.#outstanding.refuse(id, peer, new RequestError("refused", message, code, details));
        break;
      }
      default:
        unreachable(frame);
    }
  }

  #serve(connection: Connection, request: RequestFrame): void {
    const handlers = this.#handlers;
    if (handlers === null) return;
    const { method, body } = request;
    this.#server.serve(connection, request, () => handlers.request(connection.peer, method, body));
  }

  #tell(call: (handlers: TransportHandlers) => void): void {
    if (this.#handlers === null) return;
    try {
      call(this.#handlers);
    } catch (error) {
      reportHandlerBug(this.#options.logger, error, "what a peer sent");
    }
  }
}

function describe(outcome: Exclude<Enqueued, "queued">): string {
  switch (outcome) {
    case "full":
      return "too much waits to be sent";
    case "too_large":
      return "it is larger than a frame may be";
    case "closed":
      return "no connection";
  }
}
