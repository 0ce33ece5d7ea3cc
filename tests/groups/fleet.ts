/**
 * Several hosts over a manual clock, a network in memory and storage in memory: the groups' whole machinery
 * without sockets, disks or chance, so that a test may say exactly what is lost, slow or gone, and when.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { SkeinError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import type { Group } from "../../src/groups/group.ts";
import { type AnyMachine, GroupMachine } from "../../src/groups/group_machine.ts";
import { GroupService } from "../../src/groups/group_service.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { Host, type Timing } from "../../src/groups/host.ts";
import type { Values } from "../../src/groups/values.ts";
import type { Configuration, PeerId } from "../../src/raft/entry.ts";
import type { ConfigurationOperation } from "../../src/raft/ready.ts";
import { Random } from "../../src/random.ts";
import { MemoryDisk, MemoryStorage, soundDisk } from "../../src/storage/memory.ts";
import type { RecoveredGroup, StorageRecord } from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";
import { FleetNetwork } from "./fleet_network.ts";
import { type ParcelCommand, ParcelMachine } from "./parcel_machine.ts";
import { TallyMachine } from "./tally_machine.ts";

export const TIMING: Timing = {
  electionTimeoutMinMs: 1_000,
  electionTimeoutMaxMs: 2_000,
  heartbeatMs: 150,
  snapshotEntries: 10_000,
  snapshotBytes: 64 * 1024 * 1024,
};

export interface FleetOptions {
  readonly peers?: number;
  /** The first so many found the groups; by default all. */
  readonly founders?: number;
  readonly groups?: readonly number[];
  readonly timing?: Partial<Timing>;
  readonly seed?: number;
  /** Of storage; by default production's. */
  readonly valueFileBytesMax?: number;
  /** What else runs on the groups at each peer, made anew with each of its runs. */
  readonly tenant?: (peer: FleetPeer, service: GroupService, clock: ManualClock) => FleetTenant;
}

/** A service on the groups of one peer. */
export interface FleetTenant {
  /** Beside those that every group has. */
  machinesOf(group: number, values: Values): readonly AnyMachine[];
  /** A replica came to be here. */
  added(group: Group): void;
}

/** Lets everything happen that has only to be resumed. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class Fleet {
  readonly clock = new ManualClock();
  readonly network = new FleetNetwork(this.clock);
  readonly random: Random;
  readonly timing: Timing;
  readonly groups: readonly number[];
  readonly peers: FleetPeer[];
  readonly founders: readonly FleetPeer[];
  readonly valueFileBytesMax: number;
  readonly tenant: FleetOptions["tenant"];

  constructor(options: FleetOptions = {}) {
    this.random = new Random(options.seed ?? 1);
    this.timing = { ...TIMING, ...options.timing };
    this.groups = options.groups ?? [0];
    this.valueFileBytesMax = options.valueFileBytesMax ?? LIMITS.valueFileBytesMax;
    this.tenant = options.tenant;
    this.peers = Array.from(
      { length: options.peers ?? 3 },
      (_, place) => new FleetPeer(this, `p${place + 1}`),
    );
    this.founders = this.peers.slice(0, options.founders ?? this.peers.length);
  }

  /** All peers are up, and the first one leads every group. */
  static async led(options: FleetOptions = {}): Promise<Fleet> {
    const fleet = new Fleet(options);
    for (const peer of fleet.founders) await peer.found();
    for (const peer of fleet.peers) await peer.start();
    const [first] = fleet.peers;
    for (const id of fleet.groups) {
      const group = first!.group(id);
      group.raft.campaign(true);
      first!.host.changed(group);
    }
    await fleet.until("the first peer leads, and all have its first entry", () => {
      return fleet.groups.every((id) =>
        fleet.founders.every((peer) => {
          return peer.group(id).raft.leader === first!.id && peer.group(id).appliedIndex === 2;
        })
      );
    }, 500);
    return fleet;
  }

  get foundation(): Configuration {
    const voters = this.founders.map(({ id }) => ({ peer: id, replica: 1 }));
    return { index: 1, voters, votersOutgoing: [], learners: [], learnersNext: [] };
  }

  get running(): FleetPeer[] {
    return this.peers.filter(({ up }) => up);
  }

  leader(id = 0): FleetPeer | null {
    const leaders = this.running.filter(({ host }) => host.group(id)?.leads === true);
    const term = (peer: FleetPeer) => peer.group(id).raft.term;
    return leaders.sort((a, b) => term(b) - term(a))[0] ?? null;
  }

  async run(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs++) {
      this.clock.advance(1);
      await settled();
    }
  }

  /** @returns how long it took, in milliseconds */
  async until(what: string, condition: () => boolean, limitMs: number): Promise<number> {
    await settled();
    for (let passedMs = 0;; passedMs++) {
      if (condition()) return passedMs;
      assert.ok(passedMs < limitMs, `not within ${limitMs} ms: ${what}`);
      await this.run(1);
    }
  }

  /** Runs until this promise is settled. */
  async settle<T>(work: Promise<T>, limitMs: number): Promise<T> {
    let done = false;
    const mark = () => void (done = true);
    work.then(mark, mark);
    await this.until("a promise is settled", () => done, limitMs);
    return await work;
  }

  /** Nobody met a bug, and nobody's state contradicts itself. */
  check(): void {
    for (const peer of this.peers) {
      assert.deepEqual(peer.bugs, [], `${peer.id} met a bug`);
      if (peer.up) peer.host.checkInvariants();
    }
  }
}

