/**
 * What the machine of events answers, and what its entries cause: plain values, alike on every replica, and part
 * of snapshots where a request id is remembered.
 */
import type { RefusedAnswer } from "../groups/refusal.ts";

export interface PublishedAnswer {
  readonly kind: "published";
  /** The offset of the first new event; the others follow it, in the order of the command. */
  readonly first: number;
  /** Which events of the command are duplicates, by their places in it, and the offsets of those that are stored. */
  readonly duplicates: readonly number[];
  readonly offsets: readonly number[];
}

export interface TrimmedAnswer {
  readonly kind: "trimmed";
  /** How many events were taken away, and how many ids forgotten. */
  readonly events: number;
  readonly identities: number;
  /** There is more to do. */
  readonly more: boolean;
}

export type EventAnswer = PublishedAnswer | TrimmedAnswer | RefusedAnswer;

/** New events of a topic: whoever waits for them may read on. */
export interface StoredEffect {
  readonly kind: "eventsStored";
  readonly topic: string;
  readonly nextOffset: number;
}

export type EventEffect = StoredEffect;
