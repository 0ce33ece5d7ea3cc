/**
 * One user of the cache in the simulation: reads and writes through peers at random, some writes durable, some under an
 * id of its own, some only over what it saw; removes and invalidates. Everything it saw goes into the history.
 */
import type { CacheValue } from "../../src/cache/cache.ts";
import type { CacheInput, CacheOperation, Mark, PutInput } from "./cache_history.ts";
import { type Called, Caller, type CallerEdges, type PeerAccess } from "./caller.ts";
import { SafetyViolation } from "./raft_checker.ts";

export interface CacheClientEdges extends CallerEdges {
  readonly history: CacheOperation[];
  readonly keys: readonly string[];
  /** What each version was seen to name. */
  readonly marks: Map<string, string>;
  /** Mean time between two operations. */
  readonly thinkMs: number;
}

interface Seen {
  readonly version: string | null;
  readonly mark: Mark;
}

/** Longer than what lies in a partition's state. */
const LARGE_LENGTH = 1_200;

export class CacheClient {
  readonly #name: string;
  readonly #edges: CacheClientEdges;
  readonly #caller: Caller;
  /** What it last saw of a key. */
  readonly #seen = new Map<string, Seen>();
  #marks = 0;
  /** Of the peer that was asked last. */
  #life = "";

  constructor(name: string, edges: CacheClientEdges) {
    this.#name = name;
    this.#edges = edges;
    this.#caller = new Caller(name, edges);
  }

  /** Resolves after `stop`, when the operation under way has ended. */
  run(): Promise<void> {
    return this.#caller.run(this.#edges.thinkMs, () => this.#operate());
  }

  stop(): void {
    this.#caller.stop();
  }

  #operate(): Promise<void> {
    const { random, keys } = this.#edges;
    const key = random.pick(keys);
    const dice = random.fraction();
    if (dice < 0.5) return this.get(key);
    if (dice < 0.92) return this.#put(key);
    return dice < 0.96 ? this.#delete(key) : this.#invalidate(key);
  }

  async get(key: string): Promise<void> {
    const callMs = this.#edges.scheduler.nowMs;
    const request = { key, fill: false, waitMs: 0, fillTtlMs: null };
    const called = await this.#call((peer) => peer.cache().get(request), true);
    if (called.kind !== "answer") return;
    const seen = this.#see(key, called.value.value);
    this.#record(callMs, { kind: "get", key, life: this.#life, found: seen.mark }, called);
  }

  async #put(key: string): Promise<void> {
    const { random } = this.#edges;
    const mark = `${this.#name}-${++this.#marks}`;
    const way = random.pick(["line", "line", "line", "durable", "home"] as const);
    const seen = random.chance(0.3) ? this.#seen.get(key) : undefined;
    // What it wrote itself without an answer has a version that it does not know.
    const isKnown = seen !== undefined && (seen.version !== null || seen.mark === null);
    const pad = random.chance(0.1) ? "x".repeat(LARGE_LENGTH) : "";
    const put = {
      key,
      data: new TextEncoder().encode(JSON.stringify([mark, pad])),
      ttlMs: null,
      durable: way === "durable",
      ifVersion: isKnown ? seen.version : undefined,
      fillToken: null,
      request: way === "home" ? { kind: "caller", principal: "c", id: mark } as const : null,
    };
    const callMs = this.#edges.scheduler.nowMs;
    const called = await this.#call((peer) => peer.cache().put(put), way === "home");
    if (called.kind === "refused") return;
    const ifMark = isKnown ? seen.mark : undefined;
    const input = { kind: "put", key, life: this.#life, mark, way, ifMark } as const;
    this.#record(callMs, { ...input, result: this.#resultOf(called, key, mark) }, called);
  }

  #resultOf(
    called: Called<Awaited<ReturnType<ReturnType<PeerAccess["cache"]>["put"]>>>,
    key: string,
    mark: string,
  ): PutInput["result"] {
    if (called.kind !== "answer") return "unknown";
    if (!called.value.ok) return "conflict";
    this.#named(key, called.value.version, mark);
    this.#seen.set(key, { version: called.value.version, mark });
    return "ok";
  }

  async #delete(key: string): Promise<void> {
    const callMs = this.#edges.scheduler.nowMs;
    const called = await this.#call((peer) => peer.cache().delete(key, null), false);
    if (called.kind === "refused") return;
    const existed = called.kind === "answer" ? called.value.existed : null;
    this.#record(callMs, { kind: "delete", key, life: this.#life, existed }, called);
  }

  async #invalidate(key: string): Promise<void> {
    const callMs = this.#edges.scheduler.nowMs;
    const called = await this.#call((peer) => peer.cache().invalidate(key), true);
    if (called.kind !== "answer") return;
    this.#record(callMs, { kind: "invalidate", key, life: this.#life }, called);
  }

  #call<T>(perform: (peer: PeerAccess) => Promise<T>, mayRetry: boolean): Promise<Called<T>> {
    return this.#caller.call((peer) => {
      this.#life = peer.life;
      return perform(peer);
    }, { mayRetry, waitMs: 0, signal: null });
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
    const { marks } = this.#edges;
    const name = `${key} ${version}`;
    const known = marks.get(name) ?? mark;
    if (known !== mark) throw new SafetyViolation(`version ${name} names ${known} and ${mark}`);
    marks.set(name, mark);
  }

  #record(callMs: number, input: CacheInput, { kind }: Called<unknown>): void {
    const returnMs = kind === "unknown" ? Infinity : this.#edges.scheduler.nowMs;
    this.#edges.history.push({ callMs, input, returnMs });
  }
}
