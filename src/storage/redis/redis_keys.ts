/**
 * The keys of one peer's state: `skein:{<cluster>:<peer>}:…`. What stands in braces is a hash tag, so in a Redis Cluster
 * all of them are in one slot, and one script may touch several.
 */
import { createHash } from "node:crypto";

export interface RedisKeys {
  /** Hash: format, fence, number of the last batch, and marks. */
  readonly state: string;
  /** Who has the state open; it expires. */
  readonly owner: string;
  /** Set: the names of all files. */
  readonly names: string;
  /** Files have keys that begin with this and a slash. */
  readonly files: string;
  /** What to remove for good: a pattern of all of them. */
  readonly pattern: string;
}

const CLUSTER_DIGITS = 16;

/** @param clusterKey null: the peer is alone, and has none */
export function redisKeys(clusterKey: string | null, peer: string): RedisKeys {
  const digest = createHash("sha256").update(`skein redis ${clusterKey ?? ""}`).digest("hex");
  const tag = `skein:{${digest.slice(0, CLUSTER_DIGITS)}:${peer}}`;
  return {
    state: `${tag}:state`,
    owner: `${tag}:owner`,
    names: `${tag}:names`,
    files: `${tag}:files`,
    pattern: `${tag}:*`,
  };
}
