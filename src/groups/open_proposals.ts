/**
 * Proposals of one group whose proposers still wait: first those that are not in the log yet, then those
 * that are, by index. Each is settled exactly once. Which entry ends up at an index is known only when it
 * is applied, so the term tells whether it is still the one that was proposed.
 */
import { LIMITS } from "../limits.ts";
import type { Entry } from "../raft/entry.ts";
import type { Refusal } from "../raft/ready.ts";
import type { Answer } from "./machine.ts";

/** What became of a proposal at this peer. */
export type ProposalResult =
  | { readonly kind: "applied"; readonly answer: Answer }
  /** It is not in the log and never will be by this attempt. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Leadership or the storage went away while it was under way: it may yet be committed, or not. */
  | { readonly kind: "unknown" };

export interface Proposal {
  readonly payload: Uint8Array;
  readonly settle: (result: ProposalResult) => void;
}

/** Proposals are handed to the core in slices of so many bytes: a full log refuses the last ones only. */
const SLICE_BYTES_MAX = LIMITS.appendBytesMax;

export class OpenProposals {
  #waiting: Proposal[] = [];
  readonly #logged = new Map<number, { readonly term: number; readonly proposal: Proposal }>();

  /** All that wait for their outcome. */
  get size(): number {
    return this.#waiting.length + this.#logged.size;
  }

  /** Whether some are not in the log yet. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  add(proposal: Proposal): void {
    this.#waiting.push(proposal);
  }

  /** Takes out those that are not in the log yet, in order, in slices of bounded size. */
  takeWaiting(): readonly (readonly Proposal[])[] {
    const slices: Proposal[][] = [];
    let bytes = Infinity;
    for (const proposal of this.#waiting) {
      const { length } = proposal.payload;
      if (bytes + length > SLICE_BYTES_MAX) {
        slices.push([]);
        bytes = 0;
      }
      slices.at(-1)!.push(proposal);
      bytes += length;
    }
    this.#waiting = [];
    return slices;
  }

  /** These are in the log now, one behind the other from `index` on. */
  logged(index: number, term: number, proposals: readonly Proposal[]): void {
    for (const [place, proposal] of proposals.entries()) {
      this.#logged.set(index + place, { term, proposal });
    }
  }

  applied(entry: Entry, answer: Answer): void {
    const logged = this.#logged.get(entry.index);
    if (logged === undefined) return;
    this.#logged.delete(entry.index);
    // Another term's entry took the place: this attempt is not in the log, and a retry is a new one.
    logged.proposal.settle(
      logged.term === entry.term ? { kind: "applied", answer } : { kind: "unknown" },
    );
  }

  /** A retry with the same request id finds the entry or proposes it anew; nobody need wait here. */
  forgetLogged(): void {
    const logged = [...this.#logged.values()];
    this.#logged.clear();
    for (const { proposal } of logged) proposal.settle({ kind: "unknown" });
  }

  /** The replica has ended. */
  end(refusal: Refusal): void {
    this.forgetLogged();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle({ kind: "refused", refusal });
  }
}
