/**
 * What the service of events is handed: the groups, this peer's own replicas of partitions, time, and what the peer was
 * configured with. All parts of the service take it.
 */
import type { Clock } from "../clock.ts";
import type { Groups, RequestKey } from "../groups/groups.ts";
import type { ValueReader } from "../groups/values.ts";
import type { Logger } from "../logger.ts";
import { partitionOf } from "../ring/partition_of.ts";
import { encodeEventCommand, type EventCommand, type Retention } from "./commands.ts";
import { EVENTS_MACHINE, type EventsMachine } from "./machine.ts";

/** A partition's replica at this peer. */
export interface EventReplica {
  readonly events: EventsMachine;
  readonly values: ValueReader;
}

export interface EventTimeouts {
  /** How long a command may take until it is committed, and a read until it is answered. */
  readonly proposeMs: number;
  readonly readMs: number;
  /** How long who waits for new events waits at one peer, before it makes sure that this one is still connected. */
  readonly roundMs: number;
  /** How often partitions that this peer leads are looked through for what retention takes away. */
  readonly retentionMs: number;
}

export const EVENT_TIMEOUTS: EventTimeouts = {
  proposeMs: 10_000,
  readMs: 10_000,
  roundMs: 10_000,
  retentionMs: 10_000,
};

/** What the peer was configured with. */
export interface EventBounds {
  /** Ids that one partition remembers. */
  readonly identitiesMax: number;
  readonly retention: Retention;
}

export interface EventEdges {
  readonly groups: Groups;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many there are, for ever. */
  readonly partitions: number;
  readonly bounds: EventBounds;
  readonly timeouts: EventTimeouts;
  /** Null where this peer has no replica of the group. */
  replicaOf(group: number): EventReplica | null;
}

/** The group in which this topic lies. */
export function groupOfTopic({ partitions }: EventEdges, topic: string): number {
  return partitionOf("events", topic, partitions);
}

/** @throws {SkeinError} by rejection: what `Groups.propose` throws, and what the machine refuses with */
export function proposeEvents(
  { groups, timeouts: { proposeMs: timeoutMs } }: EventEdges,
  group: number,
  command: EventCommand,
  request: RequestKey | null,
): Promise<unknown> {
  return groups.propose(group, EVENTS_MACHINE, encodeEventCommand(command), { timeoutMs, request });
}
