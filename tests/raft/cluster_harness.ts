/**
 * Several cores with a network between them that delivers in order, unless a link is cut. Everything is
 * done at once: for tests that ask what comes of something, not when.
 */
import type { PeerId } from "../../src/raft/entry.ts";
import type { Envelope } from "../../src/raft/message.ts";
import { Random } from "../../src/random.ts";
import { EMPTY_CONFIGURATION } from "../../src/raft/configuration.ts";
import {
  Disk,
  founding,
  payloadOf,
  ReplicaHarness,
  SETTINGS,
  type Settings,
} from "./replica_harness.ts";

export class ClusterHarness {
  readonly replicas = new Map<PeerId, ReplicaHarness>();
  /** Messages that are dropped. */
  lose: (envelope: Envelope) => boolean = () => false;
  /** Messages that were delivered, for tests that count them. */
  readonly delivered: Envelope[] = [];
  readonly #settings: Settings;
  readonly #random = new Random(7);

  constructor(peers: readonly PeerId[], settings: Partial<Settings> = {}) {
    this.#settings = { ...SETTINGS, ...settings };
    const base = founding(...peers);
    for (const peer of peers) this.#add(peer, 1, new Disk(base));
  }

  at(peer: PeerId): ReplicaHarness {
    return this.replicas.get(peer)!;
  }

  /** A new, empty replica of this peer. */
  join(peer: PeerId, replica: number): void {
    this.#add(peer, replica, new Disk(EMPTY_CONFIGURATION));
  }

  #add(peer: PeerId, replica: number, disk: Disk): void {
    const harness = new ReplicaHarness({ peer, replica }, disk, this.#settings, this.#random);
    this.replicas.set(peer, harness);
  }

  /** Delivers until nothing moves. */
  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const replica of this.replicas.values()) {
        for (const envelope of replica.work()) {
          moved = true;
          this.deliver(envelope);
        }
      }
    }
    for (const replica of this.replicas.values()) replica.raft.checkInvariants();
  }

  deliver(envelope: Envelope): void {
    if (this.lose(envelope)) return;
    this.delivered.push(envelope);
    this.replicas.get(envelope.to.peer)?.raft.step(envelope);
  }

  /** Time passes for everyone, and everything that comes of it happens. */
  tick(count: number): void {
    for (let tick = 0; tick < count; tick++) {
      for (const replica of this.replicas.values()) replica.raft.tick();
      this.settle();
    }
  }

  elect(peer: PeerId): void {
    this.at(peer).raft.campaign(true);
    this.settle();
  }

  propose(peer: PeerId, ...texts: readonly string[]): void {
    this.at(peer).raft.propose(texts.map(payloadOf), 0);
    this.settle();
  }

  leaders(): readonly PeerId[] {
    return [...this.replicas].filter(([, { raft }]) => raft.role === "leader").map(([peer]) =>
      peer
    );
  }

  /** Drops everything between this peer and the others. */
  isolate(peer: PeerId): void {
    this.lose = ({ from, to }) => from.peer === peer || to.peer === peer;
  }

  heal(): void {
    this.lose = () => false;
  }
}
