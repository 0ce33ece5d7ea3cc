/**
 * A peer's swarm, where its configuration asks for one: joins what is found in the DHT with the transport, which takes
 * the streams, and with what the peer knows of its cluster. The code of the swarm is loaded only where it is used.
 */
import type { Clock } from "../clock.ts";
import { formatAddress } from "../codec/address.ts";
import type { Config } from "../config/mod.ts";
import { type Swarm, SwarmDiscovery } from "../discovery/swarm.ts";
import type { Logger } from "../logger.ts";
import type { Identity } from "../net/identity.ts";
import type { SecretStream } from "../net/secret_stream.ts";
import { gateSwarmStream } from "../net/swarm_line.ts";
import type { TcpTransport } from "../net/tcp_transport.ts";
import { deriveTopic } from "../net/topic.ts";
import type { PeerId } from "../raft/entry.ts";

/** A DHT of one's own that was restarted has forgotten everybody; the public one lasts, and is not to be troubled. */
const STEADY_MS = { own: 15_000, public: 300_000 };

export interface PeerSwarmOptions {
  readonly config: Config;
  readonly identity: Identity;
  /** 16 to 256 bytes. */
  readonly clusterKey: Uint8Array;
  readonly transport: TcpTransport;
  /** The members of the cluster; null while this peer knows of none. */
  readonly members: () => readonly PeerId[] | null;
  /** How many empty peers form a cluster. */
  readonly expected: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @returns null where the configuration asks for none; else what has not begun yet */
export function makePeerSwarm(options: PeerSwarmOptions): SwarmDiscovery | null {
  const { config: { swarm }, identity, clusterKey, transport, clock, logger } = options;
  if (swarm === null) return null;
  const { bootstrap } = swarm;
  const topic = deriveTopic(clusterKey);
  const others = () => options.members()?.filter((id) => id !== identity.id) ?? null;
  const open = async (): Promise<Swarm> => {
    const { openSwarm } = await import("../discovery/hyperswarm.ts");
    return await openSwarm({
      keyPair: identity,
      topic,
      bootstrap,
      gate: gateSwarmStream,
      // The same class, which neither side has types of.
      found: (stream) => transport.adopt(stream as unknown as SecretStream),
      isConnected: (peer) => transport.wayTo(peer) !== null,
      clock,
    });
  };
  return new SwarmDiscovery({
    open,
    firstNodes: bootstrap?.map(formatAddress).join(", ") ?? "the public ones",
    steadyMs: bootstrap === null ? STEADY_MS.public : STEADY_MS.own,
    connected: () => transport.peers().map(({ id }) => id),
    wayTo: (peer) => transport.wayTo(peer),
    members: () => others() ?? [],
    isComplete() {
      const known = others();
      if (known !== null) return known.every((peer) => transport.wayTo(peer) !== null);
      const expected = options.expected();
      return expected > 0 && transport.peers().length + 1 >= expected;
    },
    clock,
    logger,
  });
}
