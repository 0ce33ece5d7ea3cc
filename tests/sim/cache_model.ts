/**
 * One key of the cache as a sequential object, for the linearizability checker. A write by a peer's line may be lost with
 * that peer's run, or with its lease: then the key goes back to what was last written back, and never further. What was
 * written back, the ledger knows; and whatever was seen or written over through another peer was, because its line had
 * to be handed over for that. A value whose time may be over may be there or not.
 */
import type { Version } from "../../src/cache/version.ts";
import type { CacheInput, CacheOperation, GetInput, Mark, PutInput } from "./cache_history.ts";
import type { CacheLedger } from "./cache_ledger.ts";
import type { Model } from "./linearizability.ts";

export interface KeyState {
  readonly value: Mark;
  /** Who may have the value in its line alone; null: it is written back. */
  readonly owner: string | null;
  /** What was last written back. */
  readonly base: Mark;
  /** When the owner was asked for the first write after that. */
  readonly sinceMs: number;
}

export interface CacheKnowledge {
  readonly ledger: CacheLedger;
  /** Of a mark, where somebody saw it. */
  readonly versions: ReadonlyMap<string, Version>;
  /** The write of each mark. */
  readonly puts: ReadonlyMap<string, CacheOperation & { readonly input: PutInput }>;
  /** The minimum one. */
  readonly electionTimeoutMs: number;
}

const NOTHING: KeyState = { value: null, owner: null, base: null, sinceMs: 0 };

export function cacheModel(knowledge: CacheKnowledge): Model<CacheInput, KeyState> {
  const model = new KeyModel(knowledge);
  return {
    initial: NOTHING,
    step(state, operation) {
      const before = [state, ...model.goneBack(state, operation)];
      return before.flatMap((one) => model.after(one, operation) ?? []);
    },
    keyOf({ value, owner, base, sinceMs }) {
      return JSON.stringify([value, owner, base, sinceMs]);
    },
  };
}

/** Group time at readers is behind that of the leader by no more than a lease. */
const TIME_LAG_LEASES = 1.2;
/** Group time does not run faster than the fastest clock, by more than these. */
const TIME_RATE_MAX = 1.06;
const TIME_SLACK_MS = 50;

class KeyModel {
  readonly #knowledge: CacheKnowledge;

  constructor(knowledge: CacheKnowledge) {
    this.#knowledge = knowledge;
  }

  /** What the loss of the owner may have left before this operation. */
  goneBack(state: KeyState, { input: { key }, returnMs }: CacheOperation): KeyState[] {
    const { ledger, versions } = this.#knowledge;
    const { owner: life, value, base, sinceMs } = state;
    if (life === null) return [];
    const version = value === null ? null : versions.get(value) ?? null;
    const isLost = ledger.isLost({ life, key, version, sinceMs }, returnMs);
    return isLost ? [{ ...NOTHING, value: base, base }] : [];
  }

  /** @returns null where the operation cannot have taken effect in this state */
  after(state: KeyState, operation: CacheOperation): KeyState | null {
    const { input } = operation;
    switch (input.kind) {
      case "get":
        return this.#afterGet(state, input, operation);
      case "put":
        return this.#afterPut(state, input, operation);
      case "delete": {
        const { existed } = input;
        const isMet = existed === null || existed === (state.value !== null) ||
          (!existed && this.#mayBeOver(state.value, operation));
        return isMet ? NOTHING : null;
      }
      case "invalidate":
        return safe(state.value);
    }
  }

  #afterGet(
    state: KeyState,
    { life, found, groupMs }: GetInput,
    operation: CacheOperation,
  ): KeyState | null {
    const isMet = found === state.value
      ? !this.#mustBeOver(found, groupMs)
      : found === null && this.#mayBeOver(state.value, operation);
    if (!isMet) return null;
    return life === state.owner ? state : safe(state.value);
  }

  #afterPut(state: KeyState, input: PutInput, operation: CacheOperation): KeyState | null {
    const { key, life, mark, way, ifMark, result, isFill } = input;
    const isFree = this.#mayBeOver(state.value, operation);
    const mayMeet = ifMark === undefined || ifMark === state.value || (ifMark === null && isFree);
    const mayMiss = ifMark !== undefined && (ifMark !== state.value || isFree || isFill);
    if (result === "conflict") return mayMiss ? state : null;
    // What became of it is not known: it may have met another value.
    if (!mayMeet) return result === "unknown" ? state : null;
    const { ledger, versions } = this.#knowledge;
    const version = versions.get(mark);
    const isSafe = way === "home" || (way === "durable" && result === "ok") ||
      (version !== undefined && ledger.isCommitted(key, version));
    if (isSafe) return safe(mark);
    if (life === state.owner) return { ...state, value: mark };
    return { value: mark, owner: life, base: state.value, sinceMs: operation.callMs };
  }

  /** Whether the value's time may be over when an operation takes effect. */
  #mayBeOver(value: Mark, { returnMs }: CacheOperation): boolean {
    const put = this.#timed(value);
    if (put === null) return false;
    const lagMs = this.#lagMs;
    return (returnMs - put.callMs) * TIME_RATE_MAX + lagMs >= put.input.ttlMs!;
  }

  /** Whether nobody may read it any more. @param groupMs group time */
  #mustBeOver(value: Mark, groupMs: number): boolean {
    const put = this.#timed(value);
    return put !== null && groupMs - this.#lagMs > put.input.overByMs;
  }

  get #lagMs(): number {
    return this.#knowledge.electionTimeoutMs * TIME_LAG_LEASES + TIME_SLACK_MS;
  }

  /** The write of a value that does not stay for ever. */
  #timed(value: Mark) {
    const put = value === null ? undefined : this.#knowledge.puts.get(value);
    return put === undefined || put.input.ttlMs === null ? null : put;
  }
}

/** It is written back. */
function safe(value: Mark): KeyState {
  return { ...NOTHING, value, base: value };
}
