/**
 * Which partition a thing belongs to, for ever: the number of partitions is fixed when the cluster is formed.
 * The hash of this text, modulo P, plus 1:
 *
 * | what           | text               |
 * | -------------- | ------------------ |
 * | queue topic    | `queue:TOPIC`      |
 * | one lane of it | `lane:LANE:TOPIC`  |
 * | cache key      | `cache:KEY`        |
 * | event topic    | `events:TOPIC`     |
 *
 * The kind is part of the text, so that a queue and a topic of events that share a name do not share a partition.
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
  return partitionOfText(`${kind}:${name}`, partitions);
}

/**
 * @param lane the lane's number
 * @returns 1 .. P
 */
export function partitionOfLane(topic: string, lane: number, partitions: number): number {
  return partitionOfText(`lane:${lane}:${topic}`, partitions);
}

function partitionOfText(text: string, partitions: number): number {
  return murmur3(text) % partitions + 1;
}
