/**
 * The shape that every replicated state machine has: members, locks, and later queue, cache, events.
 * Pure and deterministic: equal commands in equal order give equal states, answers and effects on
 * every replica. One conformance suite runs on all (replay equality, snapshot round trip, bounds).
 * `GroupMachine` composes several of them into the machine of one group, and owns what they share:
 * group time, request ids, the snapshot's frame.
 *
 * A machine that keeps large bytes gets a `Values` in its constructor, and is a `ValueHolder`.
 */
import type { PeerId } from "../raft/entry.ts";
import type { ValueHolder } from "./values.ts";

export interface ApplyContext {
  readonly group: number;
  readonly index: number;
  readonly term: number;
  /** Group time after this entry's stamp was taken in. Never goes back. */
  readonly timeMs: number;
}

/** A msgpack-able value, the result of a command as its proposer sees it. */
export type Answer = unknown;

/**
 * What an applied entry caused beside its answer, on every replica alike. The group's services look at
 * them: a service resolves the requests that wait at this peer, or writes a log line.
 */
export interface Effect {
  readonly kind: string;
  /** Where the effect ends a wait: the final answer to the request whose outcome named this ticket. */
  readonly settles?: { readonly ticket: number; readonly answer: Answer };
}

export interface Outcome<E extends Effect = Effect> {
  readonly answer: Answer;
  readonly effects: readonly E[];
  /**
   * Present where the request waits: `answer` is what is known so far, and a later effect settles this
   * ticket. Unique in the group: the index of the entry that began the wait.
   */
  readonly ticket?: number;
}

/** Which open request at which peer a waiting command belongs to. */
export interface Attachment {
  readonly peer: PeerId;
  readonly bootId: string;
  readonly serial: number;
}

export interface Machine<C, E extends Effect = Effect> extends Partial<ValueHolder> {
  /** Names its section in snapshots and its commands in envelopes. Never changes. */
  readonly name: string;
  /** A command's body as it came out of the envelope. Null: unknown to this version, answered as invalid. */
  decode(body: unknown): C | null;
  apply(command: C, context: ApplyContext): Outcome<E>;
  /**
   * The same request (id and digest) came again. `answer` is what `apply` answered then. Gives the answer
   * for the retry, e.g. re-attaches a waiter, or finds that a grant is no longer held.
   */
  repeat?(command: C, answer: Answer, context: ApplyContext): Outcome<E>;
  /** The digest's input: the command without what a retry may change (wait, attachment). */
  identityOf?(command: C): unknown;
  /** Expires everything due at or before `context.timeMs`, in order of (deadline, sequence). */
  expire(context: ApplyContext): readonly E[];
  /** Group time of the earliest deadline; null where there is none. */
  nextDeadlineMs(): number | null;
  /**
   * Begins a snapshot of exactly this moment. The chunks are pulled over time, and commands are applied
   * in between: what changes before the encoder reaches it leaves its old form. One at a time.
   */
  snapshot(): Iterator<Uint8Array>;
  /** Takes the place of all state. Chunks come in order, cut as `snapshot` gave them. */
  restore(chunks: Iterable<Uint8Array>): void;
  /** Throws an AssertionError if the state contradicts itself. */
  checkInvariants(): void;
}
