import assert from "node:assert/strict";
import { Fleet } from "./fleet.ts";

Deno.test("a command proposed anywhere is applied everywhere, once", async () => {
  const fleet = await Fleet.led();
  for (const [place, peer] of fleet.peers.entries()) {
    assert.equal(await fleet.settle(peer.add("n", 1), 100), place + 1);
  }
  await fleet.run(200);
  for (const peer of fleet.peers) assert.equal(peer.count("n"), 3);
  fleet.check();
});
