/** Transports that meet over a DHT of the test's own, each with a real swarm of its own. */
import { openDht as openOwnDht, type OwnDht } from "../../src/discovery/dht.ts";
import type { SwarmDiscovery } from "../../src/discovery/swarm.ts";
import { createIdentity, type Identity } from "../../src/net/identity.ts";
import { SILENT } from "../../src/logger.ts";
import type { TcpTransport } from "../../src/net/tcp_transport.ts";
import { makePeerSwarm } from "../../src/peer/peer_swarm.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { REAL_CLOCK } from "../net/real_time.ts";
import {
  addressOf,
  CLUSTER_KEY,
  helloOf,
  newTransport,
  RecordingHandlers,
} from "../net/transports.ts";

export const NOWHERE = "127.0.0.9:1";

export function openDht(port = 0): Promise<OwnDht> {
  return openOwnDht({ listen: { host: "127.0.0.1", port }, host: "127.0.0.1" });
}

export interface SwarmPeerOptions {
  readonly bootstrap: string;
  readonly identity?: Identity;
  /** What others are to prove; the topic is made of the usual key whatever this is. */
  readonly clusterKey?: Uint8Array;
  /** How many peers must be connected. */
  readonly expect: number;
  /** Whether it tells where it can be dialled. */
  readonly tellsAddress?: boolean;
}

/** The swarm of a transport, under the topic of the usual key. @param expect how many peers must be connected */
export function makeSwarm(
  transport: TcpTransport,
  identity: Identity,
  bootstrap: string,
  expect: number,
): SwarmDiscovery {
  return makePeerSwarm({
    config: loadConfig({
      flags: { swarm: "true", "swarm-bootstrap": bootstrap, "cluster-key": "of sixteen bytes" },
      environment: {},
      readFile: () => "",
      hostName: "here",
      terminal: false,
    }),
    identity,
    clusterKey: CLUSTER_KEY,
    transport,
    members: () => null,
    expected: () => expect,
    clock: REAL_CLOCK,
    logger: SILENT,
  })!;
}

export class SwarmPeer implements AsyncDisposable {
  readonly transport: TcpTransport;
  readonly handlers = new RecordingHandlers();
  readonly #swarm: SwarmDiscovery;

  private constructor({ bootstrap, identity = createIdentity(), ...options }: SwarmPeerOptions) {
    this.transport = newTransport({
      identity,
      ...options.clusterKey === undefined ? {} : { clusterKey: options.clusterKey },
      closed: () => this.#swarm.close(),
    });
    this.#swarm = makeSwarm(this.transport, identity, bootstrap, options.expect);
  }

  static async start(options: SwarmPeerOptions): Promise<SwarmPeer> {
    const peer = new SwarmPeer(options);
    await peer.transport.start(peer.handlers);
    peer.tell(options.tellsAddress === true ? peer.address : NOWHERE);
    peer.#swarm.start();
    return peer;
  }

  get id(): string {
    return this.transport.self;
  }

  /** Where it listens for TCP. */
  get address(): string {
    return addressOf(this.transport);
  }

  /** Has it tell others to dial this address. */
  tell(address: string): void {
    this.transport.announce(helloOf(this.id.slice(0, 6), { addresses: [address] }));
  }

  /** The ways to all others that are connected, in order. */
  ways(): string[] {
    return this.transport.statistics().links.map(({ way }) => way).sort();
  }

  echo(other: SwarmPeer, body: unknown): Promise<unknown> {
    return this.transport.request(other.id, "echo", body, 5_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
  }
}
