/**
 * Hyperswarm, as far as we use it, on our own UDX. Nothing else imports its packages, and this file is imported by
 * those alone who have a swarm, when they need it: loading it takes a third of a second.
 */
import "./no_udx_native.ts";
import { Buffer } from "node:buffer";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import HyperDHT from "hyperdht";
import Hyperswarm from "hyperswarm";
import type { Clock } from "../clock.ts";
import type { Address } from "../codec/address.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import { UDX, type UDXStream } from "../udx/mod.ts";
import type { Swarm } from "./swarm.ts";

/** An encrypted stream to a peer of the topic, over what `gate` made of its raw stream. */
export interface SwarmStream {
  readonly isInitiator: boolean;
  readonly remotePublicKey: Uint8Array;
  destroy(): void;
}

export interface SwarmOptions {
  readonly keyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  /** 32 bytes. */
  readonly topic: Uint8Array;
  /** Nodes of a DHT; null: the public one. */
  readonly bootstrap: readonly Address[] | null;
  /** Puts something between a raw stream and the encryption on it. */
  readonly gate: (stream: UDXStream) => object;
  /** There is a stream to somebody, whoever began it. */
  readonly found: (stream: SwarmStream) => void;
  readonly clock: Clock;
}

type Options = Readonly<Record<string, unknown>>;

type Connected = (stream: SecretStream) => void;

interface Dht {
  createServer(options: Options, connected: Connected): unknown;
  connect(key: Uint8Array, options?: Options): SecretStream;
  destroy(options?: { readonly force: boolean }): Promise<void>;
}

interface SecretStream extends SwarmStream {
  readonly destroying: boolean;
  start(rawStream: unknown, options?: Options): void;
  on(event: "open" | "close" | "error", listener: () => void): void;
}

interface Discovery {
  /** @returns false where the DHT did not answer; where one is under way, nothing then, and rejects */
  refresh(options: { readonly client: boolean; readonly server: boolean }): Promise<boolean | void>;
}

interface JoinedSwarm {
  readonly dht: Dht;
  readonly server: { readonly relayAddresses: readonly unknown[]; refresh(): void };
  on(
    event: "connection",
    listener: (stream: SwarmStream, info: { reconnect(wanted: boolean): void }) => void,
  ): void;
  join(
    topic: Uint8Array,
    options: { readonly client: boolean; readonly server: boolean },
  ): Discovery;
  joinPeer(key: Uint8Array): void;
  leavePeer(key: Uint8Array): void;
  destroy(): Promise<void>;
}

const DhtClass = HyperDHT as unknown as new (options: Options) => Dht;
const SecretStreamClass = NoiseSecretStream as unknown as new (
  isInitiator: boolean,
  rawStream: unknown,
  options: Options,
) => SecretStream;
const SwarmClass = Hyperswarm as unknown as new (options: Options) => JoinedSwarm;

const BOTH = { client: true, server: true } as const;
/** Any free port: without this it would take the DHT's own where that is free. */
const ANY_PORT = [0, 0];
/** After which pauses a peer that was found is tried again, and how far they vary. */
const RETRY_PAUSES_MS = [500, 1_000, 2_000, 5_000];
const RETRY_JITTER_MS = 200;
/** How long an attempt to reach a peer stands in the way of what that peer opens to us. */
const ATTEMPT_MS = 1_000;
/** How long a stop waits for the DHT to take back what was announced. */
const LEAVE_MS = 1_000;
const DESTROY_MS = 500;

/**
 * Joins the topic, both to find and to be found; what is found is told from now on.
 * @throws {Error} by rejection, where no socket can be had
 */
export function openSwarm(options: SwarmOptions): Promise<Swarm> {
  return Promise.resolve(new TopicSwarm(options));
}

/** A stream that is being opened to a peer. */
interface Attempt {
  readonly stream: SecretStream;
  readonly beganAtMs: number;
}

/**
 * A DHT whose streams to peers have a gate below their encryption. Of two streams of a pair that are opened at once
 * Hyperswarm keeps one by the peers' keys; but where an attempt of ours has led nowhere for a while, as it does to a
 * peer that has moved, what that peer opens to us takes its place.
 */
class GatedDht extends DhtClass {
  readonly #clock: Clock;
  readonly #createSecretStream: unknown;
  readonly #attempts = new Map<PeerId, Attempt>();

