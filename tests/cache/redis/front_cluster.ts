/**
 * Three peers in this process whose caches stand in front of a real redis-server, and an application beside them that
 * uses the same keys.
 */
import assert from "node:assert/strict";
import type { GetAnswer, PutAnswer, PutRequest } from "../../../src/cache/cache.ts";
import type { MakeCacheFront } from "../../../src/cache/cache_front.ts";
import { redisFront, type RedisFrontOptions } from "../../../src/cache/redis/redis_front.ts";
import { parseRedisUrl } from "../../../src/storage/redis/redis_address.ts";
import { eventually } from "../../eventually.ts";
import { type ClusterOptions, type ClusterPeer, TestCluster } from "../../peer/cluster.ts";
import { RedisServer } from "../../redis_server.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Leases last long enough that a machine with much to do does not end them. */
const ELECTION_TIMEOUT_MS = 1_500;
export const PREFIX = "app:";

export interface FrontOptions extends ClusterOptions {
  /** Flags of the redis-server. */
  readonly flags?: readonly string[];
  readonly front?: Partial<RedisFrontOptions>;
  /** In the place of the server's own. */
  readonly url?: (server: RedisServer) => string;
}

export function frontOf(url: string, more: Partial<RedisFrontOptions> = {}): MakeCacheFront {
  return redisFront({
    address: parseRedisUrl(url)!,
    certificates: null,
    prefix: PREFIX,
    write: "back",
    lineTtlMs: 10_000,
    ...more,
  });
}

export class FrontCluster {
  readonly server: RedisServer;
  readonly cluster: TestCluster;

  constructor(server: RedisServer, cluster: TestCluster) {
    this.server = server;
    this.cluster = cluster;
  }

  static with(options: FrontOptions, test: (it: FrontCluster) => Promise<void>): Promise<void> {
    const { flags = [], front = {}, url = ({ url }) => url, ...others } = options;
    return RedisServer.with(flags, (server) => {
      const makeCacheFront = frontOf(url(server), front);
      const settings = { electionTimeoutMs: ELECTION_TIMEOUT_MS, makeCacheFront, ...others };
      return TestCluster.with(settings, (cluster) => test(new FrontCluster(server, cluster)));
    });
  }

  get peers(): readonly ClusterPeer[] {
    return this.cluster.running;
  }

  peer(place: number): ClusterPeer {
    return this.cluster.peers[place]!;
  }

  /** As an application does it: the reply as it came. */
  send(...args: readonly string[]): Promise<string> {
    return this.server.send(...args);
  }

  /** What an application reads; null: nothing. */
  async stored(key: string): Promise<string | null> {
    const reply = await this.send("GET", PREFIX + key);
    const [head = "", ...rest] = reply.split("\r\n");
    return head === "$-1" ? null : rest.slice(0, -1).join("\r\n");
  }

  get(place: number, key: string): Promise<GetAnswer> {
    return this.peer(place).core.cache.get({ key, fill: false, waitMs: 0, fillTtlMs: null });
  }

  /** The value at this peer, null where there is none. */
  async read(place: number, key: string): Promise<unknown> {
    const { value } = await this.get(place, key);
    return value === null ? null : JSON.parse(decoder.decode(value.data));
  }

  put(
    place: number,
    key: string,
    value: unknown,
    more: Partial<PutRequest> = {},
  ): Promise<PutAnswer> {
    const data = encoder.encode(JSON.stringify(value));
    const plain = { ttlMs: null, durable: false, ifVersion: undefined, fillToken: null };
    return this.peer(place).core.cache.put({ key, data, ...plain, request: null, ...more });
  }

  /** Every peer reads this, at once or soon. */
  async everywhere(key: string, value: unknown): Promise<void> {
    await eventually(`every peer reads ${JSON.stringify(value)}`, 10_000, async () => {
      for (let place = 0; place < this.peers.length; place++) {
        assert.deepEqual(await this.read(place, key), value, `peer ${place + 1}`);
      }
    });
  }

  /** Every peer's connection tells of changes in this way. */
  async watched(mode: "tracking" | "notifications" | "ttl" = "tracking"): Promise<void> {
    await eventually(`changes are told by ${mode}`, 10_000, () => {
      for (const { core } of this.peers) assert.equal(core.cache.stats().front?.watch, mode);
    });
  }

  /** A sum over all peers. */
  count(what: "reads" | "writes" | "refusedByTerm" | "changes" | "reconnects"): number {
    return this.peers.reduce((sum, { core }) => sum + core.cache.stats().front![what], 0);
  }

  /** The group in which the key lies. */
  async groupOf(key: string): Promise<number> {
    return (await this.peer(0).core.cache.state(key)).partition;
  }

  /** Another peer leads the key's partition from now on, and its home there has begun. */
  async moveHome(key: string): Promise<void> {
    const group = await this.groupOf(key);
    const leader = await eventually("the partition has a leader", 10_000, () => {
      const found = this.peers.find(({ core }) => core.groups.status(group)?.role === "leader");
      assert.ok(found !== undefined);
      return found;
    });
    const next = this.peers[(this.peers.indexOf(leader) + 1) % this.peers.length]!;
    await leader.core.groups.transferLeadership(group, next.core.id, 10_000);
    await eventually("the home has moved", 10_000, async () => {
      assert.equal((await next.core.cache.state(key)).home, next.core.id);
    });
  }
}
