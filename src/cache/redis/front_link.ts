/**
 * One peer's way to the Redis that its cache stands in front of: a connection for commands, one on which changes are
 * told, and how they are told (`change_watch.ts`). Both live and end together; when they are lost they are made anew,
 * with a back-off. Nothing is sent twice by itself, and nothing waits for longer than it must.
 *
 * Whoever rests on being told hears when that cannot be rested on: at once when a connection is lost, and once more when
 * it was so for as long as lines may be used unwatched, or it is back, since then changes may have passed by.
 */
import type { Clock, Timer } from "../../clock.ts";
import { SkeinError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { within } from "../../storage/redis/deadline.ts";
import { describeRedis, type RedisAddress } from "../../storage/redis/redis_address.ts";
import {
  connectRedis,
  type RedisArgument,
  type RedisConnection,
  redisReason,
} from "../../storage/redis/redis_client.ts";
import { askServer } from "../../storage/redis/server_facts.ts";
import { ChangeWatch, type WatchMode } from "./change_watch.ts";
import { judgeFront } from "./front_warnings.ts";

export interface LinkTimeouts {
  /** A command, or a connection, that is not answered in this time is given up. */
  readonly replyMs: number;
  /** While there was no connection for longer, nobody waits for one. */
  readonly patienceMs: number;
}

export const LINK_TIMEOUTS: LinkTimeouts = { replyMs: 3_000, patienceMs: 1_000 };

export interface LinkOptions {
  readonly address: RedisAddress;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
  readonly prefix: string;
  /** How long a line may be used while nobody tells of changes. */
  readonly lineTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timeouts?: Partial<LinkTimeouts>;
}

export interface LinkListener {
  /** A key of Redis was changed by somebody else; in `notifications` mode perhaps by this peer. */
  changed(redisKey: string): void;
  /** Changes are told no longer: nothing that was read stays known. */
  lost(): void;
  /** Changes may have passed by: neither what is known nor what was granted stays. */
  stale(): void;
}

const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 1_000;
const HEARTBEAT_MAX_MS = 1_000;

/** What passes: a server that starts, or a failover under way; the next connection finds the one that serves. */
const PASSING = /\b(?:LOADING|MASTERDOWN|READONLY)\b/;

interface Lines {
  readonly commands: RedisConnection;
  readonly watch: ChangeWatch;
}

export class FrontLink {
  readonly #options: LinkOptions;
  readonly #timeouts: LinkTimeouts;
  readonly #listener: LinkListener;
  #lines: Lines | null = null;
  /** Why there is no connection. */
  #reason: string | null;
  #downSinceMs: number;
  /** When it was last sure that changes are told. */
  #watchedMs: number;
  /** Those who wait for a connection. */
  #up = Promise.withResolvers<void>();
  #heartbeat: Timer | null = null;
  #staleTimer: Timer | null = null;
  #said = "";
  #closed = false;
  connects = 0;

  /** Connects, and goes on doing so. */
  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
    this.#timeouts = { ...LINK_TIMEOUTS, ...options.timeouts };
    this.#downSinceMs = this.#watchedMs = options.clock.monotonicMs();
    this.#reason = null;
    void this.#connect();
  }

  /** How changes are told; null: there is no connection. */
  get watch(): WatchMode | null {
    return this.#lines?.watch.mode ?? null;
  }

  /** Why there is no connection; null: there is one, or the first is being made. */
  get reason(): string | null {
    return this.#lines === null ? this.#reason : null;
  }

  /**
   * Sends a command, once there is a connection.
   * @returns the reply
   * @throws {SkeinError} by rejection: UNAVAILABLE where it was not sent, OUTCOME_UNKNOWN where it may have been carried
   * out; and {Error} named ReplyError for what Redis refuses
   */
  async call(args: readonly RedisArgument[]): Promise<unknown> {
    const { commands } = await this.#connected();
    try {
      return await within(this.#options.clock, this.#timeouts.replyMs, commands.call(args));
    } catch (error) {
      const failure = error as Error;
      if (isReply(failure) && !PASSING.test(failure.message)) throw failure;
      this.#lost(commands, failure);
      const code = isReply(failure) ? "UNAVAILABLE" : "OUTCOME_UNKNOWN";
      throw new SkeinError(code, this.#inWords(failure));
    }
  }

  /** What an error of `call` says, in words. */
  explain(error: Error): string {
    return error instanceof SkeinError ? error.message : this.#inWords(error);
  }

  #inWords(error: unknown): string {
    return redisReason(this.#options.address, error);
  }

  async #connected(): Promise<Lines> {
    const { clock } = this.#options;
    const leftMs = this.#downSinceMs + this.#timeouts.patienceMs - clock.monotonicMs();
    if (this.#lines === null && leftMs > 0) {
      await within(clock, leftMs, this.#up.promise).catch(() => {});
    }
    if (this.#lines !== null) return this.#lines;
    throw new SkeinError("UNAVAILABLE", this.#reason ?? this.#inWords("is not connected yet"));
  }

  // ---- connections

  async #connect(): Promise<void> {
    const { clock, random } = this.#options;
    for (let backoffMs = BACKOFF_MIN_MS; !this.#closed; backoffMs *= 2) {
      try {
        const lines = await this.#dial();
        if (this.#closed) return closeLines(lines);
        return this.#begin(lines);
      } catch (error) {
        this.#reason = this.explain(error as Error);
        this.#say("warn", `${this.#reason}; the cache in front of it connects anew`);
      }
      const waitMs = Math.min(backoffMs, BACKOFF_MAX_MS) * (0.5 + random.fraction());
      await new Promise<void>((resolve) => void clock.timer(waitMs, resolve));
    }
  }

  async #dial(): Promise<Lines> {
    const { address, certificates, clock, prefix, random } = this.#options;
    const timeoutMs = this.#timeouts.replyMs;
    const open: RedisConnection[] = [];
    const connect = async (message?: (channel: string, payload: unknown) => void) => {
      let connection: RedisConnection | null = null;
      connection = await connectRedis({
        address,
        certificates,
        clock,
        timeoutMs,
        closed: (error) => connection === null ? undefined : this.#lost(connection, error),
        ...(message === undefined ? {} : { message }),
      });
      open.push(connection);
      return connection;
    };
    try {
      const commands = await connect();
      await this.#judge(commands);
      const watch = await ChangeWatch.begin({
        commands,
        connect,
        clock,
        prefix,
        database: address.database,
        timeoutMs,
        probe: random.uint32().toString(36) + random.uint32().toString(36),
        changed: (key) => this.#changed(key),
      });
      return { commands, watch };
    } catch (error) {
      for (const connection of open) connection.close();
      throw error;
    }
  }

  /** @throws {SkeinError} by rejection, where the server cannot be what lies behind the cache */
  async #judge(commands: RedisConnection): Promise<void> {
    const { clock } = this.#options;
    const ask = (...args: readonly RedisArgument[]) => {
      return within(clock, this.#timeouts.replyMs, commands.call(args));
    };
    const { refusal, warnings } = judgeFront(await askServer({ ask, failure: null }));
    if (refusal !== null) {
      const what = `Redis at ${describeRedis(this.#options.address)} ${refusal}`;
      throw new SkeinError("UNAVAILABLE", what);
    }
    if (this.connects === 0) { for (const warning of warnings) this.#say("warn", warning); }
  }

  #begin(lines: Lines): void {
    const { lineTtlMs, logger } = this.#options;
    this.#lines = lines;
    this.#reason = null;
    this.#staleTimer?.cancel();
    this.connects++;
    this.#said = "";
    if (this.connects > 1) logger.log("info", "connected to the Redis behind the cache again");
    if (lines.watch.mode === "ttl") {
      const seconds = lineTtlMs / 1000;
      logger.log(
        "warn",
        "the Redis behind the cache tells of no changes, neither by CLIENT TRACKING nor by " +
          `keyspace notifications: what others write there is seen after up to ${seconds} s ` +
          "(--cache-redis-line-ttl); allow this user CLIENT TRACKING, or set " +
          "notify-keyspace-events to KA",
      );
    }
    this.#watched();
    this.#up.resolve();
    // Whatever was granted over a former connection.
    this.#listener.stale();
    this.#beatLater();
  }

  #watched(sinceMs = this.#options.clock.monotonicMs()): void {
    this.#watchedMs = sinceMs;
  }

  #changed(redisKey: string | null): void {
    if (this.#lines === null) return;
    if (redisKey === null) this.#listener.stale();
    else this.#listener.changed(redisKey);
  }

  #beatLater(): void {
    const { clock, lineTtlMs } = this.#options;
    const delayMs = Math.min(HEARTBEAT_MAX_MS, lineTtlMs / 4);
    this.#heartbeat = clock.timer(delayMs, () => void this.#beat());
  }

  /** Both connections live, and the server tells of changes over the one what is read over the other. */
  async #beat(): Promise<void> {
    const lines = this.#lines;
    if (lines === null) return;
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    const answers = [lines.commands.call(["ping"]), lines.watch.ping()];
    try {
      await within(clock, this.#timeouts.replyMs, Promise.all(answers));
    } catch (error) {
      return this.#lost(lines.commands, error as Error);
    }
    if (this.#lines !== lines) return;
    this.#watched(sentMs);
    this.#beatLater();
  }

  #lost(connection: RedisConnection, error: Error): void {
    const lines = this.#lines;
    if (lines === null || !(lines.commands === connection || lines.watch.isOf(connection))) return;
    const { clock, lineTtlMs } = this.#options;
    this.#lines = null;
    closeLines(lines);
    this.#heartbeat?.cancel();
    if (this.#closed) return;
    this.#reason = this.#inWords(error);
    this.#downSinceMs = clock.monotonicMs();
    this.#up = Promise.withResolvers();
    this.#say("warn", `${this.#reason}; the cache in front of it connects anew`);
    this.#listener.lost();
    const leftMs = Math.max(0, this.#watchedMs + lineTtlMs - clock.monotonicMs());
    this.#staleTimer?.cancel();
    this.#staleTimer = clock.timer(leftMs, () => this.#listener.stale());
    void this.#connect();
  }

  /** The same again and again is said once. */
  #say(level: "warn", text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#options.logger.log(level, text);
  }

  close(): void {
    this.#closed = true;
    this.#heartbeat?.cancel();
    this.#staleTimer?.cancel();
    if (this.#lines !== null) closeLines(this.#lines);
    this.#lines = null;
    this.#reason = "the cache is closed";
    this.#downSinceMs = -Infinity;
    this.#up.resolve();
  }
}

/** Whether Redis itself refuses; nothing of the command was carried out then. */
export function isReply(error: Error): boolean {
  return error.name === "ReplyError";
}

function closeLines({ commands, watch }: Lines): void {
  commands.close();
  watch.close();
}
