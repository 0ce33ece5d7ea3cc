/**
 * A peer's state in Redis: the embedded log over files that are keys there. Opening it connects, looks what the server
 * promises, and takes the state for this process alone. After a failure, a server that is gone included, an instance is
 * of no more use, as with the log on a disk: it is closed, and a new one opens what Redis has.
 */
import type { Clock } from "../../clock.ts";
import { type Logger, SILENT } from "../../logger.ts";
import type { Random } from "../../random.ts";
import type { LogLimits } from "../log/log_limits.ts";
import { LogStorage } from "../log/log_storage.ts";
import { type Recovered, StorageFailedError } from "../storage.ts";
import { Owner, type RedisMemory } from "./owner.ts";
import { describeRedis, type RedisAddress } from "./redis_address.ts";
import { RedisFileSystem } from "./redis_file_system.ts";
import type { RedisKeys } from "./redis_keys.ts";
import { REDIS_LOG_LIMITS } from "./redis_limits.ts";
import { REDIS_TIMEOUTS, RedisSession, type RedisTimeouts } from "./redis_session.ts";
import { judgeServer } from "./server_checks.ts";
import { askServer } from "./server_facts.ts";

export interface RedisStorageOptions {
  readonly address: RedisAddress;
  readonly keys: RedisKeys;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
  /** A server that may lose what it confirmed is refused. */
  readonly requireDurable: boolean;
  /** Which peer this is, for others that find the state taken. */
  readonly peer: string;
  /** One for all instances of a process that open this state. */
  readonly memory: RedisMemory;
  readonly clock: Clock;
  readonly random: Random;
  randomBytes(sizeBytes: number): Uint8Array;
  readonly logger?: Logger;
  readonly timeouts?: Partial<RedisTimeouts>;
  readonly limits?: Partial<LogLimits>;
}

const TOKEN_BYTES = 16;

export class RedisStorage extends LogStorage {
  readonly #options: RedisStorageOptions;
  readonly #session: RedisSession;
  readonly #owner: Owner;
  readonly #files: RedisFileSystem;
  /** The server is gone, or another process has the state, though nothing was asked for. */
  readonly failed: Promise<StorageFailedError>;

  constructor(options: RedisStorageOptions) {
    const { address, keys, certificates, clock, random, memory, peer, logger = SILENT } = options;
    const timeouts = { ...REDIS_TIMEOUTS, ...options.timeouts };
    const failed = Promise.withResolvers<StorageFailedError>();
    const session = new RedisSession({
      address,
      certificates,
      keys,
      timeouts,
      clock,
      random,
      logger,
      confirmed: (batch) => memory.batch = batch,
      failed: failed.resolve,
    });
    const fileSystem = new RedisFileSystem({
      session,
      keys,
      randomBytes: (sizeBytes) => options.randomBytes(sizeBytes),
      monotonicMs: () => clock.monotonicMs(),
    });
    const limits = { ...REDIS_LOG_LIMITS, ...options.limits };
    super({ directory: keys.files, fileSystem, limits, logger });
    this.failed = failed.promise;
    this.#options = options;
    this.#session = session;
    this.#files = fileSystem;
    const token = hexOf(options.randomBytes(TOKEN_BYTES));
    const { ownerMs } = timeouts;
    this.#owner = new Owner({ session, keys, clock, memory, peer, token, ownerMs });
  }

  override get failure(): StorageFailedError | null {
    return super.failure ?? this.#session.failure;
  }

  override async open(): Promise<Recovered> {
    try {
      await this.#session.connect();
      await this.#checkServer();
      await this.#owner.take();
      await this.#files.load();
      return await super.open();
    } catch (error) {
      await this.#owner.release();
      this.#session.close();
      throw error;
    }
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#owner.release();
    this.#session.close();
  }

  /** @throws {StorageFailedError} by rejection, where a peer cannot work with it, or may not */
  async #checkServer(): Promise<void> {
    const { address, requireDurable, logger = SILENT } = this.#options;
    const { refusal, warnings } = judgeServer(await askServer(this.#session));
    if (refusal !== null) {
      throw new StorageFailedError(`Redis at ${describeRedis(address)} ${refusal}`);
    }
    const [first] = warnings;
    if (requireDurable && first !== undefined) {
      throw new StorageFailedError(`refused by --redis-require-durable: ${first}`);
    }
    for (const warning of warnings) logger.log("warn", warning);
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
