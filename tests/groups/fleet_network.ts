/**
 * The network between a fleet's hosts: what is sent arrives one millisecond later, in order, unless the way
 * is cut or the test drops it. Counts every frame. A request over a cut way runs into its timeout; one to a
 * peer that is down fails at once, as a refused connection does.
 */
import { SkeinError } from "../../src/errors.ts";
import { RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { type Hello, RequestError, type Transport } from "../../src/net/transport.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { ManualClock } from "../manual_clock.ts";

const LATENCY_MS = 1;

export interface Frame {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly topic: string;
  readonly body: unknown;
}

export interface Endpoint {
  message(from: PeerId, topic: string, body: unknown): void;
  request(from: PeerId, method: string, body: unknown): Promise<unknown>;
  connected(peer: PeerId): void;
}

interface OpenRequest {
  readonly to: PeerId;
  readonly reject: (error: RequestError) => void;
}

export class FleetNetwork {
  readonly #clock: ManualClock;
  readonly #endpoints = new Map<PeerId, Endpoint>();
  readonly #cuts = new Set<string>();
  readonly #requests = new Set<OpenRequest>();
  /** One-way messages by topic, and requests by method, since this was last cleared. */
  readonly counts = new Map<string, number>();
  /** Messages for which this is true vanish. */
  drops: (frame: Frame) => boolean = () => false;
  /** Sees every message that leaves. */
  sees: (frame: Frame) => void = () => {};

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  attach(peer: PeerId, endpoint: Endpoint): void {
    for (const [other, its] of this.#endpoints) {
      its.connected(peer);
      endpoint.connected(other);
    }
    this.#endpoints.set(peer, endpoint);
  }

  /** The process is gone: its connections break. */
  detach(peer: PeerId): void {
    this.#endpoints.delete(peer);
    for (const request of [...this.#requests]) {
      if (request.to === peer) request.reject(new RequestError("lost", "the connection broke"));
    }
  }

  /** Nothing gets from `from` to `to` any more. */
  cut(from: PeerId, to: PeerId): void {
    this.#cuts.add(`${from} ${to}`);
  }

  /** Nothing gets to this peer or away from it. */
  isolate(peer: PeerId): void {
    for (const other of this.#endpoints.keys()) {
      this.cut(peer, other);
      this.cut(other, peer);
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  transportOf(self: PeerId): Transport {
    return {
      self,
      start: () => Promise.resolve(),
      send: (to, topic, body) => this.#send({ from: self, to, topic, body }),
      request: (to, method, body, timeoutMs) => this.#request(self, to, method, body, timeoutMs),
      peers: () =>
        [...this.#endpoints.keys()].filter((id) => id !== self).map((id) => ({ id, hello: HELLO })),
      announce() {},
      dial() {},
      peerAt: () => null,
      close: () => Promise.resolve(),
    };
  }

  #send(frame: Frame): boolean {
    const { from, to, topic, body } = frame;
    if (!this.#endpoints.has(to)) return false;
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    // The messages of one frame may meet different fates, as if each had come alone.
    const parts = topic === RAFT_TOPIC ? (body as unknown[]).map((part) => [part]) : [body];
    for (const part of parts) this.#deliver({ from, to, topic, body: part });
    return true;
  }

  #deliver(frame: Frame): void {
    const { from, to, topic, body } = frame;
    this.sees(frame);
    if (this.#isCut(from, to) || this.drops(frame)) return;
    const copy: unknown = structuredClone(body);
    this.#clock.timer(LATENCY_MS, () => this.#endpoints.get(to)?.message(from, topic, copy));
  }

  #isCut(from: PeerId, to: PeerId): boolean {
    return this.#cuts.has(`${from} ${to}`);
  }

  #request(
    from: PeerId,
    to: PeerId,
    method: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    this.counts.set(method, (this.counts.get(method) ?? 0) + 1);
    if (!this.#endpoints.has(to)) {
      return Promise.reject(new RequestError("unreachable", `${to} is not connected`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = this.#clock.timer(timeoutMs, () => {
      request.reject(new RequestError("timeout", "no answer in time"));
    });
    const request: OpenRequest = {
      to,
      reject: (error) => {
        timer.cancel();
        this.#requests.delete(request);
        reject(error);
      },
    };
    this.#requests.add(request);
    if (this.#isCut(from, to)) return promise;
    const copy: unknown = structuredClone(body);
    const answer = (settle: () => void) => {
      if (this.#isCut(to, from)) return;
      this.#clock.timer(LATENCY_MS, () => {
        timer.cancel();
        this.#requests.delete(request);
        settle();
      });
    };
    this.#clock.timer(LATENCY_MS, () => {
      this.#endpoints.get(to)?.request(from, method, copy).then(
        (value) => answer(() => resolve(structuredClone(value))),
        (error) => answer(() => reject(refusalOf(error))),
      );
    });
    return promise;
  }
}

function refusalOf(error: unknown): RequestError {
  return error instanceof SkeinError
    ? new RequestError("refused", error.message, error.code, error.details)
    : new RequestError("refused", String(error), "INTERNAL");
}

const HELLO: Hello = {
  name: "",
  bootId: "",
  addresses: [],
  httpUrl: "",
  zone: "",
  clusterId: null,
  expect: 0,
  version: "",
};
