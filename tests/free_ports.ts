/**
 * Ports for what tests start. That listens some time after its port was chosen, and several processes run tests at once:
 * so each keeps a slice of the ports to itself for as long as it lives, marked by a listener on the first one of them.
 */
import assert from "node:assert/strict";

/** Below the range that systems take the ports of outgoing connections from; `fetch` refuses to ask 10080. */
const PORT_MIN = 10_100;
const PORT_MAX = 32_000;
/** More than one test needs, so that none comes again while somebody may still be about to listen on it. */
const SLICE = 200;
const SLICES = Math.floor((PORT_MAX - PORT_MIN) / SLICE);

const first = ownSlice();
let next = 0;

/** @returns the first port of a slice that is nobody else's from now on */
function ownSlice(): number {
  const from = Math.floor(Math.random() * SLICES);
  for (let at = 0; at < SLICES; at++) {
    const port = PORT_MIN + (from + at) % SLICES * SLICE;
    if (listen(port) !== null) return port;
  }
  throw new Error("every slice of the ports is taken");
}

/** @returns null where somebody listens there */
function listen(port: number): Deno.Listener | null {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    throw error;
  }
}

/** Ports that nobody listens on at this moment, all different, and not those of the calls before. */
export function freePorts(count: number): number[] {
  const ports: number[] = [];
  for (let attempt = 1; ports.length < count; attempt++) {
    assert(attempt < SLICE, "there are free ports");
    next = next % (SLICE - 1) + 1;
    const listener = listen(first + next);
    listener?.close();
    if (listener !== null) ports.push(first + next);
  }
  return ports;
}
