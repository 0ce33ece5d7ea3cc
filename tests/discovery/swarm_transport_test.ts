/** The transport over streams of the swarm alone: the suite of all transports. */
import { formatAddress } from "../../src/codec/address.ts";
import type { SwarmDiscovery } from "../../src/discovery/swarm.ts";
import type { Identity } from "../../src/net/identity.ts";
import type { SecretStream } from "../../src/net/secret_stream.ts";
import { TcpTransport, type TcpTransportOptions } from "../../src/net/tcp_transport.ts";
import type { Transport } from "../../src/net/transport.ts";
import { SILENT } from "../../src/logger.ts";
import { Random } from "../../src/random.ts";
import { REAL_CLOCK, until } from "../net/real_time.ts";
import { type ClusterUnderTest, testTransport } from "../net/transport_conformance.ts";
import { CLUSTER_KEY, helloOf, identitiesInOrder } from "../net/transports.ts";
import { makeSwarm, openDht } from "./swarm_peer.ts";

/** A connection that was broken is asked for again after a second, and then with growing pauses. */
const RECONNECT_MS = 20_000;

/** A transport that remembers the streams it was handed, so that they can be broken. */
class BreakableTransport extends TcpTransport {
  readonly swarm: SwarmDiscovery;
  readonly #streams = new Set<SecretStream>();

  constructor(identity: Identity, name: string, bootstrap: string, expect: number) {
    const options: TcpTransportOptions = {
      identity,
      clusterKey: CLUSTER_KEY,
      listen: { host: "127.0.0.1", port: 0 },
      hello: helloOf(name),
      peers: [],
      clock: REAL_CLOCK,
      random: new Random(1),
      logger: SILENT,
      closed: () => this.swarm.close(),
    };
    super(options);
    this.swarm = makeSwarm(this, identity, bootstrap, expect);
  }

  override adopt(stream: SecretStream): void {
    this.#streams.add(stream);
    stream.on("close", () => this.#streams.delete(stream));
    super.adopt(stream);
  }

  sever(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}

async function createCluster(count: number): Promise<ClusterUnderTest> {
  const dht = await openDht();
  const bootstrap = formatAddress(dht.address);
  const transports = identitiesInOrder(count).map((identity, at) =>
    new BreakableTransport(identity, String(at), bootstrap, count)
  );
  return {
    transports,
    connect: () => transports.forEach(({ swarm }) => swarm.start()),
    until: (condition, what) => until(condition, what, RECONNECT_MS),
    sever: (one: Transport) => (one as BreakableTransport).sever(),
    async close() {
      await Promise.all(transports.map((transport) => transport.close()));
      await dht.close();
    },
  };
}

testTransport("swarm", createCluster);
