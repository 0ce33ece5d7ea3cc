/**
 * One peer of a virtual cluster: its disk, which outlives crashes, and its process, which does not. The
 * process is production code over virtual time, network and storage.
 */
import { assert } from "../../src/assert.ts";
import type { LineLetter } from "../../src/cache/cache.ts";
import type { Version } from "../../src/cache/version.ts";
import { SkeinError } from "../../src/errors.ts";
import type { Hello } from "../../src/net/transport.ts";
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { PeerCore } from "../../src/peer/core.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { Random } from "../../src/random.ts";
import {
  MemoryDisk,
  type MemoryFaults,
  MemoryStorage,
  soundDisk,
} from "../../src/storage/memory.ts";
import type { PeerAccess } from "./caller.ts";
import { hex, type SimulatedTiming, startCore } from "./core_under_test.ts";
import { StorageFailedError } from "../../src/storage/storage.ts";
import type { FaultRates } from "./fault_rates.ts";
import { ObservedStorage } from "./observed_storage.ts";
import type { PlacementChecker } from "./placement_checker.ts";
import type { RaftChecker } from "./raft_checker.ts";
import type { SimulationLog } from "./simulation_log.ts";
import type { VirtualNetwork } from "./virtual_network.ts";
import type { VirtualTransport } from "./virtual_transport.ts";
import { Actor, type Scheduler, VirtualClock } from "./virtual_time.ts";

export interface PeerWorld {
  readonly scheduler: Scheduler;
  readonly network: VirtualNetwork;
  readonly checker: RaftChecker;
  readonly placement: PlacementChecker;
  readonly log: SimulationLog;
  readonly rates: FaultRates;
  readonly timing: SimulatedTiming;
  /** The peer was asked to stop. */
  stopping(peer: VirtualPeer): void;
  /** The simulation is over: this must never happen. */
  fail(error: unknown): void;
}

/** Everything of one life of the process. */
interface Process {
  readonly actor: Actor;
  readonly clock: VirtualClock;
  readonly transport: VirtualTransport;
  /** Null until the storage is open. */
  core: PeerCore | null;
  readonly onEnd: Set<() => void>;
}

/** Whoever supervises the process tries again, where it could not even open its storage. */
const RESTART_MS = 2_000;
/** However slow a disk is, one write is over after this. */
const STALL_MS_MAX = 5_000;

export class VirtualPeer {
  readonly disk = new MemoryDisk();
  readonly faults: MemoryFaults = soundDisk();
  /** An operator asked for its removal: it may be out of the cluster by now, or not. */
  removing = false;
  /** Set once it was taken out of the cluster for good. */
  removed = false;
  /** When its last life ended; null while it lives. */
  goneSinceMs: number | null = 0;
  readonly #world: PeerWorld;
  readonly #random: Random;
  readonly #expect: number;
  #process: Process | null = null;
  #lives = 0;

  /** @param expect how many peers form the cluster; 0 = this one only joins */
  constructor(
    readonly name: string,
    readonly id: PeerId,
    expect: number,
    world: PeerWorld,
    random: Random,
  ) {
    this.#expect = expect;
    this.#world = world;
    this.#random = random;
    this.wornDisk();
  }

  get running(): boolean {
    return this.#process !== null;
  }

  get actor(): Actor | null {
    return this.#process?.actor ?? null;
  }

  get core(): PeerCore | null {
    return this.#process?.core ?? null;
  }

