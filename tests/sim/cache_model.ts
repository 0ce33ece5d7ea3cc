/**
 * One key of the cache as a sequential object, for the linearizability checker. A write by a peer's line may be lost with
 * that peer's run, or with its lease: then the key goes back, at most to what was last written back. What has certainly
 * been written back: a durable write, a write or removal by the home, and whatever was seen or written over through
 * another peer, because its line had to be handed over for that.
 */
import type { CacheInput, CacheOperation, Loss, Mark, PutInput } from "./cache_history.ts";
import type { Model } from "./linearizability.ts";

export interface KeyState {
  readonly value: Mark;
  /** Who may have the value, and all between `undo` and it, in its line alone; null: it is written back. */
  readonly owner: string | null;
  /** What the key may go back to when the owner is lost, the oldest first. */
  readonly undo: readonly Mark[];
  /** When the owner's first write of these was asked for. */
  readonly sinceMs: number;
}

const NOTHING: KeyState = { value: null, owner: null, undo: [], sinceMs: 0 };

export function cacheModel(losses: readonly Loss[]): Model<CacheInput, KeyState> {
  return {
    initial: NOTHING,
    step(state, operation) {
      const before = [state, ...goneBack(state, losses)];
      return before.flatMap((one) => after(one, operation) ?? []);
    },
    keyOf({ value, owner, undo, sinceMs }) {
      return JSON.stringify([value, owner, undo, sinceMs]);
    },
  };
}

/** Every state that the loss of the owner may have left. */
function goneBack({ owner, undo, sinceMs }: KeyState, losses: readonly Loss[]): KeyState[] {
  const isLost = owner !== null &&
    losses.some(({ life, atMs }) => life === owner && atMs >= sinceMs);
  return isLost ? undo.map((value) => ({ ...NOTHING, value })) : [];
}

/** @returns null where the operation cannot have taken effect in this state */
function after(state: KeyState, { input, callMs }: CacheOperation): KeyState | null {
  switch (input.kind) {
    case "get":
      if (input.found !== state.value) return null;
      return input.life === state.owner ? state : { ...NOTHING, value: state.value };
    case "put":
      return afterPut(state, input, callMs);
    case "delete": {
      const isWrong = input.existed !== null && input.existed !== (state.value !== null);
      return isWrong ? null : NOTHING;
    }
    case "invalidate":
      return { ...NOTHING, value: state.value };
  }
}

function afterPut(state: KeyState, input: PutInput, callMs: number): KeyState | null {
  const { life, mark, way, ifMark, result } = input;
  const isMet = ifMark === undefined || ifMark === state.value;
  if (result === "conflict") return isMet ? null : state;
  // What became of it is not known: it may have met another value.
  if (!isMet) return result === "unknown" ? state : null;
  const isSafe = result === "ok" && way !== "line";
  if (isSafe || way === "home") return { ...NOTHING, value: mark };
  if (life !== state.owner) {
    return { value: mark, owner: life, undo: [state.value], sinceMs: callMs };
  }
  return { ...state, value: mark, undo: [...state.undo, state.value] };
}
