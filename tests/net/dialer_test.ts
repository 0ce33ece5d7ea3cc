/** When which address is dialled, in virtual time. */
import assert from "node:assert/strict";
import { Dialer } from "../../src/net/dialer.ts";
import { Random } from "../../src/random.ts";
import { ManualClock } from "../manual_clock.ts";

interface Scene {
  readonly dialer: Dialer;
  readonly clock: ManualClock;
  readonly dialled: string[];
  readonly connected: Set<string>;
  readonly spared: Set<string>;
}

function createScene(): Scene {
  const clock = new ManualClock();
  const dialled: string[] = [];
  const connected = new Set<string>();
  const spared = new Set<string>();
  const dialer = new Dialer({
    clock,
    random: new Random(3),
    dial: (address) => dialled.push(address),
    isConnected: (peer) => connected.has(peer),
    isSpared: (address) => spared.has(address),
  });
  return { dialer, clock, dialled, connected, spared };
}

function meet({ dialer, connected }: Scene, address: string, peer: string): void {
  dialer.leadsTo(address, peer);
  connected.add(peer);
  dialer.connected(peer);
}

Deno.test("a new address is dialled at once, and once", () => {
  const { dialer, dialled } = createScene();
  dialer.want("discovery", ["a:1", "b:1"]);
  dialer.want("discovery", ["a:1", "b:1"]);
  dialer.want("members", ["a:1"]);
  assert.deepEqual(dialled, ["a:1", "b:1"]);
});

Deno.test("the first retry comes within 50 ms, later ones with growing pauses up to 2 s", () => {
  const { dialer, clock, dialled } = createScene();
  dialer.want("discovery", ["a:1"]);
  const pausesMs: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    dialer.ended("a:1");
    const before = clock.monotonicMs();
    const count = dialled.length;
    while (dialled.length === count) clock.advance(1);
    pausesMs.push(clock.monotonicMs() - before);
  }
  assert(pausesMs[0]! <= 51, String(pausesMs));
  assert(pausesMs.every((pause) => pause <= 2_001), String(pausesMs));
  assert(pausesMs.slice(-4).every((pause) => pause >= 1_000), String(pausesMs));
  assert(new Set(pausesMs.slice(-4)).size > 1, "pauses are jittered");
});

Deno.test("an address whose peer is connected, over whatever connection, is left alone", () => {
  const scene = createScene();
  const { dialer, clock, dialled } = scene;
  dialer.want("discovery", ["a:1"]);
  meet(scene, "a:1", "peer");
  dialer.ended("a:1");
  clock.advance(60_000);
  assert.deepEqual(dialled, ["a:1"]);
  assert.equal(clock.timers, 0);
  assert.equal(dialer.peerAt("a:1"), "peer");
});

Deno.test("a peer that is lost is dialled again within 50 ms, however long it was away before", () => {
  const scene = createScene();
  const { dialer, clock, dialled, connected } = scene;
  dialer.want("discovery", ["a:1"]);
  for (let attempt = 0; attempt < 10; attempt++) {
    dialer.ended("a:1");
    clock.advance(2_001);
  }
  meet(scene, "a:1", "peer");
  const count = dialled.length;
  connected.delete("peer");
  dialer.disconnected("peer");
  dialer.ended("a:1");
  clock.advance(50);
  assert.equal(dialled.length, count + 1);
});

Deno.test("a retry that waits is dropped when the peer connects to us", () => {
  const scene = createScene();
  const { dialer, clock, dialled } = scene;
  dialer.want("discovery", ["a:1"]);
  dialer.leadsTo("a:1", "peer");
  dialer.ended("a:1");
  meet(scene, "a:1", "peer");
  clock.advance(10_000);
  assert.deepEqual(dialled, ["a:1"]);
});

Deno.test("what nobody wants any more is not dialled, what one source wants still is", () => {
  const { dialer, clock, dialled } = createScene();
  dialer.want("discovery", ["a:1", "b:1"]);
  dialer.want("members", ["b:1"]);
  dialer.ended("a:1");
  dialer.ended("b:1");
  dialer.want("discovery", []);
  clock.advance(200);
  assert.equal(dialled.filter((address) => address === "a:1").length, 1);
  assert(dialled.filter((address) => address === "b:1").length > 1);
});

Deno.test("an address of this peer itself is remembered and never dialled again", () => {
  const { dialer, clock, dialled } = createScene();
  dialer.want("discovery", ["me:1"]);
  dialer.leadsToSelf("me:1");
  dialer.ended("me:1");
  dialer.want("members", ["me:1"]);
  clock.advance(60_000);
  assert.deepEqual(dialled, ["me:1"]);
  assert.deepEqual([...dialer.ownAddresses], ["me:1"]);
});

Deno.test("nothing is dialled after close", () => {
  const { dialer, clock, dialled } = createScene();
  dialer.want("discovery", ["a:1"]);
  dialer.ended("a:1");
  dialer.close();
  dialer.want("discovery", ["b:1"]);
  dialer.ended("a:1");
  clock.advance(60_000);
  assert.deepEqual(dialled, ["a:1"]);
  assert.equal(clock.timers, 0);
});

Deno.test("an address whose peer is talked to over the swarm is dialled now and then, and soon once that ends", () => {
  const { dialer, clock, dialled, spared } = createScene();
  dialer.want("swarm a", ["a:1"]);
  spared.add("a:1");
  const pauseMs = () => {
    dialer.ended("a:1");
    const before = clock.monotonicMs();
    const count = dialled.length;
    while (dialled.length === count) clock.advance(1);
    return clock.monotonicMs() - before;
  };
  assert(pauseMs() <= 51);
  for (let attempt = 0; attempt < 12; attempt++) pauseMs();
  const laterMs = pauseMs();
  assert(laterMs >= 10_000 && laterMs <= 20_001, String(laterMs));
  dialer.ended("a:1");
  spared.delete("a:1");
  const count = dialled.length;
  dialer.hurry(["a:1", "b:1"]);
  clock.advance(26);
  assert.equal(dialled.length, count + 1);
});

Deno.test("who wants a peer's address is who knew of it", () => {
  const scene = createScene();
  const { dialer } = scene;
  dialer.want("list", ["a:1", "b:1"]);
  dialer.want("members", ["a:2"]);
  meet(scene, "a:1", "a");
  assert.deepEqual(dialer.sourcesOf("a"), ["list"]);
  meet(scene, "a:2", "a");
  assert.deepEqual(dialer.sourcesOf("a"), ["list", "members"]);
  assert.deepEqual(dialer.sourcesOf("b"), []);
});
