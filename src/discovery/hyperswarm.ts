/**
 * Hyperswarm, as far as we use it, on our own UDX. It is imported by those alone who have a swarm, when they need it:
 * loading it takes a third of a second.
 */
import "./no_udx_native.ts";
import { Buffer } from "node:buffer";
import type { Clock } from "../clock.ts";
import type { Address } from "../codec/address.ts";
import type { PeerId } from "../raft/entry.ts";
import { UDX } from "../udx/mod.ts";
import { BoundedSwarm } from "./bounded_swarm.ts";
import { GuardedDht, type GuardedDhtOptions, type SwarmStream } from "./guarded_dht.ts";
import type { Swarm } from "./swarm.ts";

export interface SwarmOptions extends GuardedDhtOptions {
  readonly keyPair: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  /** 32 bytes. */
  readonly topic: Uint8Array;
  /** Nodes of a DHT; null: the public one. */
  readonly bootstrap: readonly Address[] | null;
  /** There is a stream to somebody, whoever began it. There may be several to one peer. */
  readonly found: (stream: SwarmStream) => void;
  /** Whether there is a connection to this peer, so that nobody need look for a way to it. */
  readonly isConnected: (peer: PeerId) => boolean;
}

const BOTH = { client: true, server: true } as const;
/** Any free port: without this it would take the DHT's own where that is free. */
const ANY_PORT = [0, 0];
/** After which pauses a peer that was found is tried again, and how far they vary. */
const RETRY_PAUSES_MS = [500, 1_000, 2_000, 5_000];
const RETRY_JITTER_MS = 200;
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

class TopicSwarm implements Swarm {
  readonly #dht: GuardedDht;
  readonly #swarm: BoundedSwarm;
  readonly #discovery: ReturnType<BoundedSwarm["join"]>;
  readonly #clock: Clock;

  constructor({ keyPair, topic, bootstrap, isConnected, ...guards }: SwarmOptions) {
    this.#clock = guards.clock;
    this.#dht = new GuardedDht(guards, {
      udx: new UDX(),
      port: ANY_PORT,
      // The connections on its streams see for themselves whether the other side is there.
      connectionKeepAlive: false,
      ...bootstrap === null ? {} : { bootstrap },
    });
    this.#swarm = new BoundedSwarm(isConnected, {
      dht: this.#dht,
      keyPair: {
        publicKey: Buffer.from(keyPair.publicKey),
        secretKey: Buffer.from(keyPair.secretKey),
      },
      backoffs: RETRY_PAUSES_MS,
      jitter: RETRY_JITTER_MS,
    });
    this.#swarm.on("connection", (stream, info) => {
      // Whether it is wanted again, once it has ended, is not for Hyperswarm to say.
      info.reconnect(false);
      guards.found(stream);
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
    const forced = this.#dht.destroy({ force: true }).catch(() => {});
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
