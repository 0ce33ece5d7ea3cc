/**
 * `deno task sim`: runs seed after seed until the time is over, and stops at the first failure with the
 * command that replays it. Exit code 0: nothing found; 1: a failure; 2: wrong use. `--help` tells the options.
 */
import { simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";
import { readOptions, type SimulatorOptions, USAGE, WrongUse } from "./simulator_options.ts";
import { Totals } from "./totals.ts";
import { runInWorkers } from "./worker_pool.ts";

/** Of a seed under faults. */
const STEPS = 10_000;
const CACHE_STEPS = 20_000;

/** Every third cluster has three peers where it is a cache, so that most have some beside a partition's voters; else five. */
function peersOf(seed: number, isCache: boolean): number {
  return (seed % 3 === 0) === isCache ? 3 : 5;
}

function* planned(options: SimulatorOptions): Generator<SimulationOptions> {
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

async function run(options: SimulatorOptions): Promise<number> {
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

async function main(): Promise<number> {
  try {
    const options = readOptions(Deno.args);
    if (options !== null) return await run(options);
    say(USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error;
    say(error.message);
    return 2;
  }
}

Deno.exit(await main());
