/**
 * A seeded random walk over 3 and 5 cores: messages are lost, repeated and reordered, writes become
 * durable late, replicas crash and forget what was not, snapshots are taken, the configuration changes.
 * After every step the safety properties hold; after the walk, with faults at an end, the replicas
 * converge and go on. The large simulator runs the whole host; this one is here to be quick. `SEEDS=1000`
 * in the environment walks longer.
 */
import { strict as assert } from "node:assert";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Envelope } from "../../src/raft/message.ts";
import type { ConfigurationOperation } from "../../src/raft/ready.ts";
import { EMPTY_CONFIGURATION, findReplica, isVoter } from "../../src/raft/configuration.ts";
import { Random } from "../../src/random.ts";
import { Disk, founding, payloadOf, ReplicaHarness, SETTINGS } from "./replica_harness.ts";
import { SafetyChecker } from "./safety_checker.ts";

const SEEDS = Number(Deno.env.get("SEEDS") ?? 60);
const STEPS = 1_500;

class Walk {
  readonly random: Random;
  readonly checker = new SafetyChecker();
  readonly replicas = new Map<PeerId, ReplicaHarness>();
  readonly voterCount: number;
  readonly #hibernates: boolean;
  #network: Envelope[] = [];
  #proposed = 0;
  #asked = 0;

  constructor(seed: number, voterCount: number) {
    this.random = new Random(seed, voterCount);
    this.voterCount = voterCount;
    this.#hibernates = seed % 2 === 0;
    const peers = ["a", "b", "c", "d", "e"].slice(0, voterCount);
    for (const peer of peers) this.#open(peer, 1, new Disk(founding(...peers)));
    // One more peer, which changes of the configuration add and remove.
    this.#open("z", 0, new Disk(EMPTY_CONFIGURATION));
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      this.checker.check([...this.replicas.values()]);
    }
  }

  /** Faults end: all must become one, and go on. */
  heal(): void {
    for (let round = 0; round < 3_000; round++) {
      for (const replica of this.replicas.values()) {
        if (round % 100 === 0) replica.raft.wake(100);
        replica.raft.tick();
        this.#network.push(...replica.work());
      }
      for (const envelope of this.#network.splice(0)) this.#deliver(envelope);
      if (round % 50 === 0) this.#propose();
      if (round > 500 && this.#hasConverged()) {
        return this.checker.check([...this.replicas.values()]);
      }
    }
    assert.fail("the replicas did not converge after the faults ended");
  }

  #open(peer: PeerId, id: number, disk: Disk): void {
    // Id 0 stands for a peer that has no replica of the group yet.
    if (id === 0) return;
    const hibernateHeartbeats = this.#hibernates ? 2 : 0;
    const bounds = { logMemoryBytesMax: 600, appendBytesMax: 200 };
    const settings = { ...SETTINGS, ...bounds, hibernateHeartbeats };
    const replica = new ReplicaHarness({ peer, replica: id }, disk, settings, this.random);
    replica.onReady = (ready) => this.checker.observe(replica, ready);
    this.replicas.set(peer, replica);
  }

  #step(): void {
    const replica = this.random.pick([...this.replicas.values()]);
    // What the host does when the peers' heartbeats do not agree.
    if (this.random.chance(0.05)) replica.raft.wake(this.random.integer(0, 30));
    const dice = this.random.integer(0, 99);
    if (dice < 30) this.#deliverOne();
    else if (dice < 55) this.#network.push(...replica.takeReady());
    else if (dice < 64) replica.persist(this.random.integer(1, 3));
    else if (dice < 69) replica.apply();
    else if (dice < 72) replica.finishReads(1);
    else if (dice < 88) replica.raft.tick();
    else if (dice < 94) this.#propose();
    else if (dice < 95) replica.takeSnapshot();
    else if (dice < 96) this.#change();
    else if (dice < 97) replica.raft.transferLeadership(this.random.pick(["a", "b", "c"]));
    else if (dice < 98) replica.raft.campaign(this.random.chance(0.3));
    else if (dice < 99) this.#reads(replica);
    else if (this.random.chance(0.4)) replica.restart();
  }

  #deliverOne(): void {
    if (this.#network.length === 0) return;
    const first = this.random.chance(0.7) ? 0 : this.random.integer(0, this.#network.length - 1);
    const envelope = this.#network[first]!;
    const fate = this.random.integer(0, 99);
    if (fate >= 5) this.#network.splice(first, 1);
    if (fate < 90) this.#deliver(envelope);
    if (this.#network.length > 200) this.#network.splice(0, 100);
  }

  #deliver(envelope: Envelope): void {
    const { peer, replica } = envelope.to;
    const known = this.replicas.get(peer);
    // What the host does: a message to a higher replica id brings a new, empty replica into being.
    if ((known?.self.replica ?? 0) < replica) {
      this.#open(peer, replica, new Disk(EMPTY_CONFIGURATION));
    }
    this.replicas.get(peer)?.raft.step(envelope);
  }

  #propose(): void {
    for (const { raft } of this.replicas.values()) {
      const count = this.random.integer(1, 3);
      const payloads = Array.from({ length: count }, () => payloadOf(`${this.#proposed++}`));
      if (raft.role === "leader") raft.propose(payloads, this.#proposed);
    }
  }

  #change(): void {
    const operations: ConfigurationOperation[] = [];
    for (const { raft } of this.replicas.values()) {
      if (raft.role !== "leader") continue;
      const { configuration } = raft;
      const known = findReplica(configuration, "z");
      if (known === null) operations.push({ kind: "addLearner", peer: "z" });
      else if (!isVoter(configuration, known)) operations.push({ kind: "promote", peer: "z" });
      else operations.push({ kind: this.random.chance(0.5) ? "demote" : "remove", peer: "z" });
      raft.proposeConfiguration({ expectedIndex: configuration.index, operations }, 0);
      operations.length = 0;
    }
  }

  #reads({ raft }: ReplicaHarness): void {
    this.checker.readAsked(++this.#asked);
    raft.readIndex(this.#asked);
  }

  #hasConverged(): boolean {
    const leader = [...this.replicas.values()].find(({ raft }) => raft.role === "leader");
    if (leader === undefined || leader.raft.commitIndex !== leader.raft.lastIndex) return false;
    const { configuration, lastIndex } = leader.raft;
    if (configuration.votersOutgoing.length > 0) return false;
    return [...configuration.voters, ...configuration.learners].every(({ peer }) => {
      const replica = this.replicas.get(peer)!;
      return replica.appliedIndex === lastIndex &&
        replica.applied.join() === leader.applied.join();
    });
  }
}

for (const voterCount of [3, 5]) {
  Deno.test(`a random walk of ${voterCount} cores keeps every safety property`, () => {
    let committed = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        const walk = new Walk(seed, voterCount);
        walk.run();
        walk.heal();
        committed += walk.checker.committedCount;
      } catch (error) {
        throw new Error(`seed ${seed} with ${voterCount} voters failed`, { cause: error });
      }
    }
    // A walk that never commits would prove nothing.
    assert.ok(committed > SEEDS * 20, `only ${committed} entries were committed`);
  });
}