export class FleetPeer {
  readonly disk = new MemoryDisk();
  readonly faults = soundDisk();
  /** How long reading takes. */
  readMs = 0;
  readonly machines = new Map<number, TallyMachine>();
  readonly parcels = new Map<number, ParcelMachine>();
  /** Messages of errors that were logged. */
  readonly errors: string[] = [];
  readonly bugs: unknown[] = [];
  readonly failures: Error[] = [];
  readonly removed: number[] = [];
  /** Set once this run answers nobody any more. */
  ended: SkeinError | null = null;
  readonly #fleet: Fleet;
  #boots = 0;
  #host: Host | null = null;
  #service: GroupService | null = null;
  #storage: MemoryStorage | null = null;
  #tenant: FleetTenant | null = null;

  constructor(fleet: Fleet, readonly id: PeerId) {
    this.#fleet = fleet;
  }

  get up(): boolean {
    return this.#host !== null;
  }

  get host(): Host {
    assert.ok(this.#host !== null, `${this.id} is up`);
    return this.#host;
  }

  get service(): GroupService {
    assert.ok(this.#service !== null, `${this.id} is up`);
    return this.#service;
  }

  get storage(): MemoryStorage {
    assert.ok(this.#storage !== null, `${this.id} is up`);
    return this.#storage;
  }

  group(id = 0): Group {
    const group = this.host.group(id);
    assert.ok(group !== undefined, `${this.id} has group ${id}`);
    return group;
  }

  count(name: string, id = 0): number {
    return this.machines.get(id)?.counts.get(name) ?? 0;
  }

  /** Writes what a founder has of the groups when they begin. */
  async found(): Promise<void> {
    const storage = new MemoryStorage(this.disk);
    await storage.open();
    await storage.append(this.#fleet.groups.flatMap((group): StorageRecord[] => {
      const { configuration, hardState } = foundedGroup(this.#fleet, group);
      return [{ kind: "foundation", group, configuration }, {
        kind: "hardState",
        group,
        replica: 1,
        hardState,
      }];
    }));
    await storage.close();
  }

  async start(): Promise<void> {
    const starting = this.begin();
    await this.#fleet.settle(starting, 10_000);
  }

  /** As `start`, for tests that want something to happen meanwhile. */
  async begin(): Promise<void> {
    const { clock } = this.#fleet;
    const storage = new MemoryStorage(this.disk, {
      schedule: (delayMs, run) => {
        const takesMs = delayMs === 0 ? this.readMs : delayMs;
        if (takesMs > 0) clock.timer(takesMs, run);
        else queueMicrotask(run);
      },
      random: this.#fleet.random,
      faults: this.faults,
      valueFileBytesMax: this.#fleet.valueFileBytesMax,
    });
    this.#storage = storage;
    const recovered = await storage.open();
    this.ended = null;
    const host = this.#makeHost(storage);
    const service = this.#makeService(host);
    this.#host = host;
    this.#service = service;
    this.#tenant = this.#fleet.tenant?.(this, service, clock) ?? null;
    this.#fleet.network.attach(this.id, {
      message: (from, topic, body) => host.receive(from, topic, body),
      request: (_from, method, body) => {
        if (this.ended !== null) return Promise.reject(this.ended);
        return service.handle(method, body) ?? Promise.reject(new Error(`no method ${method}`));
      },
      connected: (peer) => host.peerConnected(peer),
    });
    await host.start(recovered);
  }

