/**
 * What each operation costs in messages between peers: the textbook's counts. What may ride with another message (a
 * confirmation that nobody waits for, the word that a clean line went) counts as none.
 */
import assert from "node:assert/strict";
import type { LineEvent } from "../../src/cache/line_events.ts";
import type { Wish } from "../../src/cache/line.ts";
import { read, write } from "./model_events.ts";
import { Moving } from "./model_moving.ts";
import { checkWorld } from "./model_moves.ts";
import { firstWorld, NO_BUDGETS, type World } from "./model_world.ts";

/** Peer 0 is the home. Whatever is sent arrives at once, and is committed at once. */
class Bench {
  #world: World;
  #riding = 0;
  #sent = 0;
  #requests = 0;

  constructor(peers: number) {
    this.#world = firstWorld(peers, NO_BUDGETS);
  }

  /** @returns how many messages it took */
  read(peer: number): number {
    return this.#count(() => {
      this.#ask(peer, "shared");
      this.#move((moving) => read(moving, peer));
    });
  }

  write(peer: number): number {
    return this.#count(() => {
      this.#ask(peer, "owned");
      this.#move((moving) => write(moving, peer));
    });
  }

  line(peer: number, event: LineEvent): number {
    return this.#count(() => this.#move((moving) => moving.line(peer, event)));
  }

  home(kind: "remove" | "invalidate"): number {
    return this.#count(() =>
      this.#move((moving) => {
        moving.entry(1, { kind: "ask", job: { kind, request: ++this.#requests } });
      })
    );
  }

  states(): string {
    return this.#world.peers.map(({ line }) => line.state).join("");
  }

  #ask(peer: number, wish: Wish): void {
    const request = ++this.#requests;
    this.#move((moving) => moving.line(peer, { kind: "ask", wish, request }));
  }

  #count(run: () => void): number {
    [this.#sent, this.#riding] = [0, 0];
    run();
    return this.#sent - this.#riding;
  }

  #move(change: (moving: Moving) => void): void {
    this.#step(change);
    for (;;) {
      const [envelope] = this.#world.network;
      if (envelope !== undefined) {
        this.#sent++;
        this.#riding += envelope.message.kind === "dropped" ? 1 : 0;
        this.#step((moving) => {
          moving.network.shift();
          moving.receive(envelope);
        });
      } else if (this.#world.homes[0]!.log.length > 0) this.#step((moving) => moving.commit(true));
      else return;
    }
  }

  #step(change: (moving: Moving) => void): void {
    const moving = new Moving(this.#world, {
      line() {},
      entry: (_before, _event, _after, effects) => {
        for (const effect of effects) {
          const isRemote = effect.kind === "confirm" && effect.peer !== "A";
          if (isRemote && effect.rides) this.#riding++;
        }
      },
    });
    change(moving);
    this.#world = moving.world();
    checkWorld(this.#world);
  }
}

const FLUSH: LineEvent = { kind: "flush", nowMs: 0, againAfterMs: 0, urgent: false };

Deno.test("messages of a read: none on a hit, 2 on a miss, 4 where the line is modified elsewhere", () => {
  const bench = new Bench(4);
  assert.equal(bench.read(1), 2);
  assert.equal(bench.states(), "IEII");
  assert.equal(bench.read(1), 0);
  assert.equal(bench.write(1), 0, "from Exclusive to Modified");
  assert.equal(bench.read(2), 4);
  assert.equal(bench.states(), "ISSI");
  assert.equal(bench.read(3), 2, "where it is Shared");
  assert.equal(bench.states(), "ISSS");
});

Deno.test("messages of a write: 2, and 2 for each other holder", () => {
  for (const others of [0, 1, 2, 5]) {
    const bench = new Bench(others + 2);
    for (let peer = 2; peer < others + 2; peer++) bench.read(peer);
    assert.equal(bench.write(1), 2 + 2 * others, `from Invalid, ${others} others`);
    assert.equal(bench.states(), `IM${"I".repeat(others)}`);
    assert.equal(bench.write(1), 0);
  }
});

Deno.test("messages of an upgrade: 2, and 2 for each other sharer", () => {
  for (const others of [1, 3]) {
    const bench = new Bench(others + 2);
    for (let peer = 1; peer < others + 2; peer++) bench.read(peer);
    assert.equal(bench.write(1), 2 + 2 * others);
  }
});

Deno.test("messages of a write where the line is modified elsewhere: 4", () => {
  const bench = new Bench(3);
  bench.write(1);
  assert.equal(bench.write(2), 4);
  assert.equal(bench.states(), "IIM");
});

Deno.test("messages of a write-back and of an eviction: 2 where it is dirty, else none", () => {
  const bench = new Bench(3);
  bench.write(1);
  assert.equal(bench.line(1, FLUSH), 2);
  assert.equal(bench.states(), "IEI");
  assert.equal(bench.line(1, FLUSH), 0);
  bench.write(1);
  assert.equal(bench.line(1, { kind: "evict", nowMs: 0 }), 2);
  assert.equal(bench.read(2), 2, "the evicted line is not asked for");
  assert.equal(bench.line(2, { kind: "evict", nowMs: 0 }), 0);
  assert.equal(bench.read(1), 2, "nor the one whose going was told");
});

Deno.test("messages of delete and invalidate at the home: 2 for each holder", () => {
  const bench = new Bench(4);
  for (const peer of [1, 2, 3]) bench.read(peer);
  assert.equal(bench.home("invalidate"), 6);
  assert.equal(bench.states(), "IIII");
  bench.write(1);
  assert.equal(bench.home("remove"), 2);
  assert.equal(bench.home("remove"), 0);
});

Deno.test("the home's own lines cost what others' copies cost", () => {
  const bench = new Bench(2);
  assert.equal(bench.write(0), 0);
  assert.equal(bench.read(1), 2);
  assert.equal(bench.write(0), 2);
  assert.equal(bench.states(), "MI");
});
