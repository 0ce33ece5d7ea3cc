/**
 * A peer's files in Redis, taken for this process: connects, looks what the server promises, takes the state, and knows
 * then what is there. What a store does with it is the embedded log's.
 */
import type { Clock, Timer } from "../../clock.ts";
import { type Logger, SILENT } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { StorageFailedError, StorageForeignError } from "../storage.ts";
import { Owner, type RedisMemory } from "./owner.ts";
import { describeRedis, type RedisAddress } from "./redis_address.ts";
import { redisReason, textOf, UnfitServerError } from "./redis_client.ts";
import { RedisFileSystem } from "./redis_file_system.ts";
import type { RedisKeys } from "./redis_keys.ts";
import { REDIS_TIMEOUTS, RedisSession, type RedisTimeouts } from "./redis_session.ts";
import { judgeServer } from "./server_checks.ts";
import { type Asked, askServer } from "./server_facts.ts";

export interface RedisPlaceOptions {
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
}

const TOKEN_BYTES = 16;

export class RedisPlace {
  readonly fileSystem: RedisFileSystem;
  readonly directory: string;
  /** For people, without a password. */
  readonly name: string;
  /** The server is gone, or another process has the state, though nothing was asked for. */
  readonly failed: Promise<StorageFailedError>;
  readonly #options: RedisPlaceOptions;
  readonly #session: RedisSession;
  readonly #owner: Owner;
  readonly #examineMs: number;
  /** What was warned of already. */
  readonly #warned = new Set<string>();
  #timer: Timer | null = null;

  constructor(options: RedisPlaceOptions) {
    const { keys, clock, memory, peer, address, logger = SILENT } = options;
    const timeouts = { ...REDIS_TIMEOUTS, ...options.timeouts };
    const failed = Promise.withResolvers<StorageFailedError>();
    const session = new RedisSession({
      ...options,
      logger,
      timeouts,
      examine: (asked) => this.#examine(asked),
      resumed: () => this.#owner.reconnected(),
      confirmed: (batch) => memory.batch = batch,
      failed: failed.resolve,
    });
    this.fileSystem = new RedisFileSystem({
      session,
      keys,
      randomBytes: (sizeBytes) => options.randomBytes(sizeBytes),
      monotonicMs: () => clock.monotonicMs(),
    });
    this.directory = keys.files;
    this.name = `${describeRedis(address)} ${keys.pattern}`;
    this.failed = failed.promise;
    this.#options = options;
    this.#session = session;
    const token = hexOf(options.randomBytes(TOKEN_BYTES));
    const knowsConnections = address.kind !== "cluster";
    const { ownerMs, examineMs } = timeouts;
    const its = { session, keys, clock, logger, memory };
    this.#owner = new Owner({ ...its, peer, token, ownerMs, knowsConnections });
    this.#examineMs = examineMs;
  }

  get failure(): StorageFailedError | null {
    return this.#session.failure;
  }

  /** @throws as `Storage.open` does; then it is closed */
  async open(): Promise<void> {
    try {
      await this.#session.connect();
      await this.#checkServer();
      await this.#owner.take();
      await this.fileSystem.load();
      this.#examineLater();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** @throws {StorageFailedError} by rejection, where a peer cannot work with it, or may not */
  async #checkServer(): Promise<void> {
    try {
      await this.#examine(this.#session);
    } catch (error) {
      if (error instanceof StorageFailedError) throw error;
      throw new StorageFailedError(redisReason(this.#options.address, error), { cause: error });
    }
  }

  /**
   * Where a peer once had a state there is one for ever, or keys of it are gone, by which its files are found.
   * @param storeId of what is there; null: nothing
   * @throws {StorageForeignError} by rejection, where there was something before
   */
  async remember(storeId: string | null): Promise<void> {
    const { keys: { state, names, pattern } } = this.#options;
    const before = textOf(await this.#session.ask("HGET", state, "store"));
    if (storeId === null && before !== "") {
      throw new StorageForeignError(
        `cannot open the state in Redis: ${names} does not name its files any more: somebody has ` +
          "removed keys, or the server has thrown them away. Without the keys " +
          `${pattern} this peer joins anew, once the member that it was is removed`,
      );
    }
    if (storeId !== null && before !== storeId) {
      await this.#session.ask("HSET", state, "store", storeId);
    }
  }

  /** Lets go of the state, and of the server. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#owner.release();
    this.#session.close();
  }

  #examineLater(): void {
    this.#timer = this.#options.clock.timer(this.#examineMs, () => void this.#examineAgain());
  }

  async #examineAgain(): Promise<void> {
    try {
      await this.#examine(this.#session);
    } catch (error) {
      this.#session.distrust(error as Error);
    }
    if (this.#timer !== null && this.failure === null) this.#examineLater();
  }

  /**
   * @throws {StorageFailedError} by rejection, where the peer may not work with it
   * @throws {UnfitServerError} where it cannot, as long as the server is what it is
   */
  async #examine(asked: Asked): Promise<void> {
    const { requireDurable, logger = SILENT } = this.#options;
    const { refusal, warnings } = judgeServer(await askServer(asked));
    if (refusal !== null) throw new UnfitServerError(refusal);
    const [first] = warnings;
    if (requireDurable && first !== undefined) {
      throw new StorageFailedError(`refused by --redis-require-durable: ${first}`);
    }
    for (const warning of warnings.filter((each) => !this.#warned.has(each))) {
      this.#warned.add(warning);
      logger.log("warn", warning);
    }
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
