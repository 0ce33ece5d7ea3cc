/**
 * The cache as callers at this peer use it: reads and writes by this peer's lines, whatever needs the home by a question
 * to it. A hit, and a write in Exclusive or Modified, is answered without waiting for anything. Here the lines, the
 * homes of the partitions that this peer leads, and the post between them are put together.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { PeerId } from "../raft/entry.ts";
import type {
  Cache,
  CacheStats,
  DeleteAnswer,
  GetAnswer,
  GetRequest,
  KeyView,
  PutAnswer,
  PutRequest,
} from "./cache.ts";
import { type CacheEdges, groupOfKey } from "./cache_edges.ts";
import type { CacheFront } from "./cache_front.ts";
import { checkGet, checkKey, checkWrite } from "./cache_requests.ts";
import type { FillGrant } from "./home_question_codec.ts";
import { HomeQuestions } from "./home_questions.ts";
import { Homes } from "./homes.ts";
import { Lines } from "./lines.ts";
import type { TableBounds } from "./line_table.ts";
import { CachePost } from "./post.ts";
import { parseVersion, versionText } from "./version.ts";

/** How long a caller has to compute a value, where it does not say. */
const FILL_TTL_MS = 30_000;
/** A wait at the home; for longer ones it is asked again, so that it does not wait for long for who has gone. */
const FILL_WAIT_MS = 10_000;

export interface CacheServiceEdges extends CacheEdges {
  /** Of the lines at this peer. */
  readonly bounds: TableBounds;
  readonly flushIntervalMs: number;
}

export class CacheService implements Cache {
  readonly #edges: CacheServiceEdges;
  readonly #front: CacheFront | null;
  readonly #post: CachePost;
  readonly #homes: Homes;
  readonly #lines: Lines;
  readonly #questions: HomeQuestions;

