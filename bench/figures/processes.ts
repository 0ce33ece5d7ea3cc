/** From the start of three processes until all are ready, empty and with data. */
import { eventually } from "../peers/processes.ts";
import { startSkein } from "../peers/skein.ts";
import type { Figure } from "./figure.ts";

export async function* processStarts(): AsyncGenerator<Figure> {
  const began = performance.now();
  const system = await startSkein([], 5);
  const firstMs = performance.now() - began;
  try {
    yield {
      name: "three processes from start until all are ready, with a new cluster",
      measured: `${firstMs.toFixed(0)} ms`,
      aim: "a leader in < 1,000 ms",
    };
    await system.processes.killAll();
    const again = performance.now();
    system.restart();
    await eventually("the restarted cluster", 20_000, system.ready, 5);
    yield {
      name: "the same after kill -9 of all three, with their data",
      measured: `${(performance.now() - again).toFixed(0)} ms`,
      aim: "< 4,000 ms (2 × the maximum election timeout)",
    };
  } finally {
    await system.processes.stop();
  }
}
