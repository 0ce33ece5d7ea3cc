/**
 * Peers that know nothing of each other but the cluster key and a DHT, each on a machine of its own: they become one
 * cluster, over TCP where they can dial each other and over the swarm where not, and stay one when the DHT goes away,
 * when an address changes, and when TCP comes and goes.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { oneWithin } from "../speed_limit.ts";
import { MachineProcess } from "./machine_process.ts";
import { Machines, whyNoMachines } from "./machines.ts";

const PEERS = 3;
const ALL = [1, 2, 3];
/** Machines: the DHT's, then the peers', and one for a peer that comes later. */
const DHT = 0;
const LATE = PEERS + 1;
const DHT_PORT = 49_737;
const PEER_PORT = 7_001;
/** On a machine of its own it takes a second, but tests share theirs. */
const CLUSTER_MS = 5_000;
/** Far more than a change of way takes anywhere. */
const CHANGE_MS = 60_000;

const reason = await whyNoMachines();

class Fleet implements AsyncDisposable {
  readonly machines: Machines;
  readonly #directory = Deno.makeTempDirSync({ prefix: "skein-swarm-" });
  readonly #clusterKey = crypto.randomUUID();
  readonly #listen: (machine: number) => string;
  readonly #processes = new Map<number, MachineProcess>();
  #served = 0;

  private constructor(machines: Machines, isReachable: boolean) {
    this.machines = machines;
    this.#listen = (machine) => isReachable ? machines.addressOf(machine) : "127.0.0.1";
  }

  /**
   * @param isReachable whether peers listen where others can dial them, or on their own loopback alone
   * @param hidden the machines behind routers
   */
  static async with(
    isReachable: boolean,
    hidden: readonly number[],
    test: (fleet: Fleet) => Promise<void>,
  ): Promise<void> {
    await using machines = await Machines.make(PEERS + 2, hidden);
    await using fleet = new Fleet(machines, isReachable);
    try {
      fleet.startDht();
      for (let machine = 1; machine <= PEERS; machine++) fleet.start(machine);
      await test(fleet);
    } catch (error) {
      for (const [machine, { log }] of fleet.#processes) {
        console.error(`--- machine ${machine}, last log lines\n${log.slice(-25).join("\n")}`);
      }
      throw error;
    }
  }

  startDht(): void {
    const address = `${this.machines.addressOf(DHT)}:${DHT_PORT}`;
    this.#run(DHT, ["dht", "--listen", address]);
  }

  start(machine: number): void {
    // deno-fmt-ignore
    this.#run(machine, [
      "run", "--name", `p${machine}`, "--data", `${this.#directory}/p${machine}`, "--http", "8001",
      "--listen", `${this.#listen(machine)}:${PEER_PORT}`, "--cluster-key", this.#clusterKey,
      "--swarm", "--swarm-bootstrap", `${this.machines.addressOf(DHT)}:${DHT_PORT}`,
      "--expect", String(PEERS), "--log-format", "json",
    ]);
  }

  #run(machine: number, args: readonly string[]): void {
    this.#processes.set(machine, new MachineProcess(this.machines, machine, args));
  }

  on(machine: number): MachineProcess {
    return this.#processes.get(machine)!;
  }

  async end(machine: number, signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    return await this.on(machine).end(signal);
  }

  /** @returns once every peer is ready, how long that took from when the last one answered at all, in milliseconds */
  async formed(): Promise<number> {
    await eventually("every peer answers", CHANGE_MS, async () => {
      for (const peer of ALL) await this.on(peer).get("/cluster/self").catch(rethrow(peer));
    });
    const answeredAtMs = performance.now();
    await this.ready();
    return Math.round(performance.now() - answeredAtMs);
  }

  /** The same, and fails unless one of a few times the peers were fast enough. */
  async formedInTime(): Promise<void> {
    await oneWithin(
      "a cluster, since the last of three peers answered:",
      CLUSTER_MS,
      async (number) => {
        if (number > 0) await this.#startAnew();
        return await this.formed();
      },
    );
  }

  async #startAnew(): Promise<void> {
    await Promise.all(ALL.map((peer) => this.end(peer, "SIGKILL")));
    for (const peer of ALL) {
      await Deno.remove(`${this.#directory}/p${peer}`, { recursive: true });
      this.start(peer);
    }
  }

  async ready(): Promise<void> {
    await eventually("every peer is ready", CHANGE_MS, async () => {
      for (const peer of ALL) assert.equal((await this.on(peer).get("/ready")).status, 200);
    });
  }

  /** Waits until every one of them is connected to every other over this way. */
  async connected(way: "tcp" | "swarm", peers: readonly number[] = ALL): Promise<void> {
    const names = peers.map((peer) => `p${peer}`);
    await eventually(`all are connected by ${way}`, CHANGE_MS, async () => {
      for (const peer of peers) {
        const { body } = await this.on(peer).get("/cluster");
        const ways = Object.fromEntries(
          // deno-lint-ignore no-explicit-any
          body.members.filter((member: any) => !member.self && names.includes(member.name))
            // deno-lint-ignore no-explicit-any
            .map((member: any) => [member.name, member.connection?.way]),
        );
        const others = names.filter((name) => name !== `p${peer}`);
        assert.deepEqual(ways, Object.fromEntries(others.map((name) => [name, way])));
      }
    });
  }

  /** A lock excludes, and a message that one peer took is delivered by another, once. */
  async serves(): Promise<void> {
    const serial = ++this.#served;
    const lock = { resource: `lock ${serial}`, ttl: 60 };
    const held = await this.on(1).post("/lock/acquire", { ...lock, owner: "one" });
    assert.equal(held.status, 200, JSON.stringify(held.body));
    const refused = await this.on(2).post("/lock/acquire", { ...lock, owner: "two" });
    assert.equal(refused.status, 409, JSON.stringify(refused.body));
    const topic = `topic-${serial}`;
    const sent = await this.on(2).post("/queue/publish", { topic, data: { serial } });
    assert.equal(sent.status, 200, JSON.stringify(sent.body));
    const took = await this.on(3).post("/queue/consume", { topic, consumer: "c", wait: 5 });
    assert.deepEqual(took.body.message.data, { serial });
    const { id, receipt } = took.body.message;
    assert.equal((await this.on(1).post("/queue/ack", { topic, id, receipt })).status, 200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes.values()].map((each) => each.end("SIGKILL")));
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function rethrow(peer: number): (error: Error) => never {
  return (error) => {
    throw new Error(`p${peer}: ${error.message}`);
  };
}

