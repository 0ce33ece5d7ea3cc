/**
 * What a Redis server says of itself, and what that means for a cache in front of it: whether it can be used at all, and
 * what could be lost there or go unnoticed. Pure.
 */
import {
  durability,
  infoFields,
  judgeServer,
  type ServerFacts,
  type ServerVerdict,
} from "../../storage/redis/server_checks.ts";

export function judgeFront(facts: ServerFacts): ServerVerdict {
  const { refusal } = judgeServer(facts);
  if (refusal !== null) return { refusal, warnings: [] };
  if (infoFields(facts.info).get("cluster_enabled") === "1") {
    const what = "is a node of a Redis Cluster, where the keys that one write touches are on " +
      "several nodes: the cache needs a single primary, with sentinels or without";
    return { refusal: what, warnings: [] };
  }
  const { settings } = facts;
  if (settings === null) return { refusal: null, warnings: [] };
  const lost = durability(settings).map((warning) => {
    return `a durable write of the cache is as durable as the Redis behind it: ${warning}`;
  });
  return { refusal: null, warnings: [...lost, ...eviction(settings)] };
}

function eviction(settings: ReadonlyMap<string, string>): string[] {
  const policy = settings.get("maxmemory-policy") ?? "noeviction";
  const isBounded = (settings.get("maxmemory") ?? "0") !== "0";
  if (!isBounded || policy === "noeviction") return [];
  return [
    `the Redis behind the cache throws keys away when its memory is full (maxmemory-policy ${policy}): ` +
    "durable writes may be among them, and the keys by which a late write of a former home is refused",
  ];
}