  #makeHost(storage: MemoryStorage): Host {
    const { clock, network, random, timing } = this.#fleet;
    return new Host({
      self: this.id,
      bootId: `${this.id}#${++this.#boots}`,
      storage,
      transport: network.transportOf(this.id),
      clock,
      random,
      logger: { log: (level, message) => void (level === "error" && this.errors.push(message)) },
      machineOf: (group, values) => {
        const machine = new TallyMachine();
        this.machines.set(group, machine);
        const parcels = new ParcelMachine(values);
        this.parcels.set(group, parcels);
        const others = this.#tenant?.machinesOf(group, values) ?? [];
        return new GroupMachine(group, [machine, parcels, ...others]);
      },
      added: (group) => {
        this.#service?.attach(group.id);
        this.#tenant?.added(group);
      },
      failed: (error) => {
        this.failures.push(error);
        this.end(new SkeinError("STORAGE_FAILED", error.message));
      },
      fatal: (error) => {
        this.bugs.push(error);
        this.end(new SkeinError("INTERNAL", "a bug"));
      },
      removed: (group) => void this.removed.push(group),
    }, timing);
  }

  #makeService(host: Host): GroupService {
    const { clock, network, random, timing } = this.#fleet;
    return new GroupService({
      self: this.id,
      bootId: `${this.id}#${this.#boots}`,
      clock,
      random,
      transport: network.transportOf(this.id),
      host,
      leaderWaitMs: 2 * timing.electionTimeoutMaxMs,
      candidates: () => this.#fleet.founders.map(({ id }) => id),
      ended: () => this.ended,
    });
  }

  /** This run answers nobody any more, as a peer's generation ends. */
  end(reason: SkeinError): void {
    this.ended ??= reason;
    this.#host?.halt();
    this.#service?.close();
  }

  /** A power cut: what no fsync has reached is lost. */
  crash(): void {
    this.disk.crash({ tornTail: false });
    this.#fleet.network.detach(this.id);
    this.end(new SkeinError("SHUTTING_DOWN", "crashed"));
    this.#host = null;
    this.#service = null;
  }

  /** Puts or drops a parcel, through this peer. */
  parcel(command: ParcelCommand, timeoutMs = 10_000): Promise<unknown> {
    return this.service.propose(0, "parcels", command, { timeoutMs, request: null });
  }

  /** The names of all parcels here, after each was read and is sound. */
  readParcels(): Promise<string[]> {
    return this.parcels.get(0)!.read(this.group().values);
  }

  /** What value files take on this peer's disk. */
  get valueFileBytes(): number {
    let bytes = 0;
    for (const { lengthBytes } of this.disk.valueFiles.values()) bytes += lengthBytes;
    return bytes;
  }

  /** Adds to a name's count, through this peer. */
  add(
    name: string,
    number: number,
    options: { timeoutMs?: number; request?: RequestKey; group?: number } = {},
  ): Promise<unknown> {
    const { timeoutMs = 10_000, request = null, group = 0 } = options;
    return this.service.propose(group, "tally", ["add", name, number], { timeoutMs, request });
  }
}

/** Changes group 0's configuration by way of its leader. */
export async function change(
  fleet: Fleet,
  ...operations: readonly ConfigurationOperation[]
): Promise<void> {
  const leader = fleet.leader()!;
  const expectedIndex = leader.group().raft.configuration.index;
  const work = leader.service.changeConfiguration(0, { expectedIndex, operations }, 5_000);
  await fleet.settle(work, 5_000);
}

/** A group as its founders begin with it. */
export function foundedGroup(fleet: Fleet, group: number): RecoveredGroup {
  return {
    group,
    replica: 1,
    hardState: { term: 1, votedFor: null, commitIndex: 1 },
    snapshot: null,
    configuration: fleet.foundation,
    terms: [],
    lastIndex: 1,
    lastTimeMs: 0,
    configurationEntries: [],
  };
}
