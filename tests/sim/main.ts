/**
 * `deno task sim`: runs seed after seed until the time is over, and stops at the first failure with the
 * command that replays it. Exit code 0: nothing found; 1: a failure; 2: wrong use.
 *
 * --seed N replays one · --seeds N that many, from --from · --budget SECONDS (60)
 * --steps N (10000, of a cache 20000) of each seed under faults, or --simulated-seconds N of each
 * --workload cache|others (every fourth seed is of the cache) · --fault NAME alone disturbs a cache (fault_rates.ts)
 * --peers 3|5 (both in turn) · --workers N (2) · --verbose · --keep-going past failures
 */
import { parseArgs } from "node:util";
import { CACHE_FAULTS, type CacheFault } from "./fault_rates.ts";
import { simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";
import { Totals } from "./totals.ts";
import { runInWorkers } from "./worker_pool.ts";

/** Of a seed under faults. */
const STEPS = 10_000;
const CACHE_STEPS = 20_000;

interface Options {
  readonly seeds: { readonly from: number; readonly count: number };
  readonly budgetMs: number;
  /** Null: as many as there are by default. */
  readonly steps: number | null;
  /** Null: as many as the steps take. */
  readonly simulatedSeconds: number | null;
  readonly peers: number | null;
  /** Null: in turn. */
  readonly isCache: boolean | null;
  /** Null: as each seed has it. */
  readonly fault: CacheFault | null;
  readonly workers: number;
  readonly verbose: boolean;
  readonly keepGoing: boolean;
}

function readOptions(list: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...list],
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      budget: { type: "string" },
      steps: { type: "string" },
      "simulated-seconds": { type: "string" },
      peers: { type: "string" },
      workload: { type: "string" },
      fault: { type: "string" },
      workers: { type: "string" },
      verbose: { type: "boolean" },
      "keep-going": { type: "boolean" },
    },
  });
  const number = (name: keyof typeof values, otherwise: number) => {
    const text = values[name];
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    say(`--${name} must be a whole number, not "${text}"`);
    Deno.exit(2);
  };
  const fault = CACHE_FAULTS.find((name) => name === values.fault) ?? null;
  if (values.fault !== undefined && fault === null) {
    say(`--fault must be one of ${CACHE_FAULTS.join(", ")}, not "${values.fault}"`);
    Deno.exit(2);
  }
  const workload = values.workload ?? (fault === null ? undefined : "cache");
  if (workload !== undefined && workload !== "cache" && workload !== "others") {
    say(`--workload must be cache or others, not "${workload}"`);
    Deno.exit(2);
  }
  const isOne = values.seed !== undefined;
  const isCounted = values.seeds !== undefined;
  // Without a seed each day begins elsewhere.
  const from = isOne ? number("seed", 0) : number("from", isCounted ? 1 : startOfToday());
  return {
    seeds: { from, count: isOne ? 1 : number("seeds", Infinity) },
    budgetMs: isOne || isCounted && values.budget === undefined
      ? Infinity
      : number("budget", 60) * 1000,
    steps: values.steps === undefined ? null : number("steps", 0),
    simulatedSeconds: values["simulated-seconds"] === undefined
      ? null
      : number("simulated-seconds", 0),
    peers: values.peers === undefined ? null : number("peers", 3),
    isCache: workload === undefined ? null : workload === "cache",
    fault,
    workers: isOne ? 1 : number("workers", 2),
    verbose: values.verbose ?? false,
    keepGoing: values["keep-going"] ?? false,
  };
}

function startOfToday(): number {
  return Math.floor(Date.now() / 86_400_000) * 1_000_000;
}

/** Every third cluster has three peers where it is a cache, so that most have some beside a partition's voters; else five. */
function peersOf(seed: number, isCache: boolean): number {
  return (seed % 3 === 0) === isCache ? 3 : 5;
}

function* planned(options: Options): Generator<SimulationOptions> {
  const { seeds, simulatedSeconds, fault, verbose, budgetMs } = options;
  const faultsMs = simulatedSeconds === null ? null : simulatedSeconds * 1_000;
  const startedMs = performance.now();
  for (let seed = seeds.from; seed < seeds.from + seeds.count; seed++) {
    if (performance.now() - startedMs > budgetMs) return;
    const isCache = options.isCache ?? seed % 4 === 0;
    const peers = options.peers ?? peersOf(seed, isCache);
    const steps = options.steps ?? (isCache ? CACHE_STEPS : STEPS);
    yield { seed, peers, isCache, fault, steps, faultsMs, print: verbose ? say : null };
  }
}

/** @param withLog whether the last lines of the log are of interest */
function report(result: SimulationResult, options: SimulationOptions, withLog: boolean): void {
  say(`seed ${result.seed} FAILED after ${result.steps} steps, ${result.virtualMs.toFixed(1)} ms:`);
  say(result.failure ?? "");
  if (withLog) { for (const line of ["the last lines before:", ...result.lastLines]) say(line); }
  const { seed, peers, steps, faultsMs, isCache, fault } = options;
  const used = isCache ? "cache" : "others";
  const workload = fault === null ? `--workload ${used}` : `--fault "${fault}"`;
  const length = faultsMs === null ? `--steps ${steps}` : `--simulated-seconds ${faultsMs / 1_000}`;
  say(
    `replay: deno task sim --seed ${seed} ${workload} --peers ${peers} ${length} --verbose`,
  );
}

function say(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  const totals = new Totals();
  let failures = 0;
  const take = (result: SimulationResult, ran: SimulationOptions) => {
    totals.add(result);
    if (result.failure !== null) {
      failures++;
      report(result, ran, !options.keepGoing);
    } else if (options.workers === 1 && options.seeds.count === 1) {
      say(`seed ${result.seed}: nothing wrong found, trace ${result.traceHash}`);
    }
    return failures === 0 || options.keepGoing;
  };
  if (options.workers > 1) await runInWorkers(planned(options), options.workers, take);
  else {
    for (const plan of planned(options)) {
      if (!take(await simulate(plan), plan)) break;
    }
  }
  for (const line of totals.lines()) say(line);
  return failures === 0 ? 0 : 1;
}

Deno.exit(await main());
