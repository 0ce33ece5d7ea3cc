/**
 * What a peer's cache may stand in front of, as the cache sees it: the code for Redis is loaded only where it is used.
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { Random } from "../random.ts";
import type { MakeBacking } from "./backing.ts";
import type { FrontStats } from "./cache.ts";

export interface CacheFront {
  /** Each write is answered only when it is behind the cache. */
  readonly writesThrough: boolean;
  readonly makeBacking: MakeBacking;
  /** @throws {SkeinError} INVALID where the key has no place behind the cache */
  checkKey(key: string): void;
  stats(): FrontStats;
  close(): void;
}

export interface CacheFrontEdges {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How many partitions there are. */
  readonly partitions: number;
  /** Of the cluster that was formed; null while it is not known. */
  clusterId(): string | null;
}

export type MakeCacheFront = (edges: CacheFrontEdges) => CacheFront;
