/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** A thread that simulates what it is asked to, one seed after the other. */
import { simulate, type SimulationOptions } from "./simulation.ts";

self.onmessage = async (event: MessageEvent<SimulationOptions>) => {
  self.postMessage(await simulate(event.data));
};
