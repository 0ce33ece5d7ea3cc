/** Static discovery: what entries mean, now and later, with a name server and endpoints of the test's own. */
import assert from "node:assert/strict";
import {
  type EndpointAnswer,
  StaticDiscovery,
  type StaticEntry,
} from "../../src/discovery/static.ts";
import { SILENT } from "../../src/logger.ts";
import { ManualClock } from "../manual_clock.ts";

const ID = "a".repeat(64);

function entry(written: string): StaticEntry {
  const [, scheme, host, port] = /^(https?:\/\/)?\[?(.*?)\]?:(\d+)$/.exec(written)!;
  return { written, kind: scheme ? "http" : "peer", host: host!, port: Number(port) };
}

/** The world answers with promises that are settled already, so a few turns of their queue suffice. */
async function answered(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
}

class World {
  readonly clock = new ManualClock();
  readonly names = new Map<string, string[]>();
  readonly endpoints = new Map<string, EndpointAnswer>();
  /** What `changed` was called with. */
  readonly changes: (readonly string[])[] = [];
  readonly asked: string[] = [];
  lookUps = 0;

  discover(...written: string[]): StaticDiscovery {
    return new StaticDiscovery({
      entries: written.map(entry),
      lookUp: (host) => {
        this.lookUps++;
        const found = this.names.get(host);
        return found === undefined
          ? Promise.reject(new Error("no such name"))
          : Promise.resolve(found);
      },
      ask: (url) => {
        this.asked.push(url);
        const answer = this.endpoints.get(url);
        return answer === undefined
          ? Promise.reject(new Error("refused"))
          : Promise.resolve(answer);
      },
      clock: this.clock,
      logger: SILENT,
      changed: (addresses) => this.changes.push(addresses),
    });
  }

  /** Lets time pass in small steps, and what was asked be answered. */
  async pass(spanMs: number): Promise<void> {
    await answered();
    for (let passedMs = 0; passedMs < spanMs; passedMs += 50) {
      this.clock.advance(50);
      await answered();
    }
  }
}

async function run(
  written: string[],
  use: (discovery: StaticDiscovery, world: World) => Promise<void>,
  prepare: (world: World) => void = () => {},
): Promise<void> {
  const world = new World();
  prepare(world);
  const discovery = world.discover(...written);
  discovery.start();
  try {
    await world.pass(0);
    await use(discovery, world);
  } finally {
    discovery.close();
    assert.equal(world.clock.timers, 0);
  }
}

Deno.test("IP addresses are taken as they are, and nobody is asked", async () => {
  await run(["10.0.0.1:7001", "[::1]:7002", "10.0.0.1:7001"], async (discovery, world) => {
    assert.deepEqual(discovery.addresses(), ["10.0.0.1:7001", "[::1]:7002"]);
    assert.deepEqual(discovery.entries().map(({ written }) => written), [
      "10.0.0.1:7001",
      "[::1]:7002",
      "10.0.0.1:7001",
    ]);
    await world.pass(60_000);
    assert.equal(world.lookUps, 0);
  });
});

Deno.test("a name of one address, or one of each family, is one peer and dialled by its name", async () => {
  await run(["localhost:7001"], async (discovery) => {
    const [view] = discovery.entries();
    assert.equal(view!.addressCount, 1);
    assert.deepEqual(view!.addresses, ["localhost:7001"]);
    assert.deepEqual(view!.lookedUp, ["127.0.0.1:7001", "[::1]:7001"]);
    await Promise.resolve();
  }, ({ names }) => names.set("localhost", ["::1", "127.0.0.1"]));
});

Deno.test("a name with several addresses is several peers, and more of them are noticed later", async () => {
  await run(["peers:7001"], async (discovery, world) => {
    assert.equal(discovery.entries()[0]!.addressCount, 2);
    assert.deepEqual(discovery.addresses(), ["10.0.0.1:7001", "10.0.0.2:7001"]);
    world.names.set("peers", ["10.0.0.3", "10.0.0.1", "10.0.0.2"]);
    await world.pass(30_000);
    assert.deepEqual(world.changes.at(-1), ["10.0.0.1:7001", "10.0.0.2:7001", "10.0.0.3:7001"]);
    world.names.set("peers", ["10.0.0.3", "10.0.0.2"]);
    await world.pass(30_000);
    assert.deepEqual(discovery.addresses(), ["10.0.0.2:7001", "10.0.0.3:7001"]);
  }, ({ names }) => names.set("peers", ["10.0.0.2", "10.0.0.1"]));
});

