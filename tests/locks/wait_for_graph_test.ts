/** The deadlock search against a naive twin that builds every edge, and its speed in large graphs. */
import assert from "node:assert/strict";
import { BLOCKERS_SHOWN_MAX } from "../../src/locks/answers.ts";
import { LockState, type Owner, type Waiter } from "../../src/locks/lock_state.ts";
import type { LockMode } from "../../src/locks/locks.ts";
import { cycleEdges, edgesOf, WaitForGraph } from "../../src/locks/wait_for_graph.ts";
import { Random } from "../../src/random.ts";
import { limitMs } from "../speed_limit.ts";

/** A state of any shape, whether or not the rules would let it come to be. */
class Builder {
  readonly state = new LockState();
  #sequence = 0;

  hold(resource: string, name: string, mode: LockMode): void {
    const lock = this.state.change(resource);
    const owner = this.state.ownerFor(name);
    const sequence = ++this.#sequence;
    const times = { acquiredMs: 0, deadlineMs: 1, ttlMs: 1 };
    this.state.addGrant({
      lock,
      owner,
      mode,
      token: sequence,
      sequence,
      attachments: [],
      ...times,
    });
  }

  wait(resource: string, name: string, mode: LockMode): void {
    const lock = this.state.change(resource);
    const owner = this.state.ownerFor(name);
    const sequence = ++this.#sequence;
    const attachments = [{ peer: "peer", bootId: "boot", serial: sequence }];
    const times = { sinceMs: 0, deadlineMs: 1, ttlMs: 1 };
    this.state.addWaiter({ lock, owner, mode, sequence, attachments, ...times }, lock.last);
  }
}

function incompatible(a: LockMode, b: LockMode): boolean {
  return a === "exclusive" || b === "exclusive";
}

function blockersOf(waiter: Waiter): Set<Owner> {
  const blockers = new Set<Owner>();
  for (const { owner, mode } of waiter.lock.holders.values()) {
    if (owner !== waiter.owner && incompatible(mode, waiter.mode)) blockers.add(owner);
  }
  for (let at = waiter.before; at !== null; at = at.before) {
    if (at.owner !== waiter.owner && incompatible(at.mode, waiter.mode)) blockers.add(at.owner);
  }
  return blockers;
}

/** Whether an owner reaches itself, by recursion over all edges. */
function reachesItself(start: Owner): boolean {
  const seen = new Set<Owner>();
  const visit = (owner: Owner): boolean =>
    [...owner.waiters].some((waiter) =>
      [...blockersOf(waiter)].some((next) => {
        if (next === start) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return visit(next);
      })
    );
  return visit(start);
}

Deno.test("the search finds a cycle where and only where the naive one does", () => {
  let cycles = 0;
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = new Random(seed);
    const builder = new Builder();
    const mode = () => random.chance(0.5) ? "shared" : "exclusive";
    const owners = random.integer(2, 8);
    const name = () => `owner-${random.integer(1, owners)}`;
    for (let lock = 1; lock <= random.integer(1, 4); lock++) {
      const resource = `lock-${lock}`;
      if (random.chance(0.5)) builder.hold(resource, name(), "exclusive");
      else for (let n = random.integer(0, 3); n > 0; n--) builder.hold(resource, name(), "shared");
      for (let n = random.integer(0, 5); n > 0; n--) builder.wait(resource, name(), mode());
    }
    const graph = new WaitForGraph();
    for (let number = 1; number <= owners; number++) {
      const owner = builder.state.owner(`owner-${number}`);
      if (owner === undefined) continue;
      const cycle = graph.findCycle(owner);
      assert.equal(cycle !== null, reachesItself(owner), `seed ${seed}, ${owner.name}`);
      if (cycle === null) continue;
      cycles++;
      assert.equal(cycle[0]!.owner, owner);
      for (const [place, waiter] of cycle.entries()) {
        const next = cycle[(place + 1) % cycle.length]!;
        assert.ok(blockersOf(waiter).has(next.owner), `seed ${seed}: an edge that is none`);
      }
      assert.equal(new Set(cycle.map((waiter) => waiter.owner)).size, cycle.length);
    }
  }
  assert.ok(cycles > 1_000, `the graphs have cycles, here ${cycles}`);
});

Deno.test("edges go around from the victim, and no more of them than asked for", () => {
  const builder = new Builder();
  for (let at = 0; at < 5; at++) builder.hold(`lock-${at}`, `owner-${at}`, "exclusive");
  for (let at = 0; at < 5; at++) builder.wait(`lock-${(at + 1) % 5}`, `owner-${at}`, "exclusive");
  const cycle = new WaitForGraph().findCycle(builder.state.owner("owner-3")!)!;
  const victim = cycle.find(({ owner }) => owner.name === "owner-4")!;
  const edges = cycleEdges(cycle, victim, 10);
  assert.deepEqual(edges.map(({ owner }) => owner.at(-1)), ["4", "0", "1", "2", "3"]);
  assert.deepEqual(edges[0], { owner: "owner-4", resource: "lock-0", holders: ["owner-0"] });
  assert.equal(cycleEdges(cycle, victim, 2).length, 2);
});

Deno.test("a view of edges is bounded, whatever the queue", () => {
  const builder = new Builder();
  builder.hold("hot", "holder", "exclusive");
  for (let at = 0; at < 500; at++) builder.wait("hot", `owner-${at}`, "exclusive");
  const edges = [...edgesOf(builder.state.locks.get("hot")!)];
  assert.equal(edges.length, 500);
  assert.deepEqual(edges[1]!.holders, ["holder", "owner-0"]);
  assert.equal(edges[499]!.holders.length, BLOCKERS_SHOWN_MAX);
});

Deno.test("shared waiters do not wait for each other, and nobody for itself", () => {
  const builder = new Builder();
  builder.hold("lock", "one", "shared");
  builder.wait("lock", "writer", "exclusive");
  builder.wait("lock", "reader", "shared");
  builder.wait("lock", "other", "shared");
  builder.wait("lock", "one", "exclusive");
  const edges = [...edgesOf(builder.state.locks.get("lock")!)];
  assert.deepEqual(edges.map(({ holders }) => holders), [
    ["one"],
    ["writer"],
    ["writer"],
    ["writer", "reader", "other"],
  ]);
});

/** Each waiter is touched at most a few times: a search that is quadratic takes seconds here. */
Deno.test("a search over a hundred thousand waiters of one lock is linear", () => {
  const waiters = 100_000;
  const builder = new Builder();
  builder.hold("hot", "holder", "exclusive");
  for (let at = 0; at < waiters; at++) {
    builder.hold(`lock-${at}`, `owner-${at}`, "exclusive");
    builder.wait("hot", `owner-${at}`, at % 3 === 0 ? "shared" : "exclusive");
  }
  const graph = new WaitForGraph();
  const began = performance.now();
  assert.equal(graph.findCycle(builder.state.owner(`owner-${waiters - 1}`)!), null);
  assert.ok(performance.now() - began < limitMs(1_000));
});
