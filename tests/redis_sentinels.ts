/**
 * A primary, its replica, and three sentinels that make the one of the other when it is gone: real processes on free
 * ports of loopback, with directories of their own, and gone with the test whatever happens.
 */
import assert from "node:assert/strict";
import { eventually } from "./eventually.ts";
import { RedisServer } from "./redis_server.ts";

const NAME = "primary";
const SENTINELS = 3;
const QUORUM = 2;
/** How long the primary may be silent, and how long a failover may take that was begun. */
const DOWN_AFTER_MS = 1_000;
const FAILOVER_TIMEOUT_MS = 10_000;
const MEET_TIMEOUT_MS = 30_000;

export class RedisSentinels {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly #sentinels: readonly RedisServer[];

  private constructor(
    primary: RedisServer,
    replica: RedisServer,
    sentinels: readonly RedisServer[],
  ) {
    this.primary = primary;
    this.replica = replica;
    this.#sentinels = sentinels;
  }

  /** Runs a test once the sentinels know each other and the replica has what the primary has. */
  static async with(test: (servers: RedisSentinels) => Promise<void>): Promise<void> {
    const started: RedisServer[] = [];
    const start = async (starting: Promise<RedisServer>): Promise<RedisServer> => {
      const server = await starting;
      started.push(server);
      return server;
    };
    try {
      // A primary waits five seconds for more replicas before it sends the first of them what it has.
      const primary = await start(RedisServer.start("--repl-diskless-sync-delay", "0"));
      const primaryPort = String(primary.port);
      const replica = await start(RedisServer.start("--replicaof", "127.0.0.1", primaryPort));
      // Sentinels look at replicas when they begin, and then every ten seconds.
      await eventually("the replica has what the primary has", MEET_TIMEOUT_MS, async () => {
        assert.match(await replica.send("INFO", "replication"), /master_link_status:up/);
      });
      const lines = [
        `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} ${QUORUM}`,
        `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      ];
      const sentinels: RedisServer[] = [];
      for (let count = 0; count < SENTINELS; count++) {
        sentinels.push(await start(RedisServer.startSentinel(lines)));
      }
      const servers = new RedisSentinels(primary, replica, sentinels);
      await servers.#met();
      await test(servers);
    } finally {
      for (const server of started.reverse()) await server.remove();
    }
  }

  get url(): string {
    const hosts = this.#sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return `redis-sentinel://${hosts.join(",")}/${NAME}`;
  }

  /** Nothing reaches the replica any more, and neither knows; sentinels take it for a good one for a while. */
  async cutReplica(): Promise<void> {
    await this.primary.send("ACL", "SETUSER", "default", "-psync", "-sync");
    await this.primary.send("CLIENT", "KILL", "TYPE", "replica");
    await eventually("the replica is cut off", MEET_TIMEOUT_MS, async () => {
      assert.match(await this.replica.send("INFO", "replication"), /master_link_status:down/);
    });
  }

  /** Waits until the replica has been made the primary. */
  async failedOver(): Promise<void> {
    await eventually("the replica is the primary", MEET_TIMEOUT_MS, async () => {
      assert.match(await this.replica.send("ROLE"), /master/);
    });
  }

  async #met(): Promise<void> {
    await eventually("the sentinels know each other", MEET_TIMEOUT_MS, async () => {
      for (const sentinel of this.#sentinels) {
        assert.match(await sentinel.send("SENTINEL", "CKQUORUM", NAME), /^\+OK 3 usable/);
        const told = await sentinel.send("SENTINEL", "REPLICAS", NAME);
        assert.match(told, new RegExp(`127.0.0.1:${this.replica.port}`));
        assert.match(told, /master-link-status\r\n\$2\r\nok/);
      }
    });
  }
}
