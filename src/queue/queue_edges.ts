/**
 * What the queue's service is handed: the groups, this peer's own replicas of partitions, time, and what the peer was
 * configured with. All parts of the service take it.
 */
import type { Clock } from "../clock.ts";
import type { Groups, RequestKey } from "../groups/groups.ts";
import type { ValueReader } from "../groups/values.ts";
import type { Logger } from "../logger.ts";
import type { PeerId } from "../raft/entry.ts";
import { partitionOfLane } from "../ring/partition_of.ts";
import type { PublishBounds, QueueCommand } from "./commands.ts";
import { encodeQueueCommand } from "./commands.ts";
import { QUEUE_MACHINE, type QueueMachine } from "./machine.ts";

/** A partition's replica at this peer. */
export interface QueueReplica {
  readonly queue: QueueMachine;
  readonly values: ValueReader;
  /** Whether a request of this id was executed, as far as this replica has applied. */
  remembers(request: RequestKey): boolean;
}

export interface QueueTimeouts {
  /** How long a command may take until it is committed, and a read until it is answered. */
  readonly proposeMs: number;
  readonly readMs: number;
  /** How long a consumer waits at one leader before it asks again: bounds what a leader that is lost unseen costs. */
  readonly roundMs: number;
  /** How much later than its wait a consumer's answer may come. */
  readonly answerMarginMs: number;
  /** How long handing back is tried. Nobody waits for it, and what is not handed back comes back by itself. */
  readonly handBackMs: number;
  /** How long the same may hold up a peer that is about to stop. */
  readonly takeBackMs: number;
}

export const QUEUE_TIMEOUTS: QueueTimeouts = {
  proposeMs: 10_000,
  readMs: 10_000,
  roundMs: 10_000,
  answerMarginMs: 5_000,
  handBackMs: 10_000,
  takeBackMs: 500,
};

export interface QueueEdges {
  readonly groups: Groups;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This peer, and this run of it. */
  readonly self: PeerId;
  readonly bootId: string;
  /** How many there are, for ever. */
  readonly partitions: number;
  /** Of one topic. */
  readonly bounds: PublishBounds;
  readonly timeouts: QueueTimeouts;
  /** Null where this peer has no replica of the group. */
  replicaOf(group: number): QueueReplica | null;
}

/** The group in which this lane lies. */
export function groupOf({ partitions }: QueueEdges, topic: string, lane: number): number {
  return partitionOfLane(topic, lane, partitions);
}

/** @throws {SkeinError} by rejection: what `Groups.propose` throws, and what the machine refuses with */
export function proposeCommand(
  { groups, timeouts }: QueueEdges,
  group: number,
  command: QueueCommand,
  request: RequestKey | null,
  timeoutMs: number = timeouts.proposeMs,
): Promise<unknown> {
  return groups.propose(group, QUEUE_MACHINE, encodeQueueCommand(command), { timeoutMs, request });
}
