/**
 * The way of a store's commands to Redis, in order, over as many connections as it takes. Writes are numbered: each
 * says which one it follows, so that Redis takes every one once and none out of order, whatever is sent again.
 *
 * When a connection is lost, what was not answered is in doubt. Nothing is assumed of it: over the next connection the
 * number of the last write is read back. Writes up to it are durable; the others are sent again. If no connection comes
 * in time the session has failed for good, and who owns it opens the store anew.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { StorageFailedError, StorageRolledBackError } from "../storage.ts";
import { within } from "./deadline.ts";
import type { RedisAddress } from "./redis_address.ts";
import {
  connectRedis,
  type RedisArgument,
  type RedisConnection,
  redisReason,
  textsOf,
} from "./redis_client.ts";
import type { RedisKeys } from "./redis_keys.ts";
import { REFUSAL, WRITE_SCRIPT, WRITE_SCRIPT_HASH } from "./scripts.ts";
import { type Asked, askedOver } from "./server_facts.ts";
import {
  failureOf,
  otherFence,
  type OwnedStore,
  passes,
  rolledBackReason,
  unsentBatch,
} from "./session_failures.ts";

export interface RedisTimeouts {
  /** A command, or a connection, that is not answered in this time is given up. */
  readonly replyMs: number;
  /** How long there may be no connection before the store fails. */
  readonly outageMs: number;
  /** How long an owner is taken to live that was not heard of. */
  readonly ownerMs: number;
  /** How often a server is asked again what it promises: somebody may change it while it runs. */
  readonly examineMs: number;
}

export const REDIS_TIMEOUTS: RedisTimeouts = {
  replyMs: 3_000,
  outageMs: 2_000,
  ownerMs: 10_000,
  examineMs: 10_000,
};

export interface RedisSessionOptions {
  readonly address: RedisAddress;
  readonly certificates: string | null;
  readonly keys: RedisKeys;
  readonly timeouts: RedisTimeouts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Looks at the server behind a new connection. Rejects where it is not to be gone on with, for good or for now. */
  readonly examine?: (asked: Asked) => Promise<void>;
  /** Told when there is another connection in the place of one that was lost. */
  readonly resumed?: () => void;
  /** Told of every write that is confirmed. */
  readonly confirmed: (batch: number) => void;
  /** Told once, when the session has failed and was not closed. */
  readonly failed: (error: StorageFailedError) => void;
}

/** What a write does: as `WRITE_SCRIPT` has it. */
export type WriteWhat = "write" | "create" | "cut" | "rename" | "remove";

interface Pending {
  /** Of a write what stands behind the script. */
  readonly args: readonly RedisArgument[];
  /** Null: it may be carried out twice. */
  readonly batch: number | null;
  readonly sizeBytes: number;
  readonly done: PromiseWithResolvers<unknown>;
  sentMs: number;
}

const PENDING_BYTES_MAX = 16 * 1024 * 1024;
const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 500;

export class RedisSession {
  readonly #options: RedisSessionOptions;
  #connection: RedisConnection | null = null;
  /** Whether the script of writes was sent over this connection: those behind it only name it. */
  #hasSentScript = false;
  /** Changes with each connection: what belongs to a former one counts no more. */
  #epoch = 0;
  #fence = "";
  #sent = 0;
  #confirmed = 0;
  /** Not answered yet, in order. */
  readonly #pending: Pending[] = [];
  #pendingBytes = 0;
  #room: PromiseWithResolvers<void> | null = null;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #watch: Timer | null = null;
  /** When something was answered last. */
  #heardMs = 0;
  /** When the trouble began that is not over yet: nothing was confirmed since. */
  #troubledMs: number | null = null;
  #failure: StorageFailedError | null = null;

  constructor(options: RedisSessionOptions) {
    this.#options = options;
  }

  get failure(): StorageFailedError | null {
    return this.#failure;
  }

  get fence(): string {
    return this.#fence;
  }

  get #store(): OwnedStore {
    const { address, keys } = this.#options;
    return { address, keys, fence: this.#fence };
  }

