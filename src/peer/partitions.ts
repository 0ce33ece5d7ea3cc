/**
 * What runs on the partitions at this peer: the machines of the queue, the cache and the events in each replica that
 * is here. The services over them are one for all partitions, those without a replica here included: what a service
 * needs of a machine it asks the partition's leader for.
 */
import type { CacheReplica } from "../cache/cache_edges.ts";
import { CacheMachine } from "../cache/machine.ts";
import type { EventReplica } from "../events/event_edges.ts";
import { EventsMachine } from "../events/machine.ts";
import type { Group } from "../groups/group.ts";
import { GroupMachine } from "../groups/group_machine.ts";
import type { Values } from "../groups/values.ts";
import type { RequestKey } from "../groups/groups.ts";
import { QueueMachine } from "../queue/machine.ts";
import type { QueueReplica } from "../queue/queue_edges.ts";

/** A partition's replica at this peer, as services see it. */
export interface PartitionReplica extends QueueReplica, CacheReplica, EventReplica {
  readonly group: Group;
}

type PartitionMachines = Pick<PartitionReplica, "queue" | "cache" | "events">;

export class Partitions {
  readonly #machines = new Map<number, PartitionMachines>();
  readonly #replicas = new Map<number, PartitionReplica>();

  /** Builds the empty state machine of a partition. */
  machineOf(partition: number, values: Values): GroupMachine {
    const queue = new QueueMachine(values);
    const cache = new CacheMachine(values);
    const events = new EventsMachine(values);
    this.#machines.set(partition, { queue, cache, events });
    return new GroupMachine(partition, [queue, cache, events]);
  }

  /** A replica came to be at this peer, perhaps in the place of an older one. Nothing was applied to it yet. */
  added(group: Group): void {
    const machines = this.#machines.get(group.id);
    if (machines === undefined) return;
    const { values, machine } = group;
    const remembers = (request: RequestKey) => machine.remembers(request);
    this.#replicas.set(group.id, { group, ...machines, values, remembers });
  }

  /** The replica at this peer was removed for good. */
  removed(partition: number): void {
    this.#machines.delete(partition);
    this.#replicas.delete(partition);
  }

  /** @returns undefined where this peer has none */
  replica(partition: number): PartitionReplica | undefined {
    return this.#replicas.get(partition);
  }
}
