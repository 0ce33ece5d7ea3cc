/**
 * Three peers of one process for benchmarks of the cache: production logic over TCP, storage in memory. One of them is
 * looked at, and a partition whose home is at another one.
 */
import assert from "node:assert/strict";
import { TERM_METHOD } from "../../src/cache/lease_keeper.ts";
import type { CacheService } from "../../src/cache/service.ts";
import type { PeerCore } from "../../src/peer/core.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { TestCluster } from "../../tests/peer/cluster.ts";

const PARTITIONS = 16;

/** One peer, and its cache. */
interface BenchPeer {
  readonly core: PeerCore;
  readonly cache: CacheService;
}

export class CacheBench {
  readonly cluster: TestCluster;
  /** It has no home of the partition. */
  readonly away: BenchPeer;
  readonly partition: number;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    [this.away] = this.peers as [BenchPeer];
    const { core } = this.away;
    const partitions = Array.from({ length: PARTITIONS }, (_, place) => place + 1);
    const elsewhere = partitions.find((group) => core.groups.leaderOf(group) !== core.id);
    assert.ok(elsewhere !== undefined, "some partition is led elsewhere");
    this.partition = elsewhere;
  }

  static async start(): Promise<CacheBench> {
    const cluster = new TestCluster({ electionTimeoutMs: 1_000, partitions: PARTITIONS });
    for (const peer of cluster.peers) await peer.start();
    await cluster.ready();
    return new CacheBench(cluster);
  }

  get peers(): readonly BenchPeer[] {
    return this.cluster.peers.map(({ core }) => ({ core, cache: core.generation.services.cache }));
  }

  /** A key of the partition, other than those of other numbers. */
  keyAwayFromHome(number: number): string {
    for (let salt = 0;; salt++) {
      const key = `bench:${number}:${salt}`;
      if (partitionOf("cache", key, PARTITIONS) === this.partition) return key;
    }
  }

  /** @returns a key whose line is Exclusive at the peer that is looked at */
  async owned(): Promise<string> {
    const key = this.keyAwayFromHome(-1);
    const { state } = await this.away.cache.get({ key, fill: false, waitMs: 0, fillTtlMs: null });
    assert.equal(state, "E");
    return key;
  }

  /** A question to the partition's leader, and its answer. */
  async rpc(): Promise<void> {
    await this.away.core.groups.ask(this.partition, TERM_METHOD, [], 5_000);
  }

  async stop(): Promise<void> {
    await Promise.all(this.cluster.running.map((peer) => peer.stop()));
  }
}
