/**
 * What a peer's cache stands in front of, as its configuration says. The code for Redis is loaded only where it is used.
 */
import type { Config } from "../config/mod.ts";
import type { PeerEdges } from "./edges.ts";

type FrontConfig = Pick<Config, "cacheRedis">;

export async function cacheFrontOf(
  { cacheRedis }: FrontConfig,
): Promise<Pick<PeerEdges, "makeCacheFront" | "cacheFront">> {
  if (cacheRedis === null) return {};
  const { redisFront } = await import("../cache/redis/redis_front.ts");
  return { makeCacheFront: redisFront(cacheRedis), cacheFront: cacheFrontInWords({ cacheRedis }) };
}

/**
 * What has to be alike at every peer. Not the address: one server may have several, and different users.
 * @returns "" where the cache stands in front of nothing
 */
export function cacheFrontInWords({ cacheRedis }: FrontConfig): string {
  if (cacheRedis === null) return "";
  const { prefix, write, address: { database } } = cacheRedis;
  return `a Redis (prefix "${prefix}", database ${database}, write ${write})`;
}