  constructor(gate: SwarmOptions["gate"], clock: Clock, options: Options) {
    super(options);
    this.#clock = clock;
    class GatedSecretStream extends SecretStreamClass {
      override start(rawStream: unknown, options?: Options): void {
        super.start(gate(rawStream as UDXStream), options);
      }
    }
    this.#createSecretStream = (isInitiator: boolean, rawStream: unknown, options: Options) =>
      new GatedSecretStream(isInitiator, rawStream, { ...options, filterZeroByteMessages: true });
  }

  override createServer(options: Options, connected: Connected): unknown {
    const createSecretStream = this.#createSecretStream;
    return super.createServer(
      { ...options, createSecretStream },
      (stream) => this.#arrived(stream, connected),
    );
  }

  /** A stream to a relay, which it opens without a key pair of ours, is its own affair. */
  override connect(key: Uint8Array, options?: Options): SecretStream {
    if (options?.["keyPair"] === undefined) return super.connect(key, options);
    const createSecretStream = this.#createSecretStream;
    const stream = super.connect(key, { ...options, createSecretStream });
    const peer = Buffer.from(key).toString("hex");
    const attempt = { stream, beganAtMs: this.#clock.monotonicMs() };
    const ended = () => {
      if (this.#attempts.get(peer) === attempt) this.#attempts.delete(peer);
    };
    this.#attempts.set(peer, attempt);
    stream.on("open", ended);
    stream.on("close", ended);
    return stream;
  }

  #arrived(stream: SecretStream, connected: Connected): void {
    const attempt = this.#attempts.get(Buffer.from(stream.remotePublicKey).toString("hex"));
    const isStuck = attempt !== undefined &&
      this.#clock.monotonicMs() - attempt.beganAtMs > ATTEMPT_MS;
    if (!isStuck) return connected(stream);
    stream.on("error", () => {});
    attempt.stream.on("close", () => {
      if (!stream.destroying) connected(stream);
    });
    attempt.stream.destroy();
  }
}

class TopicSwarm implements Swarm {
  readonly #swarm: JoinedSwarm;
  readonly #discovery: Discovery;
  readonly #clock: Clock;

  constructor({ keyPair, topic, bootstrap, gate, found, clock }: SwarmOptions) {
    this.#clock = clock;
    const dht = new GatedDht(gate, clock, {
      udx: new UDX(),
      port: ANY_PORT,
      // The connections on its streams see for themselves whether the other side is there.
      connectionKeepAlive: false,
      ...bootstrap === null ? {} : { bootstrap },
    });
    this.#swarm = new SwarmClass({
      dht,
      keyPair: {
        publicKey: Buffer.from(keyPair.publicKey),
        secretKey: Buffer.from(keyPair.secretKey),
      },
      backoffs: RETRY_PAUSES_MS,
      jitter: RETRY_JITTER_MS,
      maxPeers: LIMITS.handshakesMax,
    });
    this.#swarm.on("connection", (stream, info) => {
      // Whether it is wanted again, once it has ended, is not for Hyperswarm to say.
      info.reconnect(false);
      found(stream);
    });
    this.#discovery = this.#swarm.join(Buffer.from(topic), BOTH);
  }

  async refresh(): Promise<boolean> {
    const { server } = this.#swarm;
    const answered = await this.#discovery.refresh(BOTH).then(
      (done) => done !== false,
      () => false,
    );
    // It notices by itself when nodes that know this peer go away, but not that all of them forgot it.
    if (answered) server.refresh();
    return answered;
  }

  connect(peer: PeerId): void {
    this.#swarm.joinPeer(Buffer.from(peer, "hex"));
  }

  spare(peer: PeerId): void {
    this.#swarm.leavePeer(Buffer.from(peer, "hex"));
  }

  async destroy(): Promise<void> {
    const destroyed = this.#swarm.destroy().catch(() => {});
    if (await this.#within(LEAVE_MS, destroyed)) return;
    // Without its sockets nothing can be waited for.
    const forced = this.#swarm.dht.destroy({ force: true }).catch(() => {});
    await this.#within(DESTROY_MS, Promise.all([destroyed, forced]));
  }

  /** @returns whether it came in time */
  #within(timeoutMs: number, awaited: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.timer(timeoutMs, () => resolve(false));
      void awaited.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}
