/**
 * One user of the cache in the simulation: reads and writes through peers at random, some writes durable, some under an
 * id of its own, some for a while, some only over what it saw, some to fill what was missing; removes and invalidates.
 * Everything it saw goes into the history.
 */
import type { CacheValue, GetAnswer, GetRequest } from "../../src/cache/cache.ts";
import type { CacheFillChecker, FillToken } from "./cache_fill_checker.ts";
import type { CacheInput, Mark, PutInput } from "./cache_history.ts";
import type { Called, PeerAccess } from "./caller.ts";
import { exponentialMs } from "./fault_rates.ts";
import { SafetyViolation } from "./raft_checker.ts";
import { type ClientEdges, SimulatedClient } from "./simulated_client.ts";

export interface CacheClientEdges extends ClientEdges<CacheInput> {
  readonly keys: readonly string[];
  /** What each version was seen to name. */
  readonly marks: Map<string, string>;
  readonly fills: CacheFillChecker;
  /** Of its operations that are no removals: how many write. */
  readonly writes: number;
  partitionOf(key: string): number;
  /** Group time where the key lies, as its home has it; 0: there is none. */
  homeTimeMs(key: string): number;
  /** Group time where the key lies, as whoever is furthest has it. */
  latestTimeMs(key: string): number;
}

interface Seen {
  readonly version: string | null;
  readonly mark: Mark;
}

/** Longer than what lies in a partition's state. */
const LARGE_LENGTH = 1_200;

/** Nobody waits long at a peer that cannot answer, so that the others are used. */
const READ_PATIENCE_MS = 600;
const WRITE_PATIENCE_MS = 2_000;

export class CacheClient extends SimulatedClient<CacheInput, CacheClientEdges> {
  /** What it last saw of a key. */
  readonly #seen = new Map<string, Seen>();
  #marks = 0;
  /** Of the peer that was asked last. */
  #life = "";
  #peer = "";

  protected override operate(): Promise<void> {
    const { random, keys, writes } = this.edges;
    const key = random.pick(keys);
    const dice = random.fraction();
    if (dice < 0.02) return this.#delete(key);
    if (dice < 0.05) return this.#invalidate(key);
    if (random.chance(writes)) return this.#put(key, null);
    return random.chance(0.3) ? this.#fill(key) : this.get(key);
  }

  async get(key: string): Promise<void> {
    await this.#get({ key, fill: false, waitMs: 0, fillTtlMs: null });
  }