  /** @throws {StorageFailedError} by rejection */
  async connect(): Promise<void> {
    try {
      this.#connection = await this.#dial();
    } catch (error) {
      throw new StorageFailedError(redisReason(this.#options.address, error), { cause: error });
    }
  }

  /** From now on writes are those of the owner with this fence, behind this batch. */
  own(fence: string, batch: number): void {
    this.#fence = fence;
    this.#sent = batch;
    this.#confirmed = batch;
  }

  /**
   * A command that changes nothing, or may be carried out twice.
   * @throws {StorageFailedError} by rejection, where Redis refuses it or cannot be reached
   */
  ask(...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#enqueue(args, null, 0);
  }

  /** Writes behind everything before it. Resolves when Redis has confirmed it. */
  write(
    what: WriteWhat,
    file: string,
    nextName: string,
    details: readonly RedisArgument[] = [],
  ): Promise<unknown> {
    const { state, names } = this.#options.keys;
    const before = this.#sent++;
    const head = ["4", state, names, file, nextName];
    const order = [this.#fence, String(before), String(this.#sent), what];
    const sizeBytes = details.reduce((sum, { length }) => sum + length, 0);
    const written = this.#enqueue([...head, ...order, ...details], this.#sent, sizeBytes);
    this.#lastWrite = written;
    return written;
  }

  /** Resolves when everything that was written so far is confirmed. */
  async settled(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await this.#lastWrite;
  }

  /** Resolves once no more than a bound waits for its confirmation. */
  async room(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    while (this.#pendingBytes > PENDING_BYTES_MAX) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
  }

  /** Goes on over another connection, behind which the server is examined, or not at all. */
  distrust(error: Error): void {
    this.#interrupted(error);
  }

  /** Ends it; what waits is rejected. */
  close(): void {
    this.#end(new StorageFailedError("the store is closed"));
  }

  #enqueue(
    args: readonly RedisArgument[],
    batch: number | null,
    sizeBytes: number,
  ): Promise<unknown> {
    const pending = { args, batch, sizeBytes, done: Promise.withResolvers<unknown>(), sentMs: 0 };
    // Who waits is told through derived promises; that nobody waits is no error.
    pending.done.promise.catch(() => {});
    if (this.#failure !== null) {
      pending.done.reject(this.#failure);
      return pending.done.promise;
    }
    this.#pending.push(pending);
    this.#pendingBytes += sizeBytes;
    if (this.#connection !== null) this.#send(this.#connection, pending);
    return pending.done.promise;
  }

  #send(connection: RedisConnection, pending: Pending): void {
    const epoch = this.#epoch;
    pending.sentMs = this.#options.clock.monotonicMs();
    this.#watch ??= this.#options.clock.timer(this.#options.timeouts.replyMs, () => this.#look());
    connection.call(this.#commandOf(pending)).then(
      (reply) => {
        if (epoch === this.#epoch) this.#answered(pending, reply);
      },
      (error) => {
        if (epoch === this.#epoch) this.#refused(pending, error);
      },
    );
  }

  #commandOf({ args, batch }: Pending): readonly RedisArgument[] {
    if (batch === null) return args;
    if (this.#hasSentScript) return ["EVALSHA", WRITE_SCRIPT_HASH, ...args];
    this.#hasSentScript = true;
    return ["EVAL", WRITE_SCRIPT, ...args];
  }

  #answered(pending: Pending, reply: unknown): void {
    this.#heardMs = this.#options.clock.monotonicMs();
    this.#forget(pending);
    if (pending.batch !== null) this.#confirm(pending.batch);
    const isProgress = pending.batch !== null || this.#sent === this.#confirmed;
    if (isProgress && this.#connection !== null) this.#troubledMs = null;
    pending.done.resolve(reply);
  }

  #confirm(batch: number): void {
    this.#confirmed = Math.max(this.#confirmed, batch);
    this.#options.confirmed(this.#confirmed);
  }

  #forget(pending: Pending): void {
    const place = this.#pending.indexOf(pending);
    if (place >= 0) this.#pending.splice(place, 1);
    this.#pendingBytes -= pending.sizeBytes;
    if (this.#room === null || this.#pendingBytes > PENDING_BYTES_MAX) return;
    this.#room.resolve();
    this.#room = null;
  }

  #refused(pending: Pending, error: Error): void {
    const isReply = error.name === "ReplyError";
    if (!isReply || passes(error)) return this.#interrupted(error);
    const failure = failureOf(error, this.#store);
    const isReplaced = error.message.includes(REFUSAL.fence);
    if (pending.batch === null && !isReplaced) {
      this.#forget(pending);
      pending.done.reject(failure);
    } else {
      this.#fail(failure);
    }
  }

  /** Nothing was answered for so long that nothing will be. */
  #look(): void {
    this.#watch = null;
    const [oldest] = this.#pending;
    if (oldest === undefined || this.#connection === null) return;
    const { clock, timeouts } = this.#options;
    const sinceMs = Math.max(oldest.sentMs, this.#heardMs);
    const leftMs = sinceMs + timeouts.replyMs - clock.monotonicMs();
    if (leftMs <= 0) return this.#interrupted(new Error("it timed out"));
    this.#watch = clock.timer(leftMs, () => this.#look());
  }

  #interrupted(error: Error): void {
    const connection = this.#connection;
    if (connection === null || this.#failure !== null) return;
    this.#connection = null;
    this.#epoch++;
    connection.close();
    const { logger, address } = this.#options;
    logger.log("warn", `${redisReason(address, error)}; connecting anew`);
    void this.#resume(error);
  }

  /** Connects anew, with a back-off, until that succeeds or takes too long. */
  async #resume(reason: Error): Promise<void> {
    const { clock, random, timeouts, address } = this.#options;
    this.#troubledMs ??= clock.monotonicMs();
    const untilMs = this.#troubledMs + timeouts.outageMs;
    let error = reason;
    for (let backoffMs = BACKOFF_MIN_MS; this.#failure === null; backoffMs *= 2) {
      const waitMs = Math.min(backoffMs, BACKOFF_MAX_MS) * (0.5 + random.fraction());
      await new Promise<void>((resolve) => clock.timer(waitMs, resolve));
      if (clock.monotonicMs() >= untilMs) {
        return this.#fail(new StorageFailedError(redisReason(address, error), { cause: error }));
      }
      try {
        return await this.#resumeOnce();
      } catch (failed) {
        if (failed instanceof StorageFailedError) return this.#fail(failed);
        error = failed as Error;
      }
    }
  }

  async #resumeOnce(): Promise<void> {
    const connection = await this.#dial();
    try {
      const { clock, keys, timeouts, examine } = this.#options;
      await within(clock, timeouts.replyMs, examine?.(askedOver(connection)) ?? Promise.resolve());
      const asked = connection.call(["HMGET", keys.state, "fence", "batch"]);
      const [fence, batch] = textsOf(await within(clock, timeouts.replyMs, asked));
      if (this.#failure !== null) return connection.close();
      this.#readBack(fence ?? "", batch ?? "");
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#hasSentScript = false;
    for (const pending of [...this.#pending]) this.#send(connection, pending);
    this.#options.logger.log("info", "connected to Redis again");
    this.#options.resumed?.();
  }

  /** Decides what was in doubt. @throws {StorageFailedError} where what is there is not what this peer left */
  #readBack(fence: string, batchText: string): void {
    // Nothing was written before the state is owned.
    if (this.#fence === "") return;
    const batch = Number(batchText === "" ? NaN : batchText);
    if (!(batch >= this.#confirmed)) {
      const cause = new StorageRolledBackError(rolledBackReason(batch, this.#confirmed));
      throw new StorageFailedError(cause.message, { cause });
    }
    if (fence !== this.#fence) throw otherFence(fence, this.#store);
    if (batch > this.#sent) throw unsentBatch(batch, this.#sent);
    for (const pending of [...this.#pending]) {
      if (pending.batch !== null && pending.batch <= batch) this.#answered(pending, null);
    }
  }

  #dial(): Promise<RedisConnection> {
    const { address, certificates, timeouts, clock, keys } = this.#options;
    const epoch = ++this.#epoch;
    return connectRedis({
      address,
      certificates,
      clock,
      timeoutMs: timeouts.replyMs,
      homeKey: keys.state,
      closed: (error) => {
        if (epoch === this.#epoch) this.#interrupted(error);
      },
    });
  }

  #fail(error: StorageFailedError): void {
    if (this.#failure !== null) return;
    this.#end(error);
    this.#options.failed(error);
  }

  #end(error: StorageFailedError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#epoch++;
    this.#watch?.cancel();
    this.#connection?.close();
    this.#connection = null;
    for (const pending of this.#pending.splice(0)) pending.done.reject(error);
    this.#room?.reject(error);
  }
}
