/**
 * The queue's service at several peers, over the fleet of `tests/groups`: virtual network, manual clock, storage in
 * memory. What a test loses, cuts or crashes, it says itself.
 */
import assert from "node:assert/strict";
import type { Group } from "../../src/groups/group.ts";
import type { GroupService } from "../../src/groups/group_service.ts";
import type { PublishBounds } from "../../src/queue/commands.ts";
import { QueueMachine } from "../../src/queue/machine.ts";
import type {
  ConsumeRequest,
  Delivery,
  PublishedItem,
  PublishItem,
  SettleResult,
} from "../../src/queue/queue.ts";
import { QUEUE_TIMEOUTS, type QueueReplica } from "../../src/queue/queue_edges.ts";
import { QueueService } from "../../src/queue/service.ts";
import { partitionOfLane } from "../../src/ring/partition_of.ts";
import { Fleet, type FleetOptions, type FleetPeer, type FleetTenant } from "../groups/fleet.ts";
import type { ManualClock } from "../manual_clock.ts";

export interface QueueFleetOptions extends Omit<FleetOptions, "groups" | "tenant"> {
  readonly partitions?: number;
  readonly bounds?: Partial<PublishBounds>;
}

const BOUNDS: PublishBounds = { messagesMax: 100_000, bytesMax: 100_000_000, dedupMax: 100_000 };
export const TOPIC = "work";

export class QueueFleet {
  readonly partitions: number;
  /** `level message`, of all peers. */
  readonly lines: string[] = [];
  readonly #bounds: PublishBounds;
  readonly #services = new Map<FleetPeer, QueueService>();
  #fleet: Fleet | null = null;

  private constructor(options: QueueFleetOptions) {
    this.partitions = options.partitions ?? 1;
    this.#bounds = { ...BOUNDS, ...options.bounds };
  }

  /** All peers are up, and the first one leads every partition. */
  static async led(options: QueueFleetOptions = {}): Promise<QueueFleet> {
    const queues = new QueueFleet(options);
    queues.#fleet = await Fleet.led({
      ...options,
      groups: Array.from({ length: queues.partitions }, (_, place) => place + 1),
      tenant: (peer, service, clock) => queues.#tenant(peer, service, clock),
    });
    return queues;
  }

  get fleet(): Fleet {
    assert.ok(this.#fleet !== null);
    return this.#fleet;
  }

  #tenant(peer: FleetPeer, groups: GroupService, clock: ManualClock): FleetTenant {
    const machines = new Map<number, QueueMachine>();
    const replicas = new Map<number, QueueReplica>();
    const queue = new QueueService({
      groups,
      clock,
      logger: { log: (level, message) => void this.lines.push(`${level} ${message}`) },
      self: peer.id,
      bootId: crypto.randomUUID(),
      partitions: this.partitions,
      bounds: this.#bounds,
      timeouts: QUEUE_TIMEOUTS,
      replicaOf: (group) => replicas.get(group) ?? null,
    });
    this.#services.set(peer, queue);
    return {
      machinesOf: (group, values) => {
        const machine = new QueueMachine(values);
        machines.set(group, machine);
        return [machine];
      },
      added: (group: Group) => {
        replicas.set(group.id, {
          queue: machines.get(group.id)!,
          values: group.values,
          remembers: (request) => group.machine.remembers(request),
        });
        queue.attach(group.id);
      },
    };
  }

  /** @param number of the peer, from 1 */
  peer(number: number): FleetPeer {
    return this.fleet.peers[number - 1]!;
  }

  /** The service at a peer, in its present run. */
  at(number: number): QueueService {
    return this.#services.get(this.peer(number))!;
  }

  groupOf(topic: string, lane = 0): number {
    return partitionOfLane(topic, lane, this.partitions);
  }

  /** Runs until this is settled. */
  settle<T>(work: Promise<T>, limitMs = 20_000): Promise<T> {
    return this.fleet.settle(work, limitMs);
  }

  /** Publishes texts through a peer. */
  publish(
    number: number,
    texts: readonly string[],
    each: Partial<PublishItem> = {},
    topic = TOPIC,
  ): Promise<readonly PublishedItem[]> {
    const items = texts.map((text) => item(text, each));
    return this.settle(this.at(number).publish({ topic, items, request: null }));
  }

  /** Consumes through a peer, which may take until something comes. */
  consume(number: number, asked: Partial<ConsumeRequest> = {}): Promise<readonly Delivery[]> {
    return this.at(number).consume(consumeRequest(asked));
  }

  /** @returns the texts that are there now, at most `max` */
  async taken(number: number, max = 10, topic = TOPIC): Promise<readonly string[]> {
    return textsOf(await this.settle(this.consume(number, { max, topic })));
  }

  acknowledge(
    number: number,
    deliveries: readonly Delivery[],
    topic = TOPIC,
  ): Promise<readonly SettleResult[]> {
    const names = deliveries.map(({ receipt }) => ({ id: null, receipt }));
    const work = this.at(number).acknowledge({ topic, deliveries: names, request: null });
    return this.settle(work);
  }

  /** Another peer leads this group from now on. */
  async lead(number: number, group = 1): Promise<void> {
    const to = this.peer(number);
    const leader = this.fleet.leader(group)!;
    await this.settle(leader.service.transferLeadership(group, to.id, 2_000));
    await this.fleet.until("it leads", () => this.fleet.leader(group) === to, 2_000);
  }

  /** Nobody met a bug, and all replicas that are up agree with themselves. */
  check(): void {
    this.fleet.check();
  }
}

export function item(text: string, each: Partial<PublishItem> = {}): PublishItem {
  const data = new TextEncoder().encode(JSON.stringify(text));
  return { id: null, key: null, data, priority: 0, delayMs: 0, ttlMs: null, ...each };
}

export function consumeRequest(asked: Partial<ConsumeRequest>): ConsumeRequest {
  return {
    topic: TOPIC,
    consumer: null,
    max: 1,
    waitMs: 0,
    visibilityMs: null,
    request: null,
    signal: null,
    ...asked,
  };
}

export function textsOf(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map(({ data }) => JSON.parse(new TextDecoder().decode(data)));
}

/** Work whose end a test looks at. */
export class Watched<T> {
  result: T | undefined;
  error: unknown;

  constructor(work: Promise<T>) {
    work.then((result) => void (this.result = result), (error) => void (this.error = error));
  }

  get pending(): boolean {
    return this.result === undefined && this.error === undefined;
  }
}
