/** When the swarm is refreshed, whom it is asked for, and when it is begun anew, in virtual time. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { type Swarm, SwarmDiscovery } from "../../src/discovery/swarm.ts";
import { ManualClock } from "../manual_clock.ts";

const STEADY_MS = 20_000;

/** A swarm that answers as it is told and remembers what it was asked. */
function createScene() {
  const clock = new ManualClock();
  const ways = new Map<string, "tcp" | "swarm">();
  const scene = {
    clock,
    /** Peer → over which way it is connected. */
    ways,
    opened: 0,
    destroyed: 0,
    refreshed: [] as number[],
    asked: [] as string[],
    spared: [] as string[],
    lines: [] as string[],
    members: [] as string[],
    complete: false,
    answers: true,
    isSilent: false,
    opens: true,
    run: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(50);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    },
  };
  const swarm: Swarm = {
    refresh() {
      scene.refreshed.push(clock.monotonicMs());
      if (scene.isSilent) return new Promise<boolean>(() => {});
      return Promise.resolve(scene.answers);
    },
    connect: (peer) => void scene.asked.push(peer),
    spare: (peer) => void scene.spared.push(peer),
    destroy() {
      scene.destroyed++;
      return Promise.resolve();
    },
  };
  const discovery = new SwarmDiscovery({
    open() {
      scene.opened++;
      return scene.opens ? Promise.resolve(swarm) : Promise.reject(new Error("no socket"));
    },
    firstNodes: "a:1",
    steadyMs: STEADY_MS,
    connected: () => [...ways.keys()],
    wayTo: (peer) => ways.get(peer) ?? null,
    members: () => scene.members,
    isComplete: () => scene.complete,
    clock,
    logger: { log: (_level, line) => void scene.lines.push(line) },
  });
  return { ...scene, scene, discovery };
}

function pauses(times: readonly number[]): number[] {
  return times.slice(1).map((time, at) => time - times[at]!);
}

Deno.test("while somebody is missing it looks soon, then with growing pauses; complete, at a steady pace", async () => {
  const { scene, discovery, run } = createScene();
  discovery.start();
  await run(60_000);
  assert.ok(scene.refreshed[0]! <= 600, String(scene.refreshed));
  const growing = pauses(scene.refreshed);
  assert.ok(growing[0]! <= 1_000, String(growing));
  assert.ok(growing.every((pause) => pause <= 16_000), String(growing));
  assert.ok(growing.at(-1)! >= 14_000, String(growing));
  scene.complete = true;
  await run(STEADY_MS);
  const before = scene.refreshed.length;
  await run(STEADY_MS * 2.1);
  assert.equal(scene.refreshed.length - before, 2);
  scene.complete = false;
  await run(2_000);
  assert.ok(scene.refreshed.length - before >= 4, "a peer that is lost is looked for at once");
  discovery.stop();
});

Deno.test("a member without a connection is asked for after TCP's turn, with growing pauses, until it is there", async () => {
  const { scene, ways, discovery, run } = createScene();
  scene.members.push("a", "b");
  ways.set("b", "tcp");
  discovery.start();
  await run(900);
  assert.deepEqual(scene.asked, []);
  await run(600);
  assert.deepEqual(scene.asked, ["a"]);
  await run(60_000);
  assert.ok(scene.asked.length >= 5 && scene.asked.length <= 9, String(scene.asked.length));
  assert.deepEqual([...new Set(scene.asked)], ["a"]);
  ways.set("a", "swarm");
  await run(30_000);
  const asked = scene.asked.length;
  assert.deepEqual(scene.spared, ["a"], "Hyperswarm's own tries end with the connection");
  await run(30_000);
  assert.equal(scene.asked.length, asked);
  discovery.stop();
});

Deno.test("a peer that was connected and is lost is asked for, though no member; not for ever", async () => {
  const { scene, ways, discovery, run } = createScene();
  ways.set("a", "tcp");
  discovery.start();
  await run(1_000);
  ways.delete("a");
  await run(2_000);
  assert.deepEqual(scene.asked, ["a"]);
  await run(700_000);
  const asked = scene.asked.length;
  assert.deepEqual(scene.spared, ["a"]);
  await run(60_000);
  assert.equal(scene.asked.length, asked);
  discovery.stop();
});

Deno.test("a DHT that does not answer is told once; the swarm is begun anew unless it carries somebody", async () => {
  const { scene, ways, discovery, run } = createScene();
  ways.set("a", "swarm");
  scene.answers = false;
  discovery.start();
  await run(30_000);
  assert.deepEqual([scene.opened, scene.destroyed], [1, 0]);
  ways.clear();
  await run(30_000);
  assert.ok(scene.opened > 1);
  assert.ok(scene.destroyed >= scene.opened - 1, "no swarm is left behind");
  assert.deepEqual(scene.lines, ["no node of the DHT answers; asked first: a:1"]);
  scene.answers = true;
  await run(30_000);
  assert.deepEqual(scene.lines, [
    "no node of the DHT answers; asked first: a:1",
    "the DHT answers again",
  ]);
  const { opened } = scene;
  await run(30_000);
  assert.equal(scene.opened, opened);
  discovery.stop();
});

Deno.test("a swarm that cannot be joined is tried again", async () => {
  const { scene, discovery, run } = createScene();
  scene.opens = false;
  discovery.start();
  await run(10_000);
  assert.ok(scene.opened >= 3 && scene.opened <= 10, String(scene.opened));
  assert.deepEqual(scene.lines, ["cannot join the swarm: Error: no socket"]);
  scene.opens = true;
  await run(20_000);
  assert.ok(scene.refreshed.length > 0);
  await discovery.close();
  assert.equal(scene.destroyed, 1);
});

Deno.test("once stopped nothing is looked for; once closed the swarm is left, were it only just joined", async () => {
  const { scene, clock, discovery, run } = createScene();
  discovery.start();
  await discovery.close();
  assert.deepEqual([scene.opened, scene.destroyed], [1, 1]);
  await run(10_000);
  assert.deepEqual(scene.refreshed, []);
  assert.equal(clock.timers, 0);
});

Deno.test("a look around that gets no answer at all does not keep anybody from leaving", async () => {
  const { scene, discovery, run } = createScene();
  scene.isSilent = true;
  discovery.start();
  await run(2_000);
  assert.equal(scene.refreshed.length, 1);
  await discovery.close();
  assert.deepEqual([scene.destroyed, scene.lines], [1, []]);
});
