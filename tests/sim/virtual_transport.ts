/**
 * One process's end of the virtual network: the `Transport` that production code is given. It owns the
 * requests that wait for an answer: they end with the answer, the connection or their timeout.
 */
import { SkeinError } from "../../src/errors.ts";
import {
  type ConnectedPeer,
  type Hello,
  RequestError,
  type Transport,
  type TransportHandlers,
} from "../../src/net/transport.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Timer } from "../../src/clock.ts";
import type { Packet, VirtualNetwork } from "./virtual_network.ts";
import type { Actor, Scheduler } from "./virtual_time.ts";

interface OpenRequest {
  readonly to: PeerId;
  readonly timeout: Timer;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: RequestError) => void;
}

export class VirtualTransport implements Transport {
  hello: Hello;
  #handlers: TransportHandlers | null = null;
  #serial = 0;
  readonly #network: VirtualNetwork;
  readonly #scheduler: Scheduler;
  readonly #connected = new Map<PeerId, { peer: ConnectedPeer; readonly connection: number }>();
  readonly #requests = new Map<number, OpenRequest>();

  constructor(
    network: VirtualNetwork,
    scheduler: Scheduler,
    readonly actor: Actor,
    readonly self: PeerId,
    hello: Hello,
  ) {
    this.#network = network;
    this.#scheduler = scheduler;
    this.hello = hello;
  }

  start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers;
    this.#network.join(this);
    return Promise.resolve();
  }

  send(to: PeerId, topic: string, body: unknown): boolean {
    if (!this.#connected.has(to)) return false;
    this.#network.send(this, to, { kind: "message", topic, body });
    return true;
  }

  request(to: PeerId, method: string, body: unknown, timeoutMs: number): Promise<unknown> {
    if (!this.#connected.has(to)) {
      return Promise.reject(new RequestError("unreachable", `no connection to ${to}`));
    }
    const serial = this.#serial++;
    this.#network.send(this, to, { kind: "request", serial, method, body });
    return new Promise((resolve, reject) => {
      const timeout = this.#scheduler.after(
        Math.max(0, timeoutMs),
        this.actor,
        "request timeout",
        () => {
          this.#requests.delete(serial);
          reject(new RequestError("timeout", `no answer from ${to} in ${timeoutMs} ms`));
        },
      );
      this.#requests.set(serial, { to, timeout, resolve, reject });
    });
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#connected.values()].map(({ peer }) => peer);
  }

  announce(hello: Hello): void {
    this.hello = hello;
    for (const id of this.#connected.keys()) this.#network.send(this, id, { kind: "hello", hello });
  }

  dial(_addresses: readonly string[]): void {
    // Everybody finds everybody here.
  }

  peerAt(address: string): PeerId | null {
    return this.peers().find(({ hello }) => hello.addresses.includes(address))?.id ?? null;
  }

  close(): Promise<void> {
    this.#network.leave(this);
    this.#handlers = null;
    this.#connected.clear();
    this.#loseRequests(() => true);
    return Promise.resolve();
  }

  /** @param connection grows from one connection to the next */
  connected(peer: ConnectedPeer, connection: number): void {
    if (this.#handlers === null) return;
    // A break that was not noticed yet: the new connection tells.
    const former = this.#connected.get(peer.id);
    if (former !== undefined) this.disconnected(peer.id, former.connection);
    this.#connected.set(peer.id, { peer, connection });
    this.#handlers.connected(peer);
  }

  /** The notice of a break may come when the next connection is there already. */
  disconnected(id: PeerId, connection: number): void {
    if (this.#connected.get(id)?.connection !== connection) return;
    this.#connected.delete(id);
    this.#loseRequests((request) => request.to === id);
    this.#handlers?.disconnected(id);
  }

  receive(from: PeerId, packet: Packet): void {
    const handlers = this.#handlers;
    const sender = this.#connected.get(from);
    if (handlers === null || sender === undefined) return;
    switch (packet.kind) {
      case "message":
        return handlers.message(from, packet.topic, packet.body);
      case "request":
        return this.#answer(handlers, from, packet.serial, packet.method, packet.body);
      case "answer":
        return this.#take(packet.serial)?.resolve(packet.body);
      case "refusal": {
        const { serial, message, code, details } = packet;
        return this.#take(serial)?.reject(new RequestError("refused", message, code, details));
      }
      case "hello": {
        const peer = { id: from, hello: packet.hello };
        sender.peer = peer;
        return handlers.updated(peer);
      }
    }
  }

  #answer(
    handlers: TransportHandlers,
    from: PeerId,
    serial: number,
    method: string,
    body: unknown,
  ): void {
    handlers.request(from, method, body).then(
      (answer) => this.#network.send(this, from, { kind: "answer", serial, body: answer ?? null }),
      (error: unknown) => {
        const refusal = error instanceof SkeinError
          ? { code: error.code, message: error.message, details: error.details }
          : { code: "INTERNAL", message: "the other peer failed", details: {} };
        this.#network.send(this, from, { kind: "refusal", serial, ...refusal });
      },
    );
  }

  #take(serial: number): OpenRequest | undefined {
    const request = this.#requests.get(serial);
    this.#requests.delete(serial);
    request?.timeout.cancel();
    return request;
  }

  #loseRequests(isLost: (request: OpenRequest) => boolean): void {
    for (const [serial, request] of [...this.#requests]) {
      if (!isLost(request)) continue;
      this.#take(serial)?.reject(new RequestError("lost", `the connection to ${request.to} broke`));
    }
  }
}
