/**
 * What the command line of `deno task sim` says.
 */
import { parseArgs } from "node:util";
import { CACHE_FAULTS, type CacheFault } from "./fault_rates.ts";

export const USAGE =
  `deno task sim: runs seed after seed until the time is over, and stops at the first failure
with the command that replays it. Exit code 0: nothing found; 1: a failure; 2: wrong use.

  --seed N                  replays one
  --seeds N, --from N       so many, from this one on
  --budget SECONDS          begins no further seed after that (60; with --seed and --seeds: no end)
  --steps N                 of each seed under faults (10000, of a cache 20000)
  --simulated-seconds N     in the place of --steps: of each seed under faults
  --workload cache|others   others: locks, queue and events together (in turn: every fourth seed is of the cache)
  --fault NAME              alone disturbs a cache (tests/sim/fault_rates.ts)
  --peers 3|5               (in turn)
  --workers N               (2)
  --verbose                 tells each step
  --keep-going              past failures
  --help`;

export interface SimulatorOptions {
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

/** The command line is wrong, in one line. */
export class WrongUse extends Error {}

/**
 * @returns null where only help is wanted
 * @throws {WrongUse}
 */
export function readOptions(list: readonly string[]): SimulatorOptions | null {
  const values = parse(list);
  if (values.help === true) return null;
  const number = (name: keyof typeof values, otherwise: number) => {
    const text = values[name];
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new WrongUse(`--${name} must be a whole number, not "${text}"`);
  };
  const fault = CACHE_FAULTS.find((name) => name === values.fault) ?? null;
  if (values.fault !== undefined && fault === null) {
    throw new WrongUse(`--fault must be one of ${CACHE_FAULTS.join(", ")}, not "${values.fault}"`);
  }
  const workload = values.workload ?? (fault === null ? undefined : "cache");
  if (workload !== undefined && workload !== "cache" && workload !== "others") {
    throw new WrongUse(`--workload must be cache or others, not "${workload}"`);
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

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
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
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    // Behind the first sentence it tells of what is never given here.
    const [fault] = (error as Error).message.split(/[.\n]/, 1);
    throw new WrongUse(`${fault}; see --help`);
  }
}

function startOfToday(): number {
  return Math.floor(Date.now() / 86_400_000) * 1_000_000;
}
