/** Which connection of a pair stays: every rule of the deciding side, and that the other only follows. */
import assert from "node:assert/strict";
import type { Connection } from "../../src/net/connection.ts";
import type { Way } from "../../src/net/line.ts";
import { Pairing } from "../../src/net/pairing.ts";
import { ManualClock } from "../manual_clock.ts";

/** What pairing knows of a connection; closing it tells the pairing, as the real one does. */
class FakeConnection {
  stage = "candidate";
  pings = 0;
  closedFor: string | null = null;
  readonly #pairing: Pairing;

  constructor(
    pairing: Pairing,
    readonly isInitiator: boolean,
    readonly remoteIsConnected = false,
    readonly instance = "first boot",
    readonly way: Way = "tcp",
  ) {
    this.#pairing = pairing;
  }

  ping(): void {
    this.pings++;
  }

  close(reason: string): void {
    if (this.closedFor !== null) return;
    this.closedFor = reason;
    this.#pairing.remove(this.asConnection());
  }

  asConnection(): Connection {
    return this as unknown as Connection;
  }
}

interface Scene {
  readonly pairing: Pairing;
  readonly clock: ManualClock;
  readonly taken: unknown[];
  add(
    isInitiator: boolean,
    remoteIsConnected?: boolean,
    instance?: string,
    way?: Way,
  ): FakeConnection;
}

function createScene(decides = true): Scene {
  const clock = new ManualClock();
  const taken: unknown[] = [];
  const pairing = new Pairing(clock, decides, (connection) => taken.push(connection));
  return {
    pairing,
    clock,
    taken,
    add(...said) {
      const connection = new FakeConnection(pairing, ...said);
      pairing.add(connection.asConnection());
      return connection;
    },
  };
}

Deno.test("the first one is taken, whoever dialled", () => {
  for (const isInitiator of [true, false]) {
    const { taken, add } = createScene();
    const connection = add(isInitiator);
    assert.deepEqual(taken, [connection]);
  }
});

Deno.test("of two simultaneous ones that of the lower identity stays, in either order", () => {
  const { pairing, taken, add } = createScene();
  pairing.ownHandshakeBegan();
  const theirs = add(false);
  assert.deepEqual(taken, [], "ours is still on its way");
  const ours = add(true);
  pairing.ownHandshakeEnded();
  assert.deepEqual(taken, [ours]);
  assert.equal(theirs.closedFor, null, "it may be that ours was lost");
  pairing.answered(ours.asConnection());
  assert.equal(theirs.closedFor, "superfluous");
  assert.equal(ours.closedFor, null);
});

Deno.test("theirs is taken when ours fails after all", () => {
  const { pairing, taken, add } = createScene();
  pairing.ownHandshakeBegan();
  const theirs = add(false);
  pairing.ownHandshakeEnded();
  assert.deepEqual(taken, [theirs]);
});

Deno.test("one that comes while the other side has one in use is closed at once", () => {
  for (const isInitiator of [true, false]) {
    const { taken, add } = createScene();
    const first = add(false);
    const second = add(isInitiator, true);
    assert.equal(second.closedFor, "superfluous");
    assert.deepEqual(taken, [first]);
  }
});

Deno.test("where the other side has none in use, the one we have must answer or is replaced", () => {
  const { clock, taken, add } = createScene();
  const dead = add(true);
  const later = add(false, false);
  assert.equal(dead.pings, 1);
  add(false, false);
  assert.equal(dead.pings, 1, "one probe serves all candidates");
  clock.advance(999);
  assert.equal(dead.closedFor, null);
  clock.advance(1);
  assert.notEqual(dead.closedFor, null);
  assert.deepEqual(taken, [dead, later]);
});

Deno.test("a probe ends with the connection that it asks", () => {
  const { clock, taken, add } = createScene();
  const first = add(true);
  const second = add(false, false);
  first.close("it broke");
  assert.deepEqual(taken, [first, second]);
  assert.equal(clock.timers, 0);
  clock.advance(5_000);
  assert.equal(second.closedFor, null);
});

Deno.test("a restarted peer replaces its former process, even where that still seems alive", () => {
  const { clock, taken, add } = createScene();
  const former = add(true);
  const later = add(false, false, "second boot");
  assert.deepEqual(taken, [former, later]);
  assert.notEqual(former.closedFor, null);
  assert.equal(later.closedFor, null);
  assert.equal(clock.timers, 0);
});

Deno.test("the side that does not decide takes nothing by itself, and follows every choice", () => {
  const { pairing, taken, add } = createScene(false);
  const first = add(true);
  const second = add(false);
  assert.equal(pairing.current, null);
  pairing.follow(second.asConnection());
  assert.equal(pairing.current, second);
  assert.equal(first.closedFor, null, "only the other side may close a candidate");
  pairing.follow(first.asConnection());
  assert.equal(pairing.current, first);
  assert.notEqual(second.closedFor, null);
  assert.deepEqual(taken, []);
});

Deno.test("it is empty again when all are gone", () => {
  const { pairing, add } = createScene();
  assert(pairing.isEmpty);
  pairing.ownHandshakeBegan();
  assert(!pairing.isEmpty);
  const connection = add(true);
  pairing.ownHandshakeEnded();
  assert(!pairing.isEmpty);
  connection.close("done");
  assert(pairing.isEmpty);
});

Deno.test("TCP takes the place of a stream of the swarm, whatever the other side believes; never the reverse", () => {
  for (const isInitiator of [true, false]) {
    for (const remoteIsConnected of [true, false]) {
      const { taken, add } = createScene();
      const swarm = add(true, false, "first boot", "swarm");
      const tcp = add(isInitiator, remoteIsConnected, "first boot", "tcp");
      assert.deepEqual(taken, [swarm, tcp]);
      assert.equal(swarm.closedFor, "it can be dialled now");
      const superfluous = add(isInitiator, true, "first boot", "swarm");
      assert.equal(superfluous.closedFor, "superfluous");
      assert.deepEqual(taken, [swarm, tcp]);
    }
  }
});

Deno.test("TCP that is silent gives way to a stream of the swarm", () => {
  const { clock, taken, add } = createScene();
  const tcp = add(true);
  const swarm = add(false, false, "first boot", "swarm");
  assert.equal(tcp.pings, 1);
  clock.advance(1_000);
  assert.notEqual(tcp.closedFor, null);
  assert.deepEqual(taken, [tcp, swarm]);
});

Deno.test("of several that wait TCP is taken first", () => {
  const { pairing, taken, add } = createScene();
  pairing.ownHandshakeBegan();
  const swarm = add(false, false, "first boot", "swarm");
  const tcp = add(false);
  assert.deepEqual(taken, []);
  pairing.ownHandshakeEnded();
  assert.deepEqual(taken, [tcp]);
  assert.equal(swarm.closedFor, null);
});
