/**
 * One partition's keys in Redis as the home of one term reads and writes them. Before anything else it makes its term the
 * partition's there: so what a former home still has on its way is refused from then on, and nothing is read before.
 */
import { Buffer } from "node:buffer";
import { SkeinError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { textOf } from "../../storage/redis/redis_client.ts";
import type { Version } from "../version.ts";
import type { FrontCounters } from "./front_counters.ts";
import type { FrontKeys } from "./front_keys.ts";
import type { FrontLink } from "./front_link.ts";
import { CLAIM_SCRIPT, READ_SCRIPT, REFUSED, WRITE_SCRIPT } from "./front_scripts.ts";
import { bytesOfValue, valueOfBytes } from "./value_form.ts";

/** A version is of use while a write from before it may come; who owes one loses it with its lease. */
const VERSION_KEPT_MS = 60_000;
/** As everywhere: a request may be sent again for so long. */
const REQUEST_KEPT_MS = 60_000;
/** A time beyond it ends for nobody alive, and Redis takes ones that no date can name. */
const LEFT_MAX_MS = 100 * 366 * 86_400_000;
/** One reply holds so many values. */
const READ_KEYS_MAX = 64;

export interface FoundValue {
  /** JSON text in UTF-8; null: there is none. */
  readonly value: Uint8Array | null;
  /** Null: for ever. */
  readonly leftMs: number | null;
}

export interface StoreWrite {
  readonly key: string;
  readonly version: Version;
  /** JSON text in UTF-8; null: the key is removed. */
  readonly value: Uint8Array | null;
  /** Null: for ever; below 1 it is over. */
  readonly leftMs: number | null;
  /** What a request under a caller's own id is answered if it comes again; `?` stands for whether there was a value. */
  readonly remember: { readonly name: string; readonly answer: string } | null;
}

export interface StoreOutcome {
  /** False: a later write of the key was there. */
  readonly isWritten: boolean;
  readonly existed: boolean;
}

export interface TermStoreOptions {
  readonly link: FrontLink;
  readonly keys: FrontKeys;
  readonly counters: FrontCounters;
  readonly partition: number;
  readonly term: number;
  /** Whether the home lease lasts. */
  mayGrant(): boolean;
}

interface Asked {
  readonly key: string;
  readonly found: PromiseWithResolvers<FoundValue>;
}

export class TermStore {
  readonly #options: TermStoreOptions;
  #claimed: Promise<void> | null = null;
  /** It was this home's before. */
  #wasClaimed = false;
  #asked: Asked[] = [];
  /** Another home has followed. */
  #over: SkeinError | null = null;

  constructor(options: TermStoreOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#over !== null;
  }

  /**
   * @returns what the key has, read together with others of this turn
   * @throws {SkeinError} by rejection: UNAVAILABLE, CONFLICT for what is no string, PAYLOAD_TOO_LARGE
   */
  read(key: string): Promise<FoundValue> {
    const found = Promise.withResolvers<FoundValue>();
    this.#asked.push({ key, found });
    if (this.#asked.length === 1) queueMicrotask(() => this.#send());
    return found.promise;
  }

  #send(): void {
    for (let asked = this.#asked; asked.length > 0; asked = asked.slice(READ_KEYS_MAX)) {
      void this.#readTogether(asked.slice(0, READ_KEYS_MAX));
    }
    this.#asked = [];
  }

  async #readTogether(asked: readonly Asked[]): Promise<void> {
    const { link, keys, counters } = this.#options;
    counters.reads += asked.length;
    try {
      await this.#claim();
      const names = asked.map(({ key }) => keys.value(key));
      const most = String(LIMITS.bodyBytesMax);
      const args = ["EVAL", READ_SCRIPT, String(names.length), ...names, most];
      const reply = listOf(await this.#call(() => link.call(args)), 3 * asked.length);
      for (const [place, { key, found }] of asked.entries()) {
        const [kind, value, left] = reply.slice(3 * place, 3 * place + 3);
        try {
          found.resolve(this.#found(key, textOf(kind), value, Number(left)));
        } catch (error) {
          found.reject(error);
        }
      }
    } catch (error) {
      for (const { found } of asked) found.reject(error);
    }
  }

  #found(key: string, kind: string, bytes: unknown, left: number): FoundValue {
    if (kind === "none") return { value: null, leftMs: null };
    const name = this.#options.keys.value(key);
    if (kind !== "string" && kind !== "long") throw wrongType(name, kind);
    const value = bytes instanceof Uint8Array ? valueOfBytes(bytes) : null;
    if (value === null || value.length > LIMITS.bodyBytesMax) {
      const what = `the key ${name} has ${value?.length ?? left} bytes in Redis`;
      throw new SkeinError("PAYLOAD_TOO_LARGE", `${what}; allowed: ${LIMITS.bodyBytesMax}`);
    }
    return { value, leftMs: left >= 0 && left <= LEFT_MAX_MS ? left : null };
  }

  /**
   * Writes, unless another home has followed or a later write was there.
   * @throws {SkeinError} by rejection: UNAVAILABLE where nothing was done, OUTCOME_UNKNOWN, CONFLICT for what is no string
   */
  async write({ key, version, value, leftMs, remember }: StoreWrite): Promise<StoreOutcome> {
    const { link, keys, counters, partition, term } = this.#options;
    await this.#claim();
    const names = [keys.term(partition), keys.value(key), keys.version(key)];
    if (remember !== null) names.push(keys.request(remember.name));
    const args = [
      String(term),
      ...[version.term, version.counter, version.write].map(String),
      value === null ? "remove" : "set",
      Buffer.from(value === null ? [] : bytesOfValue(value)),
      leftMs === null ? "" : String(Math.max(0, Math.round(leftMs))),
      String(VERSION_KEPT_MS),
      ...remember === null ? [] : [remember.answer, String(REQUEST_KEPT_MS)],
    ];
    const head = ["EVAL", WRITE_SCRIPT, String(names.length), ...names];
    const send = () => this.#call(() => link.call([...head, ...args]), keys.value(key));
    const reply = await send().catch(async (error) => {
      // The server has lost the term, and nothing was written.
      if (this.#claimed !== null || this.#over !== null) throw error;
      await this.#claim();
      return await send();
    });
    const [isWritten, existed] = listOf(reply, 2);
    if (isWritten === 1) counters.writes++;
    return { isWritten: isWritten === 1, existed: existed === 1 };
  }

  /** @returns what `write` was told to remember; null: nothing, or no longer */
  async remembered(name: string): Promise<string | null> {
    const { link, keys } = this.#options;
    await this.#claim();
    const reply = await this.#call(() => link.call(["GET", keys.request(name)]));
    return reply === null ? null : textOf(reply);
  }

  // ---- the term

  #claim(): Promise<void> {
    if (this.#over !== null) return Promise.reject(this.#over);
    this.#claimed ??= this.#claimNow().catch((error) => {
      this.#claimed = null;
      throw error;
    });
    return this.#claimed;
  }

  async #claimNow(): Promise<void> {
    const { link, keys, partition, term, mayGrant } = this.#options;
    // The server has lost it: only who is the home for certain may say so again.
    if (this.#wasClaimed && !mayGrant()) {
      throw new SkeinError("UNAVAILABLE", "Redis has lost whose the partition's keys are");
    }
    const args = ["EVAL", CLAIM_SCRIPT, "1", keys.term(partition), String(term)];
    await this.#call(() => link.call(args));
    this.#wasClaimed = true;
  }

  /** @throws {SkeinError} by rejection, in the place of whatever is in the way */
  async #call(send: () => Promise<unknown>, name = ""): Promise<unknown> {
    try {
      return await send();
    } catch (error) {
      throw error instanceof SkeinError ? error : this.#refused(error as Error, name);
    }
  }

  #refused(error: Error, name: string): SkeinError {
    const { link, counters, partition, term } = this.#options;
    const [, found = ""] = new RegExp(`${REFUSED.term} (\\S+)`).exec(error.message) ?? [];
    const [, kind] = new RegExp(`${REFUSED.type} (\\S+)`).exec(error.message) ?? [];
    if (kind !== undefined) return wrongType(name, kind);
    if (found === "") return new SkeinError("UNAVAILABLE", link.explain(error));
    counters.refusedByTerm++;
    this.#claimed = null;
    const what = `Redis has term ${found} for partition ${partition}, and this home has ${term}`;
    const refusal = new SkeinError("UNAVAILABLE", what);
    if (Number(found) > term) this.#over = refusal;
    return refusal;
  }
}

/** What stands between may be no Redis. @throws {SkeinError} UNAVAILABLE */
function listOf(reply: unknown, length: number): readonly unknown[] {
  if (Array.isArray(reply) && reply.length === length) return reply;
  throw new SkeinError("UNAVAILABLE", "the Redis behind the cache answers what no Redis does");
}

function wrongType(name: string, kind: string): SkeinError {
  const what = `the key ${name} is a ${kind} in Redis, and the cache holds strings`;
  return new SkeinError("CONFLICT", what);
}
