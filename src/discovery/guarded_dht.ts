/**
 * HyperDHT as it can be used among strangers: a gate below the encryption of every stream, an end to every attempt, a
 * bound to the handshakes that are under way, and nothing in what a stranger says that ends the process or leads us on
 * to others. Which of several streams to one peer stays is not decided here, nor by Hyperswarm, but by whoever they are
 * handed to, once they have proven the cluster key: a handshake that somebody repeats would else end a good stream.
 */
import "./no_udx_native.ts";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import HyperDHT from "hyperdht";
import type { Clock } from "../clock.ts";
import { LIMITS } from "../limits.ts";
import type { UDXStream } from "../udx/mod.ts";

/** An encrypted stream to a peer of the topic, over what a gate made of its raw stream. */
export interface SwarmStream {
  readonly isInitiator: boolean;
  readonly remotePublicKey: Uint8Array;
  destroy(): void;
}

export interface GuardedDhtOptions {
  /** Puts something between a raw stream and the encryption on it. */
  readonly gate: (stream: UDXStream) => object;
  /** Somebody opened a stream to us. */
  readonly found: (stream: SwarmStream) => void;
  readonly clock: Clock;
}

export type Options = Readonly<Record<string, unknown>>;

interface SecretStream extends SwarmStream {
  start(rawStream: unknown, options?: Options): void;
  on(event: "open" | "close", listener: () => void): void;
}

/** The Noise handshake through the DHT, and what the other side says of itself in it. */
interface Handshake {
  recv(bytes: Uint8Array): Options;
}

type MakeHandshake = (keyPair: unknown, remotePublicKey: Uint8Array | null) => Handshake;

interface Server {
  createHandshake: MakeHandshake;
}

interface Dht {
  createServer(options: Options, connected: (stream: SecretStream) => void): Server;
  connect(key: Uint8Array, options: Options): SecretStream;
  createRawStream(options: Options): UDXStream;
  destroy(options?: { readonly force: boolean }): Promise<void>;
}

const DhtClass = HyperDHT as unknown as new (options: Options) => Dht;
const SecretStreamClass = NoiseSecretStream as unknown as new (
  isInitiator: boolean,
  rawStream: unknown,
  options: Options,
) => SecretStream;

/** Through the most difficult of routers it takes some seconds; who means ill would take any time. */
const ATTEMPT_MS = 20_000;

export class GuardedDht extends DhtClass {
  readonly #clock: Clock;
  readonly #found: GuardedDhtOptions["found"];
  readonly #createSecretStream: unknown;
  #createHandshake: MakeHandshake | null = null;
  /** Streams that others want to open and that lead nowhere yet, oldest first. */
  readonly #asked = new Set<UDXStream>();
  #isAsking = false;

  constructor({ gate, found, clock }: GuardedDhtOptions, options: Options) {
    super(options);
    this.#clock = clock;
    this.#found = found;
    class GatedSecretStream extends SecretStreamClass {
      override start(rawStream: unknown, options?: Options): void {
        super.start(gate(rawStream as UDXStream), options);
      }
    }
    this.#createSecretStream = (isInitiator: boolean, rawStream: unknown, options: Options) =>
      new GatedSecretStream(isInitiator, rawStream, { ...options, filterZeroByteMessages: true });
  }

  /** Hyperswarm makes one, at its beginning. */
  override createServer(options: Options): Server {
    const createSecretStream = this.#createSecretStream;
    const server = super.createServer({ ...options, createSecretStream }, this.#found);
    const { createHandshake } = server;
    this.#createHandshake = (...ends) => guardHandshake(createHandshake(...ends));
    server.createHandshake = this.#createHandshake;
    return server;
  }

  override connect(key: Uint8Array, options: Options): SecretStream {
    const createSecretStream = this.#createSecretStream;
    const createHandshake = this.#createHandshake;
    this.#isAsking = true;
    const stream = super.connect(key, { ...options, createSecretStream, createHandshake });
    this.#isAsking = false;
    const patience = this.#clock.timer(ATTEMPT_MS, () => stream.destroy());
    stream.on("open", () => patience.cancel());
    stream.on("close", () => patience.cancel());
    return stream;
  }

  override createRawStream(options: Options): UDXStream {
    const stream = super.createRawStream(options);
    const connect = stream.connect.bind(stream);
    stream.connect = (...address) => {
      try {
        connect(...address);
      } catch {
        // The other side names the address, and it may be none. Nobody above would catch that.
        stream.destroy();
      }
    };
    if (!this.#isAsking) this.#bound(stream);
    return stream;
  }

  /** As in `net/entrance.ts` the newest displaces the oldest, so that a flood does not keep others out for long. */
  #bound(stream: UDXStream): void {
    if (this.#asked.size >= LIMITS.handshakesMax) {
      const [oldest] = this.#asked;
      this.#asked.delete(oldest!);
      oldest!.destroy();
    }
    this.#asked.add(stream);
    stream.on("connect", () => this.#asked.delete(stream));
    stream.on("close", () => this.#asked.delete(stream));
  }
}

function guardHandshake(handshake: Handshake): Handshake {
  const receive = handshake.recv.bind(handshake);
  handshake.recv = (bytes) => {
    try {
      // No relay is used, nor does anybody lead us to one: what is said to a relay passes no gate.
      return { ...receive(bytes), relayThrough: null };
    } catch (error) {
      // Errors of some classes Hyperswarm takes for bugs, and throws where nobody can catch them.
      throw new Error("what came is no handshake", { cause: error });
    }
  };
  return handshake;
}
