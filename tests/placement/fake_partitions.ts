/** The replicas of partitions at one peer, without Raft: they are as a test says. */
import type { GroupListener, GroupStatus } from "../../src/groups/groups.ts";
import type { Configuration } from "../../src/raft/entry.ts";
import { idOf, replicaOf } from "../members/peers.ts";

export interface ReplicaWords {
  /** By default the first voter. */
  readonly leader?: number | null;
  readonly voters: readonly number[];
  readonly learners?: readonly number[];
  readonly term?: number;
}

export class FakePartitions {
  readonly #self: number;
  readonly #statuses = new Map<number, GroupStatus>();
  readonly #listeners = new Map<number, GroupListener>();
  /** How often a status was asked for. */
  looks = 0;
  /** The terms of drivers that were heeded. */
  readonly heeded: number[] = [];

  constructor(self: number) {
    this.#self = self;
  }

  /** What the replica here is from now on; null: there is none. */
  set(group: number, words: ReplicaWords | null): void {
    if (words === null) {
      this.#statuses.delete(group);
      return;
    }
    const status = this.#statusOf(group, words);
    this.#statuses.set(group, status);
    this.#listeners.get(group)?.status?.(status);
  }

  status(group: number): GroupStatus | null {
    this.looks++;
    return this.#statuses.get(group) ?? null;
  }

  listen(group: number, listener: GroupListener): void {
    this.#listeners.set(group, listener);
  }

  heedDriver(driverTerm: number): void {
    this.heeded.push(driverTerm);
  }

  #statusOf(group: number, { leader, voters, learners = [], term = 2 }: ReplicaWords): GroupStatus {
    const leading = leader === undefined ? voters[0]! : leader;
    const replicas = [...voters, ...learners].filter((number) => number !== this.#self);
    return {
      group,
      replica: 1,
      role: leading === this.#self ? "leader" : "follower",
      term,
      leader: leading === null ? null : idOf(leading),
      commitIndex: 5_000,
      appliedIndex: 5_000,
      firstIndex: 2,
      lastIndex: 5_000,
      timeMs: 0,
      asleep: true,
      configuration: configurationOf(voters, learners),
      snapshot: null,
      followers: replicas.map((number) => ({
        replica: replicaOf(number),
        state: learners.includes(number) ? "snapshot" : "replicate",
        matchIndex: learners.includes(number) ? 0 : 5_000,
        nextIndex: 5_001,
        recentlyActive: true,
      })),
    };
  }
}

function configurationOf(voters: readonly number[], learners: readonly number[]): Configuration {
  return {
    index: 40,
    voters: voters.map((number) => replicaOf(number)),
    votersOutgoing: [],
    learners: learners.map((number) => replicaOf(number)),
    learnersNext: [],
  };
}
