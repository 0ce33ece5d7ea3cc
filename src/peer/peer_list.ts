/**
 * The list of peers that an operator wrote (`--peers`): has it looked up, dialled, and compared with who
 * answered, and keeps N, the number of empty peers that form a cluster, up to date while it matters. An
 * entry may turn out to lead to this peer itself, or to one that another entry names too.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Config } from "../config/mod.ts";
import { formatAddress } from "../codec/address.ts";
import { identifyEntry } from "../discovery/entry_identity.ts";
import { askEndpoint, lookUpAll } from "../discovery/lookups.ts";
import { StaticDiscovery } from "../discovery/static.ts";
import type { Logger } from "../logger.ts";
import { deriveExpect, type Expected, type PeerEntry } from "../members/expect.ts";
import type { TcpTransport } from "../net/tcp_transport.ts";

const LOOK_INTERVAL_MS = 100;

export interface PeerListOptions {
  readonly config: Config;
  readonly transport: TcpTransport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly expectChanged: (expected: Expected) => void;
  /** Whether N does not matter any more, because this peer belongs to a cluster. */
  readonly settled: () => boolean;
}

export class PeerList {
  readonly #options: PeerListOptions;
  readonly #discovery: StaticDiscovery;
  #timer: Timer | null = null;
  #stopped = false;
  #told: number;

  constructor(options: PeerListOptions) {
    this.#options = options;
    const { config, transport, clock, logger } = options;
    this.#discovery = new StaticDiscovery({
      entries: config.peers,
      lookUp: lookUpAll,
      ask: (url) => askEndpoint(url, config.token, clock),
      clock,
      logger,
      changed: (addresses) => {
        transport.discovered(addresses);
        this.#look();
      },
    });
    this.#told = this.expected.count;
  }

  get expected(): Expected {
    const { config, transport } = this.#options;
    return deriveExpect(transport.self, {
      expect: config.expect,
      peers: this.#entries(),
      swarm: config.swarm !== null,
    });
  }

  #entries(): PeerEntry[] {
    const { config, transport } = this.#options;
    const { listen, advertise } = config;
    const own = [listen, { host: advertise?.host ?? listen.host, port: listen.port }];
    const selfAddresses = own.map(formatAddress);
    return this.#discovery.entries().map((entry) => {
      const identity = identifyEntry(entry, {
        self: transport.self,
        selfAddresses,
        isOwnAddress: (address) => transport.ownAddresses.has(address),
        peerAt: (address) => transport.peerAt(address),
      });
      const { written, addressCount } = entry;
      return { written, addressCount, ownAddress: identity === transport.self, identity };
    });
  }

  /** Begins to look up and to dial. The transport has started. */
  start(): void {
    if (this.#stopped) return;
    this.#discovery.start();
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.#options.clock.timer(LOOK_INTERVAL_MS, () => {
      if (this.#options.settled()) return;
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    if (this.#options.settled()) return;
    const { expected } = this;
    if (expected.count === this.#told) return;
    this.#told = expected.count;
    this.#options.expectChanged(expected);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#discovery.close();
  }
}
