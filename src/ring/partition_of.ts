/**
 * Which partition a thing belongs to, for ever: the number of partitions is fixed when the cluster is formed. The
 * hash of this text, modulo P, plus 1; the kind is part of it, so that names of different kinds do not lie together:
 *
 * | what           | text               |
 * | -------------- | ------------------ |
 * | queue topic    | `queue:TOPIC`      |
 * | cache key      | `cache:KEY`        |
 * | event topic    | `events:TOPIC`     |
 *
 * A queue topic's lane 0 lies in the topic's partition, lane 1 in the next one, and so on round: no two lanes
 * share a partition while there are as many of these.
 */
import { murmur3 } from "./murmur3.ts";

/** What lies in partitions and has a name. */
export const PARTITIONED_KINDS = ["queue", "cache", "events"] as const;
export type PartitionedKind = typeof PARTITIONED_KINDS[number];

/**
 * @param name the queue's or the events' topic, or the cache's key
 * @param partitions P
 * @returns 1 .. P
 */
export function partitionOf(kind: PartitionedKind, name: string, partitions: number): number {
  return murmur3(`${kind}:${name}`) % partitions + 1;
}

/**
 * @param lane the lane's number, from 0
 * @returns 1 .. P
 */
export function partitionOfLane(topic: string, lane: number, partitions: number): number {
  return (partitionOf("queue", topic, partitions) - 1 + lane) % partitions + 1;
}
