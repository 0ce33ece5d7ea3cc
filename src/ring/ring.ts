/**
 * The hash ring: which peers a hash belongs to. Each peer has 128 virtual nodes for a weight of 1, named
 * NAME-vn0, NAME-vn1, …; a node's place is the hash of its name. A hash belongs to the first node at or behind it,
 * clockwise. So a peer that is added takes only what falls to its own nodes, about its share of all, and
 * what a removed one had goes to the others.
 *
 * Equal sets of peers give equal rings, whatever the order that they come in. A ring never changes.
 */
import { murmur3 } from "./murmur3.ts";

export interface RingPeer {
  readonly id: string;
  /** Its nodes are named after it: a peer that changes its name moves on the ring. */
  readonly name: string;
  /** Peers of one zone may fail together. Those without a zone ("") count as one. */
  readonly zone: string;
  /** 1 is usual; 0: it stays known, and owns nothing. */
  readonly weight: number;
}

/** How many nodes a peer of weight 1 has. */
export const VIRTUAL_NODES = 128;
/** No more than a rounded multiple of the usual size, so that a ring is built in milliseconds. */
export const WEIGHT_MAX = 16;

const HASHES = 0x1_0000_0000;
/** A node is packed into one number, hash × this + its peer's position, so that sorting needs no comparator. */
const PEERS_MAX = 0x1_0000;

export class Ring {
  /** In ascending order of id, those of weight 0 included. */
  readonly peers: readonly RingPeer[];
  /** How many of them own something. */
  readonly owners: number;
  /** Sum of the weights. */
  readonly weight: number;
  /** The nodes' hashes, ascending; nodes of one hash in ascending order of their peers' ids. */
  readonly #hashes: Uint32Array;
  /** The position of each node's peer. */
  readonly #owners: Uint16Array;
  /** Whether the owners are in more than one zone. */
  readonly #hasZones: boolean;
  readonly #shares: ReadonlyMap<string, number>;

  /** @throws {RangeError} for an id or a name that two have, and for a weight out of its bounds */
  constructor(peers: Iterable<RingPeer>) {
    this.peers = [...peers].sort((a, b) => a.id < b.id ? -1 : 1);
    checkPeers(this.peers);
    const owning = this.peers.filter(({ weight }) => weight > 0);
    this.owners = owning.length;
    this.weight = owning.reduce((sum, { weight }) => sum + weight, 0);
    this.#hasZones = new Set(owning.map(({ zone }) => zone)).size > 1;
    const nodes = nodesOf(this.peers);
    this.#hashes = Uint32Array.from(nodes, (node) => Math.floor(node / PEERS_MAX));
    this.#owners = Uint16Array.from(nodes, (node) => node % PEERS_MAX);
    this.#shares = this.#measureShares();
  }

  /** @returns whom a hash in 0 .. 2^32 - 1 belongs to; null where nobody owns anything */
  ownerOf(hash: number): RingPeer | null {
    if (this.owners === 0) return null;
    return this.#peerOf(this.#nodeOf(hash));
  }

  /**
   * The peers for so many copies, all different, the owner first: clockwise, but a zone comes a second time only
   * when every zone that still has peers came once, a third time when each came twice, and so on. A shorter list
   * is always the beginning of a longer one.
   * @returns fewer than `count` where fewer own something
   */
  preferenceList(hash: number, count: number): readonly RingPeer[] {
    const wanted = Math.min(count, this.owners);
    if (!this.#hasZones) return [...this.#clockwise(hash).take(wanted)];
    const list: RingPeer[] = [];
    let candidates: Iterable<RingPeer> = this.#clockwise(hash);
    while (list.length < wanted) {
      const zones = new Set<string>();
      const later: RingPeer[] = [];
      for (const peer of candidates) {
        if (zones.has(peer.zone)) later.push(peer);
        else {
          zones.add(peer.zone);
          if (list.push(peer) === wanted) break;
        }
      }
      candidates = later;
    }
    return list;
  }

  /** @returns which part of the hashes (0 .. 1) belongs to this peer */
  shareOf(peer: RingPeer): number {
    return this.#shares.get(peer.id) ?? 0;
  }

  /** All owners, each once, in the order in which their nodes come from a hash on. */
  *#clockwise(hash: number): Generator<RingPeer, void> {
    const found = new Set<number>();
    const { length } = this.#owners;
    for (let node = this.#nodeOf(hash); found.size < this.owners; node = (node + 1) % length) {
      const position = this.#owners[node]!;
      if (found.has(position)) continue;
      found.add(position);
      yield this.peers[position]!;
    }
  }

  /** The first node at or behind a hash; behind the last one comes the first. */
  #nodeOf(hash: number): number {
    let low = 0;
    let high = this.#hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === this.#hashes.length ? 0 : low;
  }

  #peerOf(node: number): RingPeer {
    return this.peers[this.#owners[node]!]!;
  }

  #measureShares(): Map<string, number> {
    const shares = new Map<string, number>();
    const { length } = this.#hashes;
    // The arc of the first node reaches back over 0 to the last one.
    let before = length === 0 ? 0 : this.#hashes[length - 1]! - HASHES;
    for (let node = 0; node < length; node++) {
      const hash = this.#hashes[node]!;
      const { id } = this.#peerOf(node);
      shares.set(id, (shares.get(id) ?? 0) + (hash - before) / HASHES);
      before = hash;
    }
    return shares;
  }
}

/** How many nodes a peer of this weight has: at least one where it is to own anything. */
export function virtualNodesOf(weight: number): number {
  return weight === 0 ? 0 : Math.max(1, Math.round(weight * VIRTUAL_NODES));
}

/** All nodes, packed and sorted. */
function nodesOf(peers: readonly RingPeer[]): Float64Array {
  const counts = peers.map(({ weight }) => virtualNodesOf(weight));
  const nodes = new Float64Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [position, { name }] of peers.entries()) {
    for (let number = 0; number < counts[position]!; number++) {
      nodes[at++] = murmur3(`${name}-vn${number}`) * PEERS_MAX + position;
    }
  }
  return nodes.sort();
}

/** @param peers in ascending order of id */
function checkPeers(peers: readonly RingPeer[]): void {
  if (peers.length > PEERS_MAX) {
    throw new RangeError(`a ring of ${peers.length} peers is too large`);
  }
  const names = new Set<string>();
  for (const [position, { id, name, weight }] of peers.entries()) {
    if (peers[position + 1]?.id === id) {
      throw new RangeError(`two peers of a ring have the id ${id}`);
    }
    // Their nodes would be the same, and one of the two would own nothing.
    if (names.has(name)) throw new RangeError(`two peers of a ring are named ${name}`);
    names.add(name);
    if (!(weight >= 0 && weight <= WEIGHT_MAX)) {
      throw new RangeError(`a weight is 0 to ${WEIGHT_MAX}; ${name} has ${weight}`);
    }
  }
}