type Step = (name: string, run: (fleet: Fleet) => Promise<void>) => Promise<void>;

/** @param run in steps, each of which begins where the one before ended */
function test(
  name: string,
  isReachable: boolean,
  run: (step: Step) => Promise<void>,
  hidden: readonly number[] = [],
): void {
  const skipped = reason === null ? "" : ` (skipped: ${reason})`;
  Deno.test({
    name: `swarm: ${name}${skipped}`,
    ignore: reason !== null,
    fn: (context) =>
      Fleet.with(isReachable, hidden, async (fleet) => {
        await run(async (name, runStep) => {
          assert.ok(await context.step(name, () => runStep(fleet)), name);
        });
      }),
  });
}

test("three machines with a key and a DHT, which can dial each other", true, async (step) => {
  await step("they are a cluster in seconds, over TCP, found by the swarm", async (fleet) => {
    await fleet.formedInTime();
    await fleet.connected("tcp");
    await fleet.serves();
    const { body } = await fleet.on(1).get("/cluster");
    // deno-lint-ignore no-explicit-any
    for (const { self, connection } of body.members as any[]) {
      if (!self) assert.ok(connection.found_by.includes("swarm"), JSON.stringify(connection));
    }
  });
  await step("TCP that is cut off gives way to the swarm, and comes back", async (fleet) => {
    for (const machine of ALL) await fleet.machines.blockTcp(machine);
    await fleet.connected("swarm");
    await fleet.ready();
    await fleet.serves();
    for (const machine of ALL) await fleet.machines.allowTcp(machine);
    await fleet.connected("tcp");
    await fleet.ready();
    await fleet.serves();
  });
  await step(
    "a peer that comes back with another address is found again, over TCP",
    async (fleet) => {
      await fleet.end(3);
      await fleet.machines.move(3, 33);
      fleet.start(3);
      await fleet.ready();
      await fleet.connected("tcp");
      await fleet.serves();
    },
  );
});

test("three machines that cannot dial each other", false, async (step) => {
  await step("they are a cluster in seconds all the same, over the swarm", async (fleet) => {
    await fleet.formedInTime();
    await fleet.connected("swarm");
    await fleet.serves();
    await fleet.connected("swarm");
  });
  await step("a peer that is moved while it runs is found again", async (fleet) => {
    const losses = () => fleet.on(3).log.filter((line) => line.includes("connection lost")).length;
    const before = losses();
    await fleet.machines.move(3, 33);
    await eventually("it was lost", CHANGE_MS, () => assert.ok(losses() >= before + PEERS - 1));
    await fleet.connected("swarm");
    await fleet.ready();
    await fleet.serves();
  });
  await step("one that comes back with another address is found again", async (fleet) => {
    assert.equal((await fleet.end(2)).code, 0);
    await fleet.machines.move(2, 32);
    fleet.start(2);
    await fleet.ready();
    await fleet.connected("swarm");
    await fleet.serves();
  });
  await step(
    "a DHT that dies is not missed by who is connected, and finds others when it is back",
    async (fleet) => {
      await fleet.end(DHT, "SIGKILL");
      await fleet.serves();
      fleet.start(LATE);
      await eventually("the late peer says why it is alone", CHANGE_MS, () => {
        assert.ok(fleet.on(LATE).log.some((line) => line.includes("no node of the DHT answers")));
      });
      fleet.startDht();
      await eventually("the late peer is a member", CHANGE_MS, async () => {
        const { body } = await fleet.on(1).get("/cluster");
        assert.equal(body.members.length, PEERS + 1);
      });
      await fleet.connected("swarm", [...ALL, LATE]);
      await fleet.serves();
    },
  );
  await step("they stop when they are asked to", async (fleet) => {
    for (const peer of [...ALL, LATE]) assert.equal((await fleet.end(peer)).code, 0);
  });
});

test(
  "two machines behind routers of their own, and a third",
  true,
  async (step) => {
    await step("they are one over holes in the routers", async (fleet) => {
      await fleet.formed();
      // They dial the third, which can dial neither; only between the two there is no other way.
      await fleet.connected("tcp", [1, 2]);
      await fleet.connected("tcp", [1, 3]);
      await fleet.connected("swarm", [2, 3]);
      await fleet.serves();
    });
  },
  [2, 3],
);
