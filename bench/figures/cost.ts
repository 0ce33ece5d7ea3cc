/** What peers cost: memory and CPU, idle and under load; and the latency of locks under that load. */
import { runLoad } from "../peers/load.ts";
import { startSkein } from "../peers/skein.ts";
import type { Figure } from "./figure.ts";

const IDLE_MS = 20_000;
const LOAD_MS = 10_000;

export async function* costFigures(): AsyncGenerator<Figure> {
  const system = await startSkein();
  try {
    await new Promise((resolve) => setTimeout(resolve, 5_000)); // until the group sleeps
    const before = system.processes.usage();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const after = system.processes.usage();
    const cpu = after.map(({ cpuSeconds }, place) => {
      return (100 * (cpuSeconds - before[place]!.cpuSeconds) / (IDLE_MS / 1000)).toFixed(2);
    });
    yield { name: "idle CPU of each peer, %", measured: cpu.join(", "), aim: "< 1" };
    yield { name: "idle resident memory, MB", measured: megabytes(after), aim: "≤ 85" };
    const load = await runLoad(32, LOAD_MS, 2_000, system.acquires);
    yield {
      name: "lock p50 / p95 of 32 clients, ms",
      measured: `${load.p50Ms.toFixed(2)} / ${load.p95Ms.toFixed(2)}`,
      aim: "p95 < 8.67",
    };
    await runLoad(64, LOAD_MS, 2_000, system.writes);
    const loaded = megabytes(system.processes.usage());
    yield { name: "loaded resident memory, MB", measured: loaded, aim: "≤ 200" };
  } finally {
    await system.processes.stop();
  }
}

function megabytes(usage: readonly { readonly residentBytes: number }[]): string {
  return usage.map(({ residentBytes }) => Math.round(residentBytes / 1e6)).join(", ");
}
