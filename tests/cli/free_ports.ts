/**
 * A first port for `skein cluster` such that every port of its plan is free right now: tests of whole clusters may
 * run beside anything else.
 */
import { planPeers } from "../../src/cli/cluster_plan.ts";
import { probe } from "../../src/cli/ports.ts";

const ATTEMPTS_MAX = 100;

export function freeFirstPort(count: number): number {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const addresses = planPeers(count, port, "").flatMap((peer) => peer.addresses);
    if (addresses.every((address) => probe(address) === "free")) return port;
  }
  throw new Error(`no ${count} free ports in a row after ${ATTEMPTS_MAX} attempts`);
}
