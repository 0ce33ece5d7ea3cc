/**
 * One simulation, whole from its seed: a cluster forms, clients use it while the nemesis breaks it, and
 * safety is checked after every step. Then everything is healed, and the cluster must converge and serve
 * within a deadline. At last the clients' history is judged.
 */
import { Random } from "../../src/random.ts";
import { describeCacheOperation } from "./cache_history.ts";
import { CacheNemesis } from "./cache_nemesis.ts";
import { CACHE_KEYS, CacheWorkload } from "./cache_workload.ts";
import type { SimulatedTiming } from "./core_under_test.ts";
import type { EventJudgement } from "./event_checker.ts";
import { describeEventOperation } from "./event_history.ts";
import { EventWorkload } from "./event_workload.ts";
import {
  type CacheFault,
  cacheFaultRates,
  drawFaultRates,
  type FaultRates,
  HEALED,
} from "./fault_rates.ts";
import { awaitConvergence, loseSleepingLeaders, type Until } from "./convergence.ts";
import { judgeLocks, type LockJudgement } from "./lock_checker.ts";
import { LockClient } from "./lock_client.ts";
import { describe, type LockOperation } from "./lock_history.ts";
import { Nemesis } from "./nemesis.ts";
import { awaitPlacement, checkPartitions } from "./placement_convergence.ts";
import type { QueueJudgement } from "./queue_checker.ts";
import { describeQueueOperation } from "./queue_history.ts";
import { QueueWorkload } from "./queue_workload.ts";
import { SafetyViolation } from "./raft_checker.ts";
import { SimulationLog } from "./simulation_log.ts";
import { VirtualCluster } from "./virtual_cluster.ts";
import { Scheduler } from "./virtual_time.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Founding peers. */
  readonly peers: number;
  /** Whether the cluster is used as a cache; else for locks and queues. */
  readonly isCache: boolean;
  /** Of a cache: what alone disturbs it; null: as the seed has it. */
  readonly fault: CacheFault | null;
  /** Events of the first phase; the second comes on top. */
  readonly steps: number;
  /** So long lasts the first phase instead, in simulated time; null: by its steps. */
  readonly faultsMs: number | null;
  /** Shows each line of the log at once, and the history at the end. */
  readonly print: ((line: string) => void) | null;
}

export interface SimulationResult {
  readonly seed: number;
  /** Null: nothing wrong was found. */
  readonly failure: string | null;
  readonly steps: number;
  readonly virtualMs: number;
  /** Until the world was healed. */
  readonly faultsMs: number;
  readonly traceHash: string;
  readonly operations: number;
  readonly grants: number;
  readonly committed: number;
  /** Changes of the partitions' voters. */
  readonly moves: number;
  readonly judgement: LockJudgement | null;
  readonly queue: QueueJudgement | null;
  readonly events: EventJudgement | null;
  readonly cache: ReturnType<CacheWorkload["judge"]>;
  readonly strikes: ReadonlyMap<string, number>;
  readonly lastLines: readonly string[];
}

const RESOURCES = ["lock-a", "lock-b", "lock-c"];
/** How long a client may take to finish its last operation. */
const CLIENTS_END_MS = 120_000;

class Simulation {
  readonly scheduler = new Scheduler();
  readonly history: LockOperation[] = [];
  readonly log: SimulationLog;
  readonly cluster: VirtualCluster;
  readonly nemesis: Nemesis;
  readonly cacheNemesis: CacheNemesis;
  readonly clients: LockClient[];
  readonly queue: QueueWorkload;
  readonly cache: CacheWorkload;
  readonly events: EventWorkload;
  readonly options: SimulationOptions;
  healedMs: number | null = null;
  readonly #clientsRandom: Random;
  #failure: unknown = null;