  start(): void {
    const { scheduler, network, log, rates, timing } = this.#world;
    const actor = new Actor(`${this.name}#${this.#lives++}`);
    const random = new Random(this.#random.uint32(), this.#random.uint32());
    const drift = (random.fraction() * 2 - 1) * rates.clockDrift;
    const clock = new VirtualClock(scheduler, actor, {
      rate: drift >= 0 ? 1 + drift : 1 / (1 - drift),
      monotonicOffsetMs: random.integer(0, 1_000_000),
      wallOffsetMs: random.integer(-1_000_000, 1_000_000),
    });
    const transport = network.attach(actor, this.id, this.#hello(hex(random, 16)));
    const process: Process = { actor, clock, transport, core: null, onEnd: new Set() };
    this.#process = process;
    this.goneSinceMs = null;
    log.line(scheduler.nowMs, this.name, "starts");
    startCore({
      self: this.id,
      hello: transport.hello,
      transport,
      clock,
      random,
      logger: log.loggerOf(this.name, scheduler),
      timing,
      openStorage: () => this.#openStorage(actor, random),
      fatal: (error) => this.#world.fail(error),
    }).then(
      (core) => process.core = core,
      (error: unknown) => this.#couldNotStart(process, error),
    );
  }

  /**
   * Asks it to stop, and starts it again.
   * @param downMs from its end until then
   */
  restart(downMs: number): void {
    const process = this.#process;
    if (process === null || process.core === null) return;
    const { scheduler } = this.#world;
    this.#world.stopping(this);
    process.core.stop().then(() => {
      if (this.#process !== process) return;
      this.#end("has stopped");
      this.disk.kill();
      scheduler.after(downMs, null, "restart", () => {
        if (!this.running && !this.removed) this.start();
      });
    }, (error: unknown) => this.#world.fail(error));
  }

  /** kill -9: memory is gone, the page cache is not. */
  kill(): void {
    if (this.#process === null) return;
    this.#end("is killed");
    this.disk.kill();
  }

  cutPower(options: { readonly tornTail: boolean }): void {
    if (this.#process === null) return;
    this.#end(options.tornTail ? "loses power, its tail is torn" : "loses power");
    this.disk.crash(options);
  }

  soundDisk(): void {
    Object.assign(this.faults, soundDisk(), { delayMinMs: 0.05, delayMaxMs: 1 });
  }

  /** The disk as this seed has it between its failures. */
  wornDisk(): void {
    const { syncMsMin, syncMsMean } = this.#world.rates.disk;
    Object.assign(this.faults, soundDisk(), {
      delayMinMs: syncMsMin,
      delayMaxMs: syncMsMin + 2 * syncMsMean,
    });
  }

  /** A disk about to die, or shared with somebody greedy. */
  slowDisk(): void {
    this.wornDisk();
    this.faults.delayMinMs *= 100;
    this.faults.delayMaxMs *= 100;
  }

  /** What a client of this peer sees; null where nothing answers. */
  access(): PeerAccess | null {
    const process = this.#process;
    if (process === null || process.core === null) return null;
    const { core } = process;
    return {
      locks: () => core.locks,
      queue: () => core.queue,
      cache: () => core.cache,
      events: () => core.events,
      id: this.id,
      life: lifeOf(process.actor, core),
      onEnd: (ended) => {
        process.onEnd.add(ended);
        return () => process.onEnd.delete(ended);
      },
    };
  }

  /** Names the run of its services, which ends with the process or where its storage fails; null: there is none. */
  get life(): string | null {
    const { core, actor } = this;
    if (core === null || actor === null || core.generation.ended !== null) return null;
    return lifeOf(actor, core);
  }

  /** Of this peer's line of a key: what it may use now, by its own clocks. */
  lineState(key: string): LineLetter {
    const core = this.core;
    if (core === null || core.generation.ended !== null) return "I";
    return core.generation.services.cache.getHere(key)?.state ?? "I";
  }

  /** What its replica of a key's partition has of the key, whole or removed; null: nothing. */
  writtenBack(key: string): Version | null {
    return this.#replicaOf(key)?.cache.settled(key) ?? null;
  }

  /** Group time of a key's partition, as far as it has a replica of it; null: it has none. */
  groupTimeMs(key: string): number | null {
    return this.#replicaOf(key)?.group.timeMs() ?? null;
  }

  #replicaOf(key: string) {
    const partition = partitionOf("cache", key, this.#world.timing.partitions);
    return this.core?.generation.partitions.replica(partition);
  }

  /** Writes that were answered and then lost, as far as this run has noticed. */
  lostWrites(): number {
    return this.core?.generation.services.cache.stats().lost ?? 0;
  }

  /** Its wall clock is set, forward or back. */
  jumpWallClock(byMs: number): void {
    this.#process?.clock.jumpWall(byMs);
  }

  /** Its machine sleeps: nothing runs, and the monotonic clock does not either. */
  sleep(forMs: number): void {
    if (this.#process === null) return;
    const { actor, clock } = this.#process;
    actor.pausedUntilMs = this.#world.scheduler.nowMs + forMs;
    clock.sleep(forMs);
  }

  /** Its process is paused, or its machine sleeps. */
  get isHeldUp(): boolean {
    return (this.actor?.pausedUntilMs ?? 0) > this.#world.scheduler.nowMs;
  }

  get isAsleep(): boolean {
    return this.#process?.clock.isAsleep ?? false;
  }

  /** Nothing holds its process up any more. */
  wake(): void {
    if (this.#process === null) return;
    this.#process.actor.pausedUntilMs = 0;
    this.#process.clock.sleep(0);
  }

  /** An operator's command, which may well be refused; the outcome does not matter. */
  attempt(command: (core: PeerCore) => Promise<unknown>): void {
    const core = this.core;
    if (core === null) return;
    // What is thrown at once is a rejection like any other.
    const work = async () => await command(core);
    work().catch((error: unknown) => {
      const isExpected = error instanceof SkeinError || error instanceof StorageFailedError;
      if (!isExpected) this.#world.fail(error);
    });
  }

  /** Holds every replica here against the safety properties. */
  observe(): void {
    const groups = this.core?.groups;
    if (groups === undefined) return;
    for (const group of groups.groups()) {
      const status = groups.status(group);
      if (status === null) continue;
      this.#world.checker.observe(this.id, status);
      this.#world.placement.observe(this.id, status);
    }
  }

  /** Of its replica of the group, by default the system group; null where it has none. */
  status(group = 0): GroupStatus | null {
    return this.core?.groups.status(group) ?? null;
  }

  #couldNotStart(process: Process, error: unknown): void {
    if (!(error instanceof StorageFailedError)) return this.#world.fail(error);
    if (this.#process !== process) return;
    this.#end(`cannot start: ${error.message}`);
    this.disk.kill();
    this.#world.scheduler.after(RESTART_MS, null, "restart", () => {
      if (!this.running && !this.removed) this.start();
    });
  }

  #end(what: string): void {
    const { scheduler, network, log } = this.#world;
    log.line(scheduler.nowMs, this.name, what);
    const { actor, transport, onEnd } = this.#process!;
    this.#process = null;
    this.goneSinceMs = scheduler.nowMs;
    actor.alive = false;
    network.leave(transport);
    for (const ended of onEnd) scheduler.after(0, null, "connection reset", ended);
  }

  #openStorage(actor: Actor, random: Random): ObservedStorage {
    const { scheduler, checker } = this.#world;
    const storage = new MemoryStorage(this.disk, {
      schedule: (delayMs, run) => {
        const isStall = delayMs > 0 && random.chance(this.#world.rates.disk.stall);
        const takesMs = Math.min(isStall ? 100 * delayMs : delayMs, STALL_MS_MAX);
        scheduler.after(takesMs, actor, "disk", run);
      },
      random,
      faults: this.faults,
      valueFileBytesMax: this.#world.timing.valueFileBytes,
    });
    return new ObservedStorage(storage, {
      opened: (recovered) => checker.opened(this.id, recovered),
      written: (records) => {
        assert(actor.alive, `${actor.name} writes after its end`);
        checker.written(this.id, records);
      },
      durable: (records) => checker.durable(this.id, records),
    });
  }

  #hello(bootId: string): Hello {
    return {
      name: this.name,
      bootId,
      addresses: [`${this.name}:7001`],
      httpUrl: "",
      zone: "",
      clusterId: null,
      expect: this.#expect,
      version: "0.1.0",
    };
  }
}

function lifeOf(actor: Actor, { generation }: PeerCore): string {
  return `${actor.name}.${generation.bootId.slice(0, 4)}`;
}
