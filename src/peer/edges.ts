/**
 * Everything of the world that a peer's logic is handed: storage, network, time, chance, and what its
 * configuration says. The real ones are built by `start_peer.ts`; the simulator builds its own.
 */
import type { MakeCacheFront } from "../cache/cache_front.ts";
import type { TableBounds } from "../cache/line_table.ts";
import type { Clock } from "../clock.ts";
import type { EventBounds } from "../events/event_edges.ts";
import type { Timing } from "../groups/host.ts";
import type { Logger } from "../logger.ts";
import type { ClusterParameters, Signer } from "../members/plan.ts";
import type { Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { PublishBounds } from "../queue/commands.ts";
import type { Random } from "../random.ts";
import type { Storage } from "../storage/storage.ts";
import type { TransportStatistics } from "./peer.ts";

/** A store that was opened, with what it held. Its identity is this peer's. */
export interface OpenedStorage {
  readonly storage: Storage;
  readonly recovered: Awaited<ReturnType<Storage["open"]>>;
}

export interface PeerEdges {
  readonly self: PeerId;
  readonly signer: Signer;
  readonly name: string;
  readonly version: string;
  readonly zone: string;
  readonly httpUrl: string;
  /** Where others dial this peer: host:port. */
  readonly addresses: readonly string[];
  /** How many empty peers form a cluster; 0: this one only joins. May be corrected later. */
  readonly expect: number;
  readonly parameters: ClusterParameters;
  readonly timing: Timing;
  readonly deadPeerGraceMs: number;
  /** What a topic of the queue may hold, where this peer publishes to it. */
  readonly queueBounds: PublishBounds;
  /** How many ids the event log remembers, and what retention takes away where this peer leads. */
  readonly eventBounds: EventBounds;
  /** Of this peer's lines of the cache, and how often they are written back. */
  readonly cacheBounds: TableBounds;
  readonly cacheFlushIntervalMs: number;
  /** What the cache stands in front of; absent: its own replicated state. */
  readonly makeCacheFront?: MakeCacheFront;
  /** That in words, for the other peers; absent: nothing. */
  readonly cacheFront?: string;
  /** Opens the peer's store anew, as at start. Rejects as `Storage.open` does. */
  readonly reopen: () => Promise<OpenedStorage>;
  readonly transport: Transport;
  readonly transportStatistics: () => TransportStatistics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** A new boot id: unlike any other, ever. */
  readonly makeBootId: () => string;
  /** 16 random bytes in hex. */
  readonly makeClusterId: () => string;
  /** The peer begins to stop: nothing need be found any more. */
  readonly stopping: () => void;
  /** A bug, or damage that nothing can mend: the peer has stopped, and its process should. */
  readonly fatal: (error: unknown) => void;
}