  constructor(options: SimulationOptions) {
    this.options = options;
    this.log = new SimulationLog(options.print);
    const { seed } = options;
    const drawn = drawFaultRates(new Random(seed, 1));
    const rates = options.isCache
      ? cacheFaultRates(drawn, new Random(seed, 9), options.fault)
      : drawn;
    const timing = drawTiming(new Random(seed, 5), options.isCache);
    this.cluster = new VirtualCluster(
      this.scheduler,
      new Random(seed, 2),
      rates,
      timing,
      this.log,
      (error) => this.#failure ??= error,
    );
    this.nemesis = new Nemesis(this.cluster, new Random(seed, 3), rates);
    this.cacheNemesis = new CacheNemesis(
      this.cluster,
      new Random(seed, 15),
      rates.cache,
      CACHE_KEYS,
    );
    this.#clientsRandom = new Random(seed, 4);
    const workload = drawWorkload(new Random(seed, 6), options.isCache, new Random(seed, 14));
    const count = workload.locks ? this.#clientsRandom.integer(2, 8) : 1;
    // In some seeds the cluster is mostly idle, and its groups go to sleep and are woken.
    const thinkMs = this.#clientsRandom.pick([150, 300, 300, 5_000]);
    this.clients = Array.from(
      { length: count },
      (_, place) => this.#client(`client${place + 1}`, thinkMs),
    );
    this.queue = new QueueWorkload(this.cluster, new Random(seed, 7), workload.queue, {
      scheduler: this.scheduler,
      random: new Random(seed, 8),
      access: () => this.cluster.access(),
      fail: (error) => this.fail(error),
    });
    this.cache = new CacheWorkload(this.cluster, new Random(seed, 10), workload.cache, {
      scheduler: this.scheduler,
      random: new Random(seed, 11),
      access: () => this.cluster.access(),
      fail: (error) => this.fail(error),
    });
    this.events = new EventWorkload(this.cluster, new Random(seed, 12), workload.events, {
      scheduler: this.scheduler,
      random: new Random(seed, 13),
      access: () => this.cluster.access(),
      fail: (error) => this.fail(error),
    });
    this.log.onPeerLog = (peer, message, fields) => this.cache.logged(peer, message, fields);
    this.cluster.onStopping = (peer) => this.cache.stopping(peer);
    this.log.line(0, "world", `seed ${seed}: ${describeRates(rates)}`);
  }

  async run(): Promise<void> {
    const { scheduler, cluster, nemesis, cacheNemesis, clients, options } = this;
    cluster.found(options.peers);
    nemesis.start();
    cacheNemesis.start();
    const users = [...clients, this.queue, this.cache, this.events];
    const running = users.map((user) => user.run());
    while (this.#isHostile()) await this.#step();
    this.healedMs = scheduler.nowMs;
    this.log.line(scheduler.nowMs, "world", "is healed");
    cacheNemesis.heal();
    nemesis.heal();
    cluster.network.rates = HEALED.network;
    for (const user of users) user.stop();
    let isQuiet = false;
    Promise.all(running).then(() => isQuiet = true);
    const until: Until = (condition, deadlineMs, what) => this.#until(condition, deadlineMs, what);
    await until(() => isQuiet, CLIENTS_END_MS, "the clients' last operations end");
    await awaitConvergence(cluster, RESOURCES, until);
    await awaitPlacement(cluster, until);
    await checkPartitions(cluster, until);
    await this.queue.drain(until);
    await this.cache.finish(until);
    await this.events.finish(until);
    await checkPartitions(cluster, until);
    // Long, and much the same whatever the cluster was used for: a cache's share of time goes into its first phase.
    if (!options.isCache) await loseSleepingLeaders(cluster, RESOURCES[0]!, until);
  }

  #isHostile(): boolean {
    const { steps, faultsMs } = this.options;
    const { executed, nowMs } = this.scheduler;
    return faultsMs === null ? executed < steps : nowMs < faultsMs;
  }

  /** @throws what a peer, a checker or a client found wrong */
  async #step(): Promise<void> {
    await this.scheduler.step();
    this.cache.check();
    if (this.#failure !== null) throw this.#failure;
  }

  async #until(condition: () => boolean, deadlineMs: number, what: string): Promise<void> {
    const endMs = this.scheduler.nowMs + deadlineMs;
    while (!condition()) {
      if (this.scheduler.nowMs > endMs) {
        throw new SafetyViolation(`no progress: ${what}, but not within ${deadlineMs} ms`);
      }
      await this.#step();
    }
  }

  fail(error: unknown): void {
    this.#failure ??= error;
  }

  #client(name: string, thinkMs: number): LockClient {
    return new LockClient(name, {
      scheduler: this.scheduler,
      random: this.#clientsRandom,
      history: this.history,
      resources: RESOURCES,
      thinkMs,
      access: () => this.cluster.access(),
      fail: (error) => this.fail(error),
    });
  }
}