  /** Answers questions of the cache from now on. */
  constructor(edges: CacheServiceEdges) {
    const { groups, self, transport, clock, logger } = edges;
    const { bounds, flushIntervalMs, electionTimeoutMs, front = null } = edges;
    this.#edges = edges;
    this.#front = front;
    const leaderOf = (partition: number) => groups.leaderOf(partition);
    this.#post = new CachePost({ self, transport, leaderOf });
    this.#homes = new Homes(edges, this.#post);
    this.#lines = new Lines({
      clock,
      logger,
      groups,
      post: this.#post,
      bounds,
      flushIntervalMs,
      electionTimeoutMs,
      partitionOf: (key) => groupOfKey(edges, key),
      ownHome: (partition) => this.#homes.own(partition),
      timeMs: (partition) => {
        return edges.replicaOf(partition) === null ? null : groups.timeMs(partition);
      },
    });
    this.#questions = new HomeQuestions(edges);
    this.#post.begin({
      home: (from, message) => this.#homes.receive(from, message),
      lines: (from, message) => this.#lines.receive(from, message),
    });
  }

  /** A frame of another peer. */
  receive(from: PeerId, body: unknown): void {
    this.#post.receive(from, body);
  }

  /** A replica of a partition came to be at this peer. */
  attach(group: number): void {
    this.#homes.attach(group);
    this.#edges.groups.listen(group, {
      effects() {},
      status: () => this.#lines.leaderChanged(group),
    });
  }

  /** This peer's replica was removed for good. */
  detach(group: number): void {
    this.#homes.detach(group);
  }

  // ---- reads

  /**
   * What a read is answered from this peer's memory, at once.
   * @returns null where it needs a message; `value` null: the key has none
   */
  getHere(key: string): GetAnswer | null {
    return this.#lines.hit(key);
  }

  get(request: GetRequest): Promise<GetAnswer> {
    const here = this.#lines.hit(request.key);
    const isEnough = here !== null && (here.value !== null || !request.fill);
    return isEnough ? Promise.resolve(here) : this.#get(request, here);
  }

  async #get(request: GetRequest, here: GetAnswer | null): Promise<GetAnswer> {
    checkGet(request);
    this.#front?.checkKey(request.key);
    const found = here ?? await this.#read(request.key);
    return found.value !== null || !request.fill ? found : await this.#fill(request, found);
  }

  /** From this peer's memory where it is there by now. */
  async #look(key: string): Promise<GetAnswer> {
    return this.#lines.hit(key) ?? await this.#read(key);
  }

  #read(key: string): Promise<GetAnswer> {
    return this.#lines.read(key, this.#edges.timeouts.askMs);
  }

  /**
   * The key has no value: this caller is to compute it, or waits for another one.
   * @throws the signal's reason by rejection, where the caller goes away meanwhile
   */
  async #fill(
    { key, waitMs, fillTtlMs, signal = null }: GetRequest,
    missed: GetAnswer,
  ): Promise<GetAnswer> {
    const { clock } = this.#edges;
    const endMs = clock.monotonicMs() + waitMs;
    const ttlMs = fillTtlMs ?? FILL_TTL_MS;
    for (;;) {
      signal?.throwIfAborted();
      const leftMs = Math.max(0, endMs - clock.monotonicMs());
      const wait = { waitMs: Math.min(leftMs, FILL_WAIT_MS), ttlMs };
      const grant = await this.#whileThere(key, this.#questions.beginFill(key, wait), signal);
      if (grant.kind === "token") {
        return await this.#since(key, grant.token) ?? { ...missed, fillToken: grant.token };
      }
      if (grant.kind === "late" && leftMs > FILL_WAIT_MS) continue;
      const found = await this.#look(key);
      if (found.value !== null) return { ...found, status: "filled" };
      if (grant.kind === "late") return found;
    }
  }

  /**
   * The value may have been put, and its token settled, since the key was missed: then nobody is to compute it again.
   * @returns it, with the token given back; null: there is none
   */
  async #since(key: string, token: string): Promise<GetAnswer | null> {
    let isWanted = false;
    try {
      const found = await this.#look(key);
      isWanted = found.value === null;
      return isWanted ? null : { ...found, status: "filled" };
    } finally {
      if (!isWanted) await this.#settle(key, token);
    }
  }

  /** A token for somebody who has gone is given back. */
  #whileThere(
    key: string,
    asked: Promise<FillGrant>,
    signal: AbortSignal | null,
  ): Promise<FillGrant> {
    if (signal === null) return asked;
    return new Promise((resolve, reject) => {
      const gone = () => {
        reject(signal.reason);
        asked.then((grant) => grant.kind === "token" ? this.#settle(key, grant.token) : undefined)
          .catch(onlyRefused);
      };
      signal.addEventListener("abort", gone, { once: true });
      asked.then(resolve, reject).finally(() => signal.removeEventListener("abort", gone));
    });
  }

  /** Whoever waits for the value looks again: now, or where the home cannot be told, when the token is over. */
  async #settle(key: string, token: string): Promise<void> {
    await this.#questions.settleFill(key, token).catch(onlyRefused);
  }

  // ---- writes

  put(request: PutRequest): Promise<PutAnswer> {
    const isPlain = request.request === null && request.fillToken === null &&
      !request.durable && this.#front?.writesThrough !== true;
    if (!isPlain) return this.#put(request);
    try {
      checkWrite(request);
    } catch (error) {
      return Promise.reject(error);
    }
    const answer = this.#lines.writeHere(request.key, request);
    return answer === null ? this.#put(request) : Promise.resolve(answer);
  }

  async #put(put: PutRequest): Promise<PutAnswer> {
    const { key, fillToken } = put;
    this.#checkKey(key);
    checkWrite(put);
    if (fillToken === null) return await this.#write(put);
    const { ifVersion = null, request } = put;
    // Under a caller's own id the home looks at it, which may have executed the request before.
    const isOver = request === null && !await this.#questions.checkFill(key, fillToken);
    if (isOver) return await this.#conflict(key);
    const answer = await this.#write({ ...put, ifVersion });
    await this.#settle(key, fillToken);
    return answer;
  }

  /** @throws {SkeinError} INVALID */
  #checkKey(key: string): void {
    checkKey(key);
    this.#front?.checkKey(key);
  }

  async #write(put: PutRequest): Promise<PutAnswer> {
    const { key, data, ttlMs, request, fillToken } = put;
    if (request === null) {
      const durable = put.durable || this.#front?.writesThrough === true;
      return await this.#lines.write(key, { ...put, durable }, this.#edges.timeouts.askMs);
    }
    const ifVersion = typeof put.ifVersion === "string"
      ? parseVersion(put.ifVersion)
      : put.ifVersion;
    // No write was ever named so.
    if (ifVersion === null && put.ifVersion !== null) return await this.#conflict(key);
    const write = { value: data, ttlMs, ifVersion, request, fillToken };
    const { ok, version } = await this.#questions.write(key, write);
    if (ok) return { ok, state: this.#lines.state(key), version: versionText(version) };
    // The home may have refused the token before it knew what there is.
    if (fillToken !== null) return await this.#conflict(key);
    return { ok, code: "CONFLICT", version: version === null ? null : versionText(version) };
  }

  /** What is there is not what was to be written over. */
  async #conflict(key: string): Promise<PutAnswer> {
    const { value } = await this.#look(key);
    return { ok: false, code: "CONFLICT", version: value?.version ?? null };
  }

  async delete(key: string, request: RequestKey | null): Promise<DeleteAnswer> {
    this.#checkKey(key);
    return { existed: await this.#questions.remove(key, request) };
  }

  async invalidate(key: string): Promise<void> {
    this.#checkKey(key);
    await this.#questions.invalidate(key);
  }

  // ---- views

  async state(key: string): Promise<KeyView> {
    this.#checkKey(key);
    const { holders, version } = await this.#questions.view(key);
    const partition = groupOfKey(this.#edges, key);
    return {
      key,
      partition,
      home: this.#edges.groups.leaderOf(partition),
      holders,
      version: version === null ? null : versionText(version),
      state: this.#lines.state(key),
    };
  }

  stats(): CacheStats {
    const { lines, linesMax, bytes, dirty, counters } = this.#lines;
    const { sent, received } = this.#post;
    return {
      lines,
      linesMax,
      bytes,
      dirty,
      ...counters,
      messagesSent: sent,
      messagesReceived: received,
      front: this.#front?.stats() ?? null,
    };
  }

  // ---- the end

  /**
   * Gives up all lines, so that nobody has to wait for this peer's leases to end, and writes back what is dirty.
   * @returns resolves once that is done, or the time is over
   */
  async giveUp(timeoutMs: number): Promise<void> {
    await this.#lines.giveUp(timeoutMs);
  }

  /** Nobody is answered here any more. @param reason what those are told who wait */
  close(reason: SkeinError): void {
    this.#lines.close(reason);
    this.#homes.close();
    this.#post.close();
    this.#front?.close();
  }
}

/** That a home could not be asked is no bug. */
function onlyRefused(error: unknown): void {
  if (!(error instanceof SkeinError)) throw error;
}
