/**
 * What a peer's cache stands in front of, as its configuration says. The code for Redis is loaded only where it is used.
 */
import type { Config } from "../config/mod.ts";
import type { PeerEdges } from "./edges.ts";

export async function cacheFrontOf(
  { cacheRedis }: Pick<Config, "cacheRedis">,
): Promise<Pick<PeerEdges, "makeCacheFront">> {
  if (cacheRedis === null) return {};
  const { redisFront } = await import("../cache/redis/redis_front.ts");
  return { makeCacheFront: redisFront(cacheRedis) };
}
