/**
 * Runs simulations on several cores, each in a worker of its own with its own globals: a simulation
 * must not share a thread with another, or their promises would mix.
 */
import type { SimulationOptions, SimulationResult } from "./simulation.ts";

/**
 * @param plans drawn one by one, whenever a worker is free
 * @param take called with each result as it comes; false ends everything
 */
export async function runInWorkers(
  plans: Iterator<SimulationOptions>,
  count: number,
  take: (result: SimulationResult, plan: SimulationOptions) => boolean,
): Promise<void> {
  let isOver = false;
  await Promise.all(
    Array.from({ length: count }, async () => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      try {
        while (!isOver) {
          const plan = plans.next();
          if (plan.done) return;
          const result = await ask(worker, plan.value);
          if (!isOver && !take(result, plan.value)) isOver = true;
        }
      } finally {
        worker.terminate();
      }
    }),
  );
}

/** What prints cannot cross to a worker: many seeds are silent until one fails. */
function ask(worker: Worker, plan: SimulationOptions): Promise<SimulationResult> {
  return new Promise((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<SimulationResult>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(`a worker failed: ${event.message}`));
    worker.postMessage({ ...plan, print: null });
  });
}
