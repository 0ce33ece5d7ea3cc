/**
 * Hyperswarm and HyperDHT on our UDX under Deno, beside the same packages on udx-native under Node: a DHT of either
 * kind serves both, peers of both kinds find each other by a topic, connect, talk, and see each other leave.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { Actor, type Side } from "./actor.ts";
import { installNative, nodeIsHere } from "./native_peer.ts";

const here = await nodeIsHere();
if (here) await installNative();

const MATRIX: readonly (readonly [dht: Side, one: Side, other: Side])[] = [
  ["ours", "ours", "ours"],
  ["ours", "ours", "native"],
  ["native", "ours", "native"],
  ["native", "native", "ours"],
];

for (const [dhtSide, oneSide, otherSide] of MATRIX) {
  Deno.test({
    name: `udx swarm: ${oneSide} and ${otherSide} find each other by a DHT of ${dhtSide}`,
    ignore: !here,
    async fn() {
      const actors = [dhtSide, oneSide, otherSide].map((side) => new Actor(side, "swarm"));
      const [dht, one, other] = actors as [Actor, Actor, Actor];
      try {
        const { port } = await dht.call("dht", { others: 7 });
        const { text } = await one.call("immutable", { port, text: "kept by the DHT" });
        assert.equal(text, "kept by the DHT");
        const first = await one.call("join", { port, topic: 7 });
        const second = await other.call("join", { port, topic: 7 });
        // A first connection may time out, on the original's UDX too (src/udx/README.md); the swarm tries again.
        await eventually("each greeted the other", 90_000, () => {
          assert.ok(one.texts("data", first.id).includes(`hello from ${second.key}`));
          assert.ok(other.texts("data", second.id).includes(`hello from ${first.key}`));
        });
        await other.call("close");
        await one.wait("gone", first.id, 20_000);
        await one.call("close");
        await dht.call("close");
      } finally {
        await Promise.all(actors.map((actor) => actor.close()));
      }
    },
  });
}
