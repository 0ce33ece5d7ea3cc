/** The virtual network, its faults turned off, does what every transport must. */
import assert from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { testTransport } from "../net/transport_conformance.ts";
import { helloOf } from "../net/transports.ts";
import { HEALED } from "./fault_rates.ts";
import { VirtualNetwork } from "./virtual_network.ts";
import { Actor, Scheduler } from "./virtual_time.ts";

const UNTIL_MS = 60_000;

testTransport("virtual", (count) => {
  const scheduler = new Scheduler();
  const network = new VirtualNetwork(scheduler, new Random(7), HEALED.network);
  const transports = Array.from({ length: count }, (_, index) => {
    const id = index.toString(16).padStart(64, "0");
    return network.attach(new Actor(id), id, helloOf(String(index)));
  });
  return Promise.resolve({
    transports,
    connect() {},
    async until(condition, what) {
      const endMs = scheduler.nowMs + UNTIL_MS;
      for (let turns = 0; !condition(); turns++) {
        // What is refused at once settles without an event.
        const mayGoOn = await scheduler.step() || turns === 0;
        assert.ok(scheduler.nowMs < endMs && mayGoOn, `never: ${what}`);
      }
    },
    sever: (left, right) => network.disconnect(left.self, right.self),
    async close() {
      for (const transport of transports) await transport.close();
    },
  });
});
