/**
 * A suite: the same loads on several systems, one system after the other, each alone on the machine. Loads differ
 * from suite to suite, so a suite says itself what a system of it can do.
 */
import type { LoadResult } from "./load.ts";
import type { Processes } from "./processes.ts";

/** What every system under test has, whatever it is for. */
export interface SystemUnderTest {
  readonly name: string;
  readonly processes: Processes;
  /** What a reader must know before comparing, printed beside the figures. */
  readonly notes: readonly string[];
  /** Ends its processes and every connection to them. */
  stop(): Promise<void>;
}

export interface Load<S> {
  readonly name: string;
  readonly clients: number;
  /** @returns null where the system has no such thing */
  run(system: S, durationMs: number): Promise<LoadResult | null>;
}

export interface Suite<S extends SystemUnderTest> {
  /** Marks its section of the results. */
  readonly name: string;
  readonly title: string;
  /** Skein first: the others' ratios are Skein's figures over theirs. Null: it is not installed. */
  readonly starts: readonly { readonly name: string; start(): Promise<S | null> }[];
  readonly loads: readonly Load<S>[];
  readonly aims: readonly Aim[];
}

/** One load of one system. */
export interface Place {
  readonly system: string;
  readonly load: string;
  readonly clients: number;
}

/** A rate a second that Skein is to reach, or where it is to stand beside another system a ratio of rates. */
export interface Aim {
  readonly what: string;
  readonly of: Place;
  readonly over: Place | null;
  readonly atLeast: number;
}

export interface Measured extends Place {
  readonly result: LoadResult;
  /** CPU seconds a second of each server process. */
  readonly serverCores: readonly number[];
  readonly residentBytes: readonly number[];
}

/** Says each result on the console as it comes. */
export async function measureSystem<S extends SystemUnderTest>(
  system: S,
  loads: readonly Load<S>[],
  durationMs: number,
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const { name, clients, run } of loads) {
    const before = system.processes.usage();
    const from = performance.now();
    const result = await run(system, durationMs);
    if (result === null) continue;
    const seconds = (performance.now() - from) / 1_000;
    const after = system.processes.usage();
    const one: Measured = {
      system: system.name,
      load: name,
      clients,
      result,
      serverCores: after.map(({ cpuSeconds }, place) => {
        return (cpuSeconds - before[place]!.cpuSeconds) / seconds;
      }),
      residentBytes: after.map(({ residentBytes }) => residentBytes),
    };
    console.error(describe(one));
    measured.push(one);
  }
  return measured;
}

function describe({ system, load, clients, result, serverCores, residentBytes }: Measured): string {
  const latency = Number.isNaN(result.p50Ms)
    ? ""
    : `, p50 ${result.p50Ms.toFixed(2)} ms, p99 ${result.p99Ms.toFixed(2)} ms`;
  return `${system}: ${load}, ${clients} clients: ${Math.round(result.rate)}/s${latency}; ` +
    `cores: servers ${serverCores.map((cores) => cores.toFixed(2)).join(" ")}, ` +
    `load ${(result.loadCpuSeconds / result.seconds).toFixed(2)}; ` +
    `resident MB ${residentBytes.map((bytes) => Math.round(bytes / 1e6)).join(" ")}`;
}

export function find(measured: readonly Measured[], place: Place): Measured | undefined {
  return measured.find(({ system, load, clients }) => {
    return system === place.system && load === place.load && clients === place.clients;
  });
}