Deno.test("a service that is scaled up is as many peers as its name has addresses, in any order", async () => {
  await run(["peer-1:7001", "node:7001"], async (discovery, world) => {
    assert.deepEqual(discovery.addresses(), ["peer-1:7001"]);
    const five = ["10.0.1.5", "10.0.1.4", "10.0.1.3", "10.0.1.2", "10.0.1.1"];
    world.names.set("node", five);
    await world.pass(5_000);
    const expected = five.toReversed().map((address) => `${address}:7001`);
    assert.deepEqual(discovery.addresses(), ["peer-1:7001", ...expected]);
    assert.deepEqual(discovery.entries().map(({ addressCount }) => addressCount), [1, 5]);
    // A name server gives them in another order each time, which is no news.
    const { length } = world.changes;
    world.names.set("node", [...five.slice(2), ...five.slice(0, 2)]);
    await world.pass(30_000);
    assert.equal(world.changes.length, length);
    world.names.set("node", five.slice(0, 1));
    await world.pass(30_000);
    assert.deepEqual(discovery.addresses(), ["peer-1:7001", "node:7001"]);
  }, ({ names }) => names.set("peer-1", ["10.0.0.1"]));
});

Deno.test("a name that is not known yet is asked for again soon, then with growing pauses", async () => {
  await run(["late:7001"], async (discovery, world) => {
    assert.equal(discovery.entries()[0]!.addressCount, 0);
    await world.pass(300);
    assert(world.lookUps >= 3, `${world.lookUps} look-ups at first`);
    await world.pass(120_000);
    assert(world.lookUps < 50, `${world.lookUps} look-ups in two minutes`);
    world.names.set("late", ["10.0.0.9"]);
    await world.pass(5_000);
    assert.deepEqual(discovery.addresses(), ["late:7001"]);
  });
});

Deno.test("what a name meant last stays while the name server is away", async () => {
  await run(["peers:7001"], async (discovery, world) => {
    world.names.clear();
    await world.pass(60_000);
    assert.deepEqual(discovery.addresses(), ["10.0.0.1:7001", "10.0.0.2:7001"]);
    assert.equal(world.changes.length, 1);
  }, ({ names }) => names.set("peers", ["10.0.0.1", "10.0.0.2"]));
});

Deno.test("an admin endpoint is asked where its peer listens, until it answers", async () => {
  await run(["http://10.0.0.1:8001"], async (discovery, world) => {
    assert.deepEqual(discovery.addresses(), []);
    assert.equal(discovery.entries()[0]!.addressCount, 0);
    world.endpoints.set("http://10.0.0.1:8001", {
      id: ID,
      addresses: ["10.0.0.1:7001", "nonsense"],
    });
    await world.pass(1_000);
    assert.deepEqual(discovery.addresses(), ["10.0.0.1:7001"]);
    assert.deepEqual(discovery.entries()[0]!.peers, [ID]);
    assert.equal(discovery.entries()[0]!.addressCount, 1);
    world.endpoints.set("http://10.0.0.1:8001", { id: ID, addresses: ["10.0.0.1:7009"] });
    await world.pass(60_000);
    assert.deepEqual(discovery.addresses(), ["10.0.0.1:7009"]);
  });
});

Deno.test("an endpoint's name with several addresses is several endpoints; those that answer count", async () => {
  await run(["http://peers:8001"], async (discovery, world) => {
    assert.deepEqual(world.asked.slice(0, 2), ["http://10.0.0.1:8001", "http://10.0.0.2:8001"]);
    assert.equal(discovery.entries()[0]!.addressCount, 2);
    assert.deepEqual(discovery.addresses(), ["10.0.0.2:7001"]);
    await Promise.resolve();
  }, ({ names, endpoints }) => {
    names.set("peers", ["10.0.0.1", "10.0.0.2"]);
    endpoints.set("http://10.0.0.2:8001", { id: ID, addresses: ["10.0.0.2:7001"] });
  });
});