/** @returns what happened; a failure is a value, not an exception */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    simulation.fail(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  let failure: string | null = null;
  try {
    await simulation.run();
  } catch (error) {
    failure = error instanceof Error ? error.stack ?? error.message : String(error);
  } finally {
    globalThis.removeEventListener("unhandledrejection", onRejection);
  }
  const { history, scheduler, cluster, nemesis, cacheNemesis, log } = simulation;
  const judgement = failure === null ? judgeLocks(history) : null;
  const queue = failure === null ? simulation.queue.judge() : null;
  const cache = failure === null ? simulation.cache.judge() : null;
  const events = failure === null ? simulation.events.judge() : null;
  const judgements = [judgement, queue, cache, events];
  const violations = judgements.flatMap((one) => one?.violations ?? []);
  if (violations.length > 0) failure = violations.join("\n");
  if (options.print !== null) {
    for (const operation of history) options.print(describe(operation));
    for (const operation of simulation.queue.history) {
      options.print(describeQueueOperation(operation));
    }
    for (const operation of simulation.cache.history) {
      options.print(describeCacheOperation(operation));
    }
    for (const operation of simulation.events.history) {
      options.print(describeEventOperation(operation));
    }
  }
  return {
    seed: options.seed,
    failure,
    steps: scheduler.executed,
    virtualMs: scheduler.nowMs,
    faultsMs: simulation.healedMs ?? scheduler.nowMs,
    traceHash: scheduler.trace.digest(),
    operations: history.length,
    grants:
      history.filter(({ input }) => input.kind === "acquire" && input.result.kind === "granted")
        .length,
    committed: cluster.checker.commitIndexMax(0),
    moves: cluster.placement.changes,
    judgement,
    queue,
    cache,
    events,
    strikes: new Map<string, number>([...nemesis.strikes, ...cacheNemesis.strikes]),
    lastLines: log.last(),
  };
}

/** Who uses the cluster. Faults meet each service by itself in some seeds, and both in others. */
function drawWorkload(random: Random, isCache: boolean, events: Random) {
  const drawn = random.pick(["locks", "queue", "queue", "both"]);
  const kind = isCache ? "cache" : drawn;
  return {
    locks: kind === "locks" || kind === "both",
    queue: {
      count: kind === "locks" || isCache ? 0 : random.integer(2, 6),
      thinkMs: random.pick([150, 300, 300, 5_000]),
    },
    cache: {
      count: isCache ? random.integer(3, 9) : 0,
      thinkMs: random.pick([30, 100, 100, 300, 3_000]),
      writes: random.pick([0.05, 0.15, 0.4]),
    },
    events: {
      count: isCache || events.chance(0.5) ? 0 : events.integer(1, 4),
      thinkMs: events.pick([150, 300, 300, 5_000]),
    },
  };
}

/** Timeouts that keep a simulation busy, in the proportions of production; all leases of a cache are parts of them. */
function drawTiming(random: Random, isCache: boolean): SimulatedTiming {
  const electionTimeoutMinMs = random.pick(isCache ? [300, 300, 500] : [300, 500, 1_000]);
  return {
    electionTimeoutMinMs,
    electionTimeoutMaxMs: 2 * electionTimeoutMinMs,
    heartbeatMs: electionTimeoutMinMs / random.pick([5, 7, 10]),
    snapshotEntries: random.pick([20, 100, 500]),
    snapshotBytes: 64 * 1024 * 1024,
    deadPeerGraceMs: random.pick([3_000, 15_000]),
    systemVoters: random.pick([3, 3, 5]),
    partitions: random.integer(2, 5),
    valueFileBytes: random.pick([1_000, 10_000]),
    replicas: random.pick(isCache ? [3, 3, 3, 3, 3, 3, 2, 1] : [3, 3, 3, 2, 1]),
    cacheEntries: random.pick([1, 2, 1_000]),
  };
}

function describeRates({ network, disk, periods, clockDrift, cache }: FaultRates): string {
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return JSON.stringify(
    { network, disk, periods, clockDrift, cache: Object.fromEntries(cache) },
    (_, value) => typeof value === "number" ? (value === Infinity ? "never" : round(value)) : value,
  );
}
