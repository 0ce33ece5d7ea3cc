/** Mutants of the swarm: of two ways to one peer, of what strangers may send, and of when peers are looked for. */
import { type Mutant, test } from "./mutant.ts";

export const SWARM_MUTANTS: readonly Mutant[] = [
  {
    name: "a stream of the swarm stays where TCP can be had",
    file: "src/net/pairing.ts",
    search: `} else if (candidate.way === "tcp" && this.#current.way === "swarm") {`,
    replace: `} else if (candidate.way === "tcp" && this.#current.isInitiator === null) {`,
    caughtBy: [test("tests/net/pairing_test.ts")],
  },
  {
    name: "what a stranger may send over the swarm has no bound",
    file: "src/net/swarm_line.ts",
    search: `bytesMax: LIMITS.handshakeBytesMax`,
    replace: `bytesMax: Infinity`,
    caughtBy: [test("tests/discovery/swarm_hostile_test.ts")],
  },
  {
    name: "messages without content keep the proof out",
    file: "src/net/gate.ts",
    search: `if (this.#length > EMPTY_MESSAGE_BYTES) this.#messagesLeft--;`,
    replace: `this.#messagesLeft--;`,
    caughtBy: [test("tests/net/gate_test.ts")],
  },
  {
    name: "a gate that nobody reads lets bytes fall",
    file: "src/net/gate.ts",
    search: `if (event === "data" && !this.#isRead) {`,
    replace: `if (event === "close" && !this.#isRead) {`,
    caughtBy: [test("tests/net/gate_test.ts")],
  },
  {
    name: "the topic is what proofs are made with",
    file: "src/net/topic.ts",
    search:
      `sodium.crypto_generichash(topic, TOPIC_LABEL, Buffer.from(deriveProofKey(clusterKey)));`,
    replace: `topic.set(deriveProofKey(clusterKey)); void [TOPIC_LABEL, sodium];`,
    caughtBy: [test("tests/net/topic_test.ts")],
  },
  {
    name: "an address that nobody waits for is dialled as often as any",
    file: "src/net/dialer.ts",
    search: `this.#options.isSpared(target.address) ? PATIENT_BACKOFF_MAX_MS : BACKOFF_MAX_MS`,
    replace: `this.#options.isSpared(target.address) ? BACKOFF_MAX_MS : BACKOFF_MAX_MS`,
    caughtBy: [test("tests/net/dialer_test.ts")],
  },
  {
    name: "nobody dials what a peer of the swarm tells of itself",
    file: "src/net/links.ts",
    search: `this.dialer.want(announcedBy(peer), addresses);`,
    replace: `void addresses;`,
    caughtBy: [test("tests/discovery/swarm_test.ts")],
  },
  {
    name: "a peer that has stopped stays in the swarm",
    file: "src/net/tcp_transport.ts",
    search: `await this.#options.closed?.();`,
    replace: ``,
    caughtBy: [test("tests/discovery/swarm_test.ts")],
  },
  {
    name: "a swarm that is being joined outlives its peer",
    file: "src/discovery/swarm.ts",
    search: `    if (this.#swarm === null) await this.#work;
    await this.#swarm?.destroy();`,
    replace: `    await this.#swarm?.destroy();`,
    caughtBy: [test("tests/discovery/swarm_rounds_test.ts")],
  },
  {
    name: "a connected peer is asked for again and again",
    file: "src/discovery/swarm.ts",
    search: `if (wayTo(peer) === null) this.#miss(peer, nowMs);`,
    replace: `this.#miss(peer, nowMs);`,
    caughtBy: [test("tests/discovery/swarm_rounds_test.ts")],
  },
  {
    name: "a swarm whose DHT is gone is never begun anew",
    file: "src/discovery/swarm.ts",
    search: `    this.#swarm = null;
    await swarm.destroy();
  }`,
    replace: `  }`,
    caughtBy: [test("tests/discovery/swarm_rounds_test.ts")],
  },
  {
    name: "what the DHT was told is never told again",
    file: "src/discovery/swarm.ts",
    search: `return this.#options.steadyMs;`,
    replace: `return Infinity;`,
    caughtBy: [test("tests/discovery/swarm_rounds_test.ts")],
  },
  {
    name: "leaving waits for a DHT that does not answer",
    file: "src/discovery/swarm.ts",
    search: `if (this.#swarm === null) await this.#work;`,
    replace: `await this.#work;`,
    caughtBy: [test("tests/discovery/swarm_rounds_test.ts")],
  },
  {
    name: "an address of a stranger's that is none is thrown where nobody catches it",
    file: "src/discovery/guarded_dht.ts",
    search: `        stream.destroy();
      }
    };`,
    replace: `        return connect(...address);
      }
    };`,
    caughtBy: [test("tests/discovery/guarded_dht_test.ts")],
  },
  {
    name: "a handshake that is cut short ends the process",
    file: "src/discovery/guarded_dht.ts",
    search: `throw new Error("what came is no handshake", { cause: error });`,
    replace: `throw error;`,
    caughtBy: [test("tests/discovery/swarm_hostile_test.ts")],
  },
  {
    name: "false peers are known without end",
    file: "src/discovery/bounded_swarm.ts",
    search: `if (this.#known >= KNOWN_MAX && !this.peers.has(id)) return;`,
    replace: ``,
    caughtBy: [test("tests/discovery/bounded_swarm_test.ts")],
  },
  {
    name: "a false peer is tried again before a true one is at all",
    file: "src/discovery/bounded_swarm.ts",
    search: `this.peers.get(id)?.reconnect(this.#known <= CROWD);`,
    replace: `this.peers.get(id)?.reconnect(this.#known <= KNOWN_MAX);`,
    caughtBy: [test("tests/discovery/bounded_swarm_test.ts")],
  },
];
