/**
 * A peer's state in Redis: the embedded log over files that are keys there. After a failure, a server that is gone
 * included, an instance is of no more use, as with the log on a disk: it is closed, and a new one opens what Redis has.
 */
import type { LogLimits } from "../log/log_limits.ts";
import { LogStorage } from "../log/log_storage.ts";
import type { Identity, Recovered, StorageFailedError } from "../storage.ts";
import { REDIS_LOG_LIMITS } from "./redis_limits.ts";
import { RedisPlace, type RedisPlaceOptions } from "./redis_place.ts";

export interface RedisStorageOptions extends RedisPlaceOptions {
  readonly limits?: Partial<LogLimits>;
}

export class RedisStorage extends LogStorage {
  readonly failed: Promise<StorageFailedError>;
  readonly #place: RedisPlace;

  constructor(options: RedisStorageOptions) {
    const place = new RedisPlace(options);
    const { directory, fileSystem } = place;
    const { logger } = options;
    const limits = { ...REDIS_LOG_LIMITS, ...options.limits };
    super({ directory, fileSystem, limits, ...(logger === undefined ? {} : { logger }) });
    this.failed = place.failed;
    this.#place = place;
  }

  override get failure(): StorageFailedError | null {
    return super.failure ?? this.#place.failure;
  }

  override async open(): Promise<Recovered> {
    await this.#place.open();
    try {
      const recovered = await super.open();
      await this.#place.remember(recovered.identity?.storeId ?? null);
      return recovered;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  override async create(identity: Identity): Promise<void> {
    await super.create(identity);
    await this.#place.remember(identity.storeId);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#place.close();
  }
}