  /** Fills what is missing, where that falls to it, unless it forgets to. */
  async #fill(key: string): Promise<void> {
    const { random, fills, partitionOf } = this.edges;
    const callMs = this.nowMs;
    const [waitMs, ttlMs] = [random.pick([0, 200, 1_000]), random.pick([300, 2_000])];
    const answer = await this.#get({ key, fill: true, waitMs, fillTtlMs: ttlMs });
    if (answer === null || answer.fillToken === null) return;
    const token: FillToken = {
      key,
      partition: partitionOf(key),
      token: answer.fillToken,
      peer: this.#peer,
      ttlMs,
      callMs,
      returnMs: this.nowMs,
      putMs: null,
    };
    fills.given(token);
    await this.caller.sleep(exponentialMs(random, random.pick([20, 500])));
    if (!this.caller.stopped && random.chance(0.8)) await this.#put(key, token);
  }

  async #get(request: GetRequest): Promise<GetAnswer | null> {
    const { key } = request;
    const { homeTimeMs } = this.edges;
    const [callMs, beforeMs] = [this.nowMs, homeTimeMs(key)];
    const patienceMs = READ_PATIENCE_MS + request.waitMs;
    const called = await this.#call((peer) => peer.cache().get(request), true, patienceMs);
    if (called.kind !== "answer") return null;
    const { mark: found } = this.#see(key, called.value.value);
    // Where all replicas were away at once, group time goes on from their logs.
    const groupMs = Math.min(beforeMs, homeTimeMs(key));
    this.record(callMs, { kind: "get", key, life: this.#life, found, groupMs }, called);
    return called.value;
  }

  async #put(key: string, token: FillToken | null): Promise<void> {
    const { random, latestTimeMs } = this.edges;
    const mark = `${this.name}-${++this.#marks}`;
    const way = random.pick(["line", "line", "line", "durable", "home"] as const);
    const seen = random.chance(0.3) ? this.#seen.get(key) : undefined;
    // What it wrote itself without an answer has a version that it does not know.
    const isKnown = token === null && seen !== undefined &&
      (seen.version !== null || seen.mark === null);
    const pad = random.chance(0.1) ? "x".repeat(LARGE_LENGTH) : "";
    const ttlMs = random.chance(0.2) ? random.pick([400, 1_500, 5_000]) : null;
    const put = {
      key,
      data: new TextEncoder().encode(JSON.stringify([mark, pad])),
      ttlMs,
      durable: way === "durable",
      ifVersion: isKnown ? seen.version : undefined,
      fillToken: token?.token ?? null,
      request: way === "home" ? { kind: "caller", principal: "c", id: mark } as const : null,
    };
    const callMs = this.nowMs;
    if (token !== null) token.putMs = callMs;
    const called = await this.#call((peer) => peer.cache().put(put), way === "home");
    if (called.kind === "refused") return;
    const ifMark = token !== null ? null : isKnown ? seen.mark : undefined;
    const result = this.#resultOf(called, key, mark);
    const overByMs = ttlMs === null || result !== "ok" ? Infinity : latestTimeMs(key) + ttlMs;
    const what = { kind: "put", key, life: this.#life, mark, way, ifMark } as const;
    const isFill = token !== null;
    const returnMs = result === "unknown" ? Infinity : this.nowMs;
    this.push(callMs, { ...what, isFill, ttlMs, overByMs, result }, returnMs);
  }

  #resultOf(
    called: Called<Awaited<ReturnType<ReturnType<PeerAccess["cache"]>["put"]>>>,
    key: string,
    mark: string,
  ): PutInput["result"] {
    if (called.kind !== "answer") return "unknown";
    // An attempt that nobody waits for any more may yet find what this one did not.
    if (!called.value.ok) return called.unsure ? "unknown" : "conflict";
    this.#named(key, called.value.version, mark);
    this.#seen.set(key, { version: called.value.version, mark });
    return "ok";
  }

  async #delete(key: string): Promise<void> {
    const callMs = this.nowMs;
    const called = await this.#call((peer) => peer.cache().delete(key, null), false);
    if (called.kind === "refused") return;
    const existed = called.kind === "answer" ? called.value.existed : null;
    this.record(callMs, { kind: "delete", key, life: this.#life, existed }, called);
  }

  async #invalidate(key: string): Promise<void> {
    const callMs = this.nowMs;
    const called = await this.#call((peer) => peer.cache().invalidate(key), true);
    if (called.kind !== "answer") return;
    this.record(callMs, { kind: "invalidate", key, life: this.#life }, called);
  }

  #call<T>(
    perform: (peer: PeerAccess) => Promise<T>,
    mayRetry: boolean,
    attemptMs = WRITE_PATIENCE_MS,
  ): Promise<Called<T>> {
    return this.caller.call((peer) => {
      this.#life = peer.life;
      this.#peer = peer.id;
      return perform(peer);
    }, { mayRetry, waitMs: 0, attemptMs, signal: null });
  }

  #see(key: string, value: CacheValue | null): Seen {
    const [mark] = value === null ? [null] : JSON.parse(new TextDecoder().decode(value.data));
    if (value !== null) this.#named(key, value.version, mark);
    const seen = { version: value?.version ?? null, mark };
    this.#seen.set(key, seen);
    return seen;
  }

  /** One version names one write. @throws {SafetyViolation} */
  #named(key: string, version: string, mark: string): void {
    const { marks } = this.edges;
    const name = `${key} ${version}`;
    const known = marks.get(name) ?? mark;
    if (known !== mark) throw new SafetyViolation(`version ${name} names ${known} and ${mark}`);
    marks.set(name, mark);
  }
}
