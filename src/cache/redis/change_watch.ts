/**
 * How changes in Redis are told to a peer that has read from it, over a connection of their own. By client tracking: the
 * server remembers what the other connection reads, and tells the next change of it by anybody else. Else by keyspace
 * notifications: it tells of all changes under the prefix, one's own included. Else not at all. What a server says it
 * can do is not believed before a change of a probe was told.
 */
import type { Clock } from "../../clock.ts";
import { within } from "../../storage/redis/deadline.ts";
import {
  type RedisArgument,
  type RedisConnection,
  textOf,
} from "../../storage/redis/redis_client.ts";
import { probeKey } from "./front_keys.ts";

/** `ttl`: nothing is told, and what is known is known for a time. */
export type WatchMode = "tracking" | "notifications" | "ttl";

export interface ChangeWatchOptions {
  /** What is read over it is what changes are told of. */
  readonly commands: RedisConnection;
  connect(message: (channel: string, payload: unknown) => void): Promise<RedisConnection>;
  readonly clock: Clock;
  readonly prefix: string;
  readonly database: number;
  readonly timeoutMs: number;
  /** Unlike that of any other peer. */
  readonly probe: string;
  /** @param redisKey null: any */
  changed(redisKey: string | null): void;
}

const INVALIDATIONS = "__redis__:invalidate";
const PROBE_MS = 10_000;

/** As a home writes and reads: what is read by a script is to be remembered, also behind a write. */
const PROBE_SCRIPT = `
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return redis.call('STRLEN', KEYS[1])
`;

export class ChangeWatch {
  readonly #options: ChangeWatchOptions;
  readonly #probeKey: string;
  #connection: RedisConnection | null = null;
  #mode: WatchMode = "ttl";
  /** Whether a change of the probe was told, which by notifications has this name. */
  #probed = { event: "", isTold: false };

  private constructor(options: ChangeWatchOptions) {
    this.#options = options;
    this.#probeKey = probeKey(options.prefix, options.probe);
  }

  /** @throws {Error} by rejection, where a connection is lost */
  static async begin(options: ChangeWatchOptions): Promise<ChangeWatch> {
    const watch = new ChangeWatch(options);
    const told = (channel: string, payload: unknown) => watch.#told(channel, payload);
    watch.#connection = await options.connect(told);
    if (await watch.#track()) watch.#mode = "tracking";
    else if (await watch.#subscribe()) watch.#mode = "notifications";
    return watch;
  }

  get mode(): WatchMode {
    return this.#mode;
  }

  isOf(connection: RedisConnection): boolean {
    return this.#connection === connection;
  }

  /** Whatever was told before it is answered has arrived when it is. */
  async ping(): Promise<void> {
    await this.#connection?.call(["ping"]);
  }

  close(): void {
    this.#connection?.close();
  }

  // ---- what is told

  #told(channel: string, payload: unknown): void {
    if (channel === INVALIDATIONS) {
      if (!Array.isArray(payload)) return this.#options.changed(null);
      for (const key of payload) this.#changed(textOf(key), null);
      return;
    }
    const at = channel.indexOf("__:");
    if (at >= 0) this.#changed(channel.slice(at + "__:".length), textOf(payload));
  }

  #changed(redisKey: string, event: string | null): void {
    if (redisKey !== this.#probeKey) return this.#options.changed(redisKey);
    if (event === null || event === this.#probed.event) this.#probed.isTold = true;
  }

  // ---- client tracking

  async #track(): Promise<boolean> {
    const connection = this.#connection!;
    try {
      const id = textOf(await this.#within(connection.call(["client", "id"])));
      await this.#within(connection.call(["subscribe", INVALIDATIONS]));
      // With one's own changes at first: the probe is one.
      await this.#command("client", "tracking", "on", "redirect", id);
      await this.#command("eval", PROBE_SCRIPT, "1", this.#probeKey, String(PROBE_MS));
      const isTold = await this.#isTold("set", this.#probeKey, "1", "px", String(PROBE_MS));
      await this.#command("client", "tracking", "off");
      if (!isTold) return false;
      await this.#command("client", "tracking", "on", "redirect", id, "noloop");
      return true;
    } catch (error) {
      return refused(error);
    }
  }

  // ---- keyspace notifications

  async #subscribe(): Promise<boolean> {
    const { prefix, database } = this.#options;
    const pattern = `__keyspace@${database}__:${prefix.replaceAll(/[*?[\]\\]/g, "\\$&")}*`;
    try {
      await this.#within(this.#connection!.call(["psubscribe", pattern]));
      // Strings that are set, and keys that go or get a time: two classes of events.
      const isToldOfSet = await this.#isTold("set", this.#probeKey, "2", "px", String(PROBE_MS));
      return isToldOfSet && await this.#isTold("del", this.#probeKey);
    } catch (error) {
      return refused(error);
    }
  }

  /** Whether a change of the probe by this command is told: then it is before what is asked after it. */
  async #isTold(event: string, ...args: readonly RedisArgument[]): Promise<boolean> {
    const probed = this.#probed = { event, isTold: false };
    await this.#command(event, ...args);
    await this.#within(this.ping());
    return probed.isTold;
  }

  #command(...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#within(this.#options.commands.call(args));
  }

  #within<T>(promise: Promise<T>): Promise<T> {
    return within(this.#options.clock, this.#options.timeoutMs, promise);
  }
}

/** @returns false where Redis refuses it @throws what else is in the way */
function refused(error: unknown): false {
  if (error instanceof Error && error.name === "ReplyError") return false;
  throw error;
}
