/**
 * The replicated set of peers that may hold lines, as one home changes it: a peer is entered before its first lease, and
 * leaves when it has had none for long. What a peer wants while it is leaving waits until it has left.
 */
import type { HomeProposals } from "./home_proposals.ts";
import type { CacheMachine } from "./machine.ts";

export class HomeHolders {
  readonly #machine: CacheMachine;
  readonly #term: number;
  readonly #proposals: HomeProposals;
  readonly #entering = new Set<string>();
  #leaving: ReadonlySet<string> = new Set();

  constructor(machine: CacheMachine, term: number, proposals: HomeProposals) {
    this.#machine = machine;
    this.#term = term;
    this.#proposals = proposals;
  }

  /** Whether the peer is in the set, and stays. */
  has(peer: string): boolean {
    return this.#machine.leaseHolders.has(peer) && !this.#leaving.has(peer);
  }

  /** @param entered called once the peer is in the set; not where it cannot be, or is being entered already */
  enter(peer: string, entered: () => void): void {
    // It reports again, soon.
    if (this.#entering.has(peer) || this.#leaving.has(peer)) return;
    this.#entering.add(peer);
    const command = { kind: "enterHolder", term: this.#term, peer } as const;
    this.#proposals.untilKnown(command, null).then(({ kind }) => {
      this.#entering.delete(peer);
      if (kind === "answer") entered();
    });
  }

  /** None of these has a lease, with this or an older home, nor gets one while it leaves. */
  leave(peers: readonly string[], left: () => void): void {
    const leaving = peers.filter((peer) => !this.#entering.has(peer));
    if (this.#leaving.size > 0 || leaving.length === 0) return;
    this.#leaving = new Set(leaving);
    const command = { kind: "leaveHolders", term: this.#term, peers: leaving } as const;
    this.#proposals.untilKnown(command, null).then(({ kind }) => {
      this.#leaving = new Set();
      if (kind === "answer") left();
    });
  }
}
