/**
 * What happens to a line at a peer, and what that causes. Effects are carried out in their order. The rules are in
 * `line.ts`.
 */
import type { Content, Line, Wish, Written } from "./line.ts";
import type { Grant, Version } from "./version.ts";

/** What the peer has left once a write-back is confirmed. */
export type Keeps = "owned" | "shared" | "nothing";

export type LineEvent =
  /** A caller needs more than the line allows. */
  | { readonly kind: "ask"; readonly wish: Wish; readonly request: number }
  /** @param content null: what the Shared line has, is current */
  | {
    readonly kind: "granted";
    readonly request: number;
    readonly grant: Grant;
    readonly state: "S" | "E";
    readonly content: Content | null;
  }
  /** Nobody will answer this request any more. */
  | { readonly kind: "failed"; readonly request: number }
  /** Only in E and M. */
  | {
    readonly kind: "write";
    readonly value: Uint8Array;
    readonly expiresMs: number | null;
    readonly nowMs: number;
  }
  /** The flush interval is over, or (`urgent`) a durable write waits. What was sent longer ago is sent again. */
  | {
    readonly kind: "flush";
    readonly nowMs: number;
    readonly againAfterMs: number;
    readonly urgent: boolean;
  }
  | { readonly kind: "evict"; readonly nowMs: number }
  | {
    readonly kind: "recall";
    readonly grant: Grant;
    readonly to: "S" | "I";
    readonly nowMs: number;
  }
  | { readonly kind: "confirmed"; readonly grant: Grant; readonly version: Version }
  /** The home knows nothing of this grant: a write-back is refused, or a line of the inventory. */
  | {
    readonly kind: "refused";
    readonly grant: Grant;
    /** Of what was to be written back; null: a line of the inventory, and nothing is said of what is owed. */
    readonly version: Version | null;
  }
  /** The lease of this partition is over. */
  | { readonly kind: "lapsed" }
  /** The partition has a new home. The line may be used while the former lease lasts. */
  | { readonly kind: "newHome" };

export type LineEffect =
  | {
    readonly kind: "ask";
    readonly request: number;
    readonly wish: Wish;
    readonly holds: Grant | null;
  }
  /** The answer to a recall. */
  | {
    readonly kind: "acknowledge";
    readonly grant: Grant;
    /** A Shared copy stays. */
    readonly kept: boolean;
    /** The line was valid when the recall came. */
    readonly held: boolean;
    readonly dirty: Written | null;
  }
  | {
    readonly kind: "writeBack";
    readonly grant: Grant;
    readonly content: Written;
    readonly keeps: Keeps;
  }
  /** A clean line went: the home may forget it. Needs no answer, and may ride with another message. */
  | { readonly kind: "dropped"; readonly grant: Grant }
  /** `Received INVAL for KEY. State -> I` is logged before the acknowledgement that follows. */
  | { readonly kind: "invalidated" }
  /** Every write up to this one is committed, or was written over. */
  | { readonly kind: "safe"; readonly version: Version }
  /** A write that was answered is gone. */
  | { readonly kind: "lost"; readonly version: Version }
  /** Whoever waits at this line looks again. */
  | { readonly kind: "wake" };

export interface LineStep {
  readonly line: Line;
  readonly effects: readonly LineEffect[];
}
