/** Mutants of the ring and of the wanted placement: the hash, order, zones, bounds, who counts. */
import { type Mutant, test } from "./mutant.ts";

const RING = test("tests/ring");
const MEMBERS = test("tests/members/wanted_test.ts");

export const RING_MUTANTS: readonly Mutant[] = [
  {
    name: "the hash takes the bytes behind the last block in the wrong order",
    file: "src/ring/murmur3.ts",
    search: `  for (let at = length - 1; at >= blocksEnd; at--) {
    const unit = text.charCodeAt(at);`,
    replace: `  for (let at = blocksEnd; at < length; at++) {
    const unit = text.charCodeAt(at);`,
    caughtBy: [RING],
  },
  {
    name: "the hash takes text beyond ASCII for bytes",
    file: "src/ring/murmur3.ts",
    search: `const ASCII_MAX = 0x7f;`,
    replace: `const ASCII_MAX = 0xff;`,
    caughtBy: [RING],
  },
  {
    name: "a hash at a node belongs to the next node",
    file: "src/ring/ring.ts",
    search: `if (this.#hashes[middle]! < hash) low = middle + 1;`,
    replace: `if (this.#hashes[middle]! <= hash) low = middle + 1;`,
    caughtBy: [RING],
  },
  {
    name: "the ring does not close behind its last node",
    file: "src/ring/ring.ts",
    search: `return low === this.#hashes.length ? 0 : low;`,
    replace: `return Math.min(low, this.#hashes.length - 1);`,
    caughtBy: [RING],
  },
  {
    name: "nodes of one hash in the order that the peers came in",
    file: "src/ring/ring.ts",
    search: `this.peers = [...peers].sort((a, b) => a.id < b.id ? -1 : 1);`,
    replace: `this.peers = [...peers];`,
    caughtBy: [RING],
  },
  {
    name: "zones are not looked at",
    file: "src/ring/ring.ts",
    search: `if (zones.has(peer.zone)) later.push(peer);`,
    replace: `if (zones.has(peer.zone) && zones.size === 0) later.push(peer);`,
    caughtBy: [RING],
  },
  {
    name: "zones take turns only once",
    file: "src/ring/ring.ts",
    search: `if (zones.has(peer.zone)) later.push(peer);`,
    replace: `if (zones.has(peer.zone) && zones.size === list.length) later.push(peer);`,
    caughtBy: [RING],
  },
  {
    name: "a peer of weight 0 has a node",
    file: "src/ring/ring.ts",
    search: `return weight === 0 ? 0 : Math.max(1, Math.round(weight * VIRTUAL_NODES));`,
    replace: `return Math.max(1, Math.round(weight * VIRTUAL_NODES));`,
    caughtBy: [RING],
  },
  {
    name: "the ring counts partitions from 0",
    file: "src/ring/placement.ts",
    search: "murmur3(`partition:${at + 1}`)",
    replace: "murmur3(`partition:${at}`)",
    caughtBy: [RING],
  },
  {
    name: "the first replica leads, however many it leads already",
    file: "src/ring/preferred_leaders.ts",
    search: `return this.#led.get(peer)!.size < this.#roomMax.get(peer)!;`,
    replace: `return this.#led.get(peer)!.size < Infinity;`,
    caughtBy: [RING],
  },
  {
    name: "one leader more than the bound",
    file: "src/ring/preferred_leaders.ts",
    search: `return this.#led.get(peer)!.size < this.#roomMax.get(peer)!;`,
    replace: `return this.#led.get(peer)!.size <= this.#roomMax.get(peer)!;`,
    caughtBy: [RING],
  },
  {
    name: "the bound gives way before a chain was looked for",
    file: "src/ring/preferred_leaders.ts",
    search: `        queue.push(...this.#led.get(peer)!);`,
    replace: `        void this.#led.get(peer)!;`,
    caughtBy: [RING],
  },
  {
    name: "queues and topics of events share their partitions",
    file: "src/ring/partition_of.ts",
    search: "return murmur3(`${kind}:${name}`) % partitions + 1;",
    replace: "return murmur3(`${kind.slice(0, 0)}:${name}`) % partitions + 1;",
    caughtBy: [RING],
  },
  {
    name: "a dead member keeps its part of the ring",
    file: "src/members/wanted.ts",
    search: `return { id, name, zone, weight: dead || draining ? 0 : 1 };`,
    replace: `return { id, name, zone, weight: draining ? 0 : dead ? 1 : 1 };`,
    caughtBy: [MEMBERS],
  },
  {
    name: "the wanted placement is remembered though a zone changed",
    file: "src/members/wanted.ts",
    search: `peer.name === name && peer.zone === zone && peer.weight === weight;`,
    replace: `peer.name === name && zone !== null && peer.weight === weight;`,
    caughtBy: [MEMBERS],
  },
];
