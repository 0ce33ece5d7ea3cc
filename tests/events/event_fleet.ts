/**
 * The service of events at several peers, over the fleet of `tests/groups`: virtual network, manual clock, storage in
 * memory. What a test loses, cuts or crashes, it says itself.
 */
import assert from "node:assert/strict";
import type { Retention } from "../../src/events/commands.ts";
import { EVENT_TIMEOUTS, type EventReplica } from "../../src/events/event_edges.ts";
import type {
  EventItem,
  PublishedEvent,
  PublishEventsRequest,
  StoredEvent,
} from "../../src/events/events.ts";
import { EventsMachine } from "../../src/events/machine.ts";
import { EventService } from "../../src/events/service.ts";
import type { Group } from "../../src/groups/group.ts";
import type { GroupService } from "../../src/groups/group_service.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { Fleet, type FleetOptions, type FleetPeer, type FleetTenant } from "../groups/fleet.ts";
import type { ManualClock } from "../manual_clock.ts";

export interface EventFleetOptions extends Omit<FleetOptions, "groups" | "tenant"> {
  readonly partitions?: number;
  readonly identitiesMax?: number;
  readonly retention?: Partial<Retention>;
}

export const TOPIC = "orders";
const KEEP_ALL: Retention = { ageMs: null, count: null, bytes: null, forgetAfterMs: null };
const FRESH = { stale: false };
const encoder = new TextEncoder();

export class EventFleet {
  readonly partitions: number;
  /** `level message`, of all peers. */
  readonly lines: string[] = [];
  readonly #options: EventFleetOptions;
  readonly #services = new Map<FleetPeer, EventService>();
  readonly #replicas = new Map<FleetPeer, Map<number, EventReplica>>();
  #fleet: Fleet | null = null;

  private constructor(options: EventFleetOptions) {
    this.partitions = options.partitions ?? 1;
    this.#options = options;
  }

  /** All peers are up, and the first one leads every partition. */
  static async led(options: EventFleetOptions = {}): Promise<EventFleet> {
    const events = new EventFleet(options);
    events.#fleet = await Fleet.led({
      ...options,
      groups: Array.from({ length: events.partitions }, (_, place) => place + 1),
      tenant: (peer, service, clock) => events.#tenant(peer, service, clock),
    });
    return events;
  }

  get fleet(): Fleet {
    assert.ok(this.#fleet !== null);
    return this.#fleet;
  }

  #tenant(peer: FleetPeer, groups: GroupService, clock: ManualClock): FleetTenant {
    const machines = new Map<number, EventsMachine>();
    const replicas = new Map<number, EventReplica>();
    const { identitiesMax = 1_000_000, retention } = this.#options;
    const events = new EventService({
      groups,
      clock,
      logger: { log: (level, message) => void this.lines.push(`${level} ${message}`) },
      partitions: this.partitions,
      bounds: { identitiesMax, retention: { ...KEEP_ALL, ...retention } },
      timeouts: EVENT_TIMEOUTS,
      replicaOf: (group) => replicas.get(group) ?? null,
    });
    this.#services.set(peer, events);
    this.#replicas.set(peer, replicas);
    return {
      machinesOf: (group, values) => {
        const machine = new EventsMachine(values);
        machines.set(group, machine);
        return [machine];
      },
      added: (group: Group) => {
        replicas.set(group.id, { events: machines.get(group.id)!, values: group.values });
        events.attach(group.id);
      },
    };
  }

  /** @param number of the peer, from 1 */
  peer(number: number): FleetPeer {
    return this.fleet.peers[number - 1]!;
  }

  /** The service at a peer, in its present run. */
  at(number: number): EventService {
    return this.#services.get(this.peer(number))!;
  }

  /** The peer's own replica. */
  replica(number: number, group = 1): EventReplica {
    return this.#replicas.get(this.peer(number))!.get(group)!;
  }

  groupOf(topic: string): number {
    return partitionOf("events", topic, this.partitions);
  }

  /** Runs until this is settled. */
  settle<T>(work: Promise<T>, limitMs = 20_000): Promise<T> {
    return this.fleet.settle(work, limitMs);
  }

  /** Publishes events of these ids through a peer. */
  publish(
    number: number,
    ids: readonly string[],
    each: Partial<PublishEventsRequest> & { readonly topic?: string } = {},
  ): Promise<readonly PublishedEvent[]> {
    const { topic = TOPIC, ...request } = each;
    const items = ids.map((eventId) => item(eventId, { topic }));
    const whole = { items, expectedOffset: null, request: null, ...request };
    return this.settle(this.at(number).publish(whole));
  }

  /** All ids that are stored, as a peer reads them. */
  async ids(number: number, topic = TOPIC): Promise<readonly string[]> {
    const page = this.at(number).page(topic, { after: null, limit: 10_000 }, FRESH);
    return idsOf((await this.settle(page)).events);
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

export function item(eventId: string, each: Partial<EventItem> = {}): EventItem {
  const payload = encoder.encode(JSON.stringify({ id: eventId }));
  return { topic: TOPIC, eventId, timestamp: null, source: null, payload, ...each };
}

export function idsOf(events: readonly StoredEvent[]): readonly string[] {
  return events.map(({ eventId }) => eventId);
}

/** Shown as `offset` for what was stored, `=offset` for a duplicate, else as its code. */
export function shown(results: readonly PublishedEvent[]): readonly string[] {
  return results.map((result) => {
    if (!result.ok) return result.code;
    return `${result.duplicate ? "=" : ""}${result.offset}`;
  });
}

/** What a stream gives, collected in the background. */
export class Collected {
  readonly events: StoredEvent[] = [];
  error: unknown = null;
  ended = false;
  readonly #abort = new AbortController();

  constructor(service: EventService, after: number | null, topic = TOPIC) {
    this.#collect(service, topic, after).catch((error) => void (this.error = error))
      .finally(() => void (this.ended = true));
  }

  async #collect(service: EventService, topic: string, after: number | null): Promise<void> {
    for await (const page of service.tail(topic, after, this.#abort.signal)) {
      assert.ok(page.length > 0, "a page of a stream is never empty");
      this.events.push(...page);
    }
  }

  get offsets(): readonly number[] {
    return this.events.map(({ offset }) => offset);
  }

  stop(): void {
    this.#abort.abort();
  }
}
