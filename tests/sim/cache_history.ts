/** What clients of the cache asked in a simulation and saw, for its checkers and for a person. */
import type { Operation } from "./linearizability.ts";

/** A value is known by its mark, which is written once; null: no value. */
export type Mark = string | null;

export type CacheInput =
  /** @property life the run of a peer through which it was asked */
  | { readonly kind: "get"; readonly key: string; readonly life: string; readonly found: Mark }
  | PutInput
  | {
    readonly kind: "delete";
    readonly key: string;
    readonly life: string;
    /** Null: unknown. */
    readonly existed: boolean | null;
  }
  | { readonly kind: "invalidate"; readonly key: string; readonly life: string };

export interface PutInput {
  readonly kind: "put";
  readonly key: string;
  readonly life: string;
  readonly mark: string;
  /** `line`: by the peer's line; `durable`: answered once it is committed; `home`: under the caller's own id. */
  readonly way: "line" | "durable" | "home";
  /** What must be there; undefined: whatever. */
  readonly ifMark: Mark | undefined;
  readonly result: "ok" | "conflict" | "unknown";
}

export type CacheOperation = Operation<CacheInput>;

/** What a run of a peer had answered and lost, or may have: its end, or the end of a lease. */
export interface Loss {
  readonly life: string;
  readonly atMs: number;
}

export function describeCacheOperation({ input, callMs, returnMs }: CacheOperation): string {
  const end = returnMs === Infinity ? "never" : returnMs.toFixed(1);
  const { kind, key, life, ...rest } = input;
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
  return `${callMs.toFixed(1)}..${end} ${life} ${kind} ${key} ${fields.join(", ")}`;
}
