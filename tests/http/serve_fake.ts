/** A program for descriptors_test.ts: serves a fake peer on loopback and prints the port, then its log. */
import { startHttp } from "../../src/http/server.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { FakePeer, httpOptions } from "./fake_peer.ts";

// As a real peer does from its start: Deno ends with a panic where it begins to hear signals without a descriptor left.
Deno.addSignalListener("SIGTERM", () => Deno.exit(143));
const peer = {
  ...new FakePeer().asPeer(),
  logger: { log: (_level: string, message: string) => console.log(message) },
};
const { addresses } = await startHttp(peer, httpOptions({ clock: REAL_CLOCK }));
console.log(addresses[0]!.port);
// A real peer has more that keeps it alive; timers of its clock do not.
setInterval(() => {}, 60_000);
