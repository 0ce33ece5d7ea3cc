/** What clients of the cache asked in a simulation and saw, for its checkers and for a person. */
import type { Operation } from "./linearizability.ts";

/** A value is known by its mark, which is written once; null: no value. */
export type Mark = string | null;

export type CacheInput =
  | GetInput
  | PutInput
  | {
    readonly kind: "delete";
    readonly key: string;
    readonly life: string;
    /** Null: unknown. */
    readonly existed: boolean | null;
  }
  | { readonly kind: "invalidate"; readonly key: string; readonly life: string };

export interface GetInput {
  readonly kind: "get";
  readonly key: string;
  /** The run of a peer's services through which it was asked. */
  readonly life: string;
  readonly found: Mark;
  /** Group time when it was asked; no reader may be far behind that. */
  readonly groupMs: number;
}

export interface PutInput {
  readonly kind: "put";
  readonly key: string;
  readonly life: string;
  readonly mark: string;
  /** `line`: by the peer's line; `durable`: answered once it is committed; `home`: under the caller's own id. */
  readonly way: "line" | "durable" | "home";
  /** What must be there; undefined: whatever. */
  readonly ifMark: Mark | undefined;
  /** Whether it comes with a fill token, which may be over. */
  readonly isFill: boolean;
  /** Null: for ever. */
  readonly ttlMs: number | null;
  /** Group time at which its value's time is over at the latest; Infinity where nobody knows. */
  readonly overByMs: number;
  readonly result: "ok" | "conflict" | "unknown";
}

export type CacheOperation = Operation<CacheInput>;

export function describeCacheOperation({ input, callMs, returnMs }: CacheOperation): string {
  const end = returnMs === Infinity ? "never" : returnMs.toFixed(1);
  const { kind, key, life, ...rest } = input;
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
  return `${callMs.toFixed(1)}..${end} ${life} ${kind} ${key} ${fields.join(", ")}`;
}
