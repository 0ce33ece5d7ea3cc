/**
 * Whether one home has room for further keys, and for what is written to those that it has. Where it has none, keys whose
 * time is over are cleared away with the next entry of the log: as nobody may write, the home logs one, or they would
 * stay for ever.
 */
import type { HomeProposals } from "./home_proposals.ts";
import type { CacheMachine } from "./machine.ts";

export interface HomeRoomEdges {
  readonly self: string;
  readonly term: number;
  readonly machine: CacheMachine;
  readonly proposals: HomeProposals;
  /** Group time. */
  timeMs(): number;
}

export class HomeRoom {
  readonly #edges: HomeRoomEdges;
  #isClearing = false;

  constructor(edges: HomeRoomEdges) {
    this.#edges = edges;
  }

  /** Nobody should come to write a key unasked. */
  get isFull(): boolean {
    return this.#edges.machine.isFull;
  }

  /** @returns whether there is no room for what is to be written to this key; there may be, soon */
  lacks(key: string): boolean {
    const { machine, timeMs } = this.#edges;
    const isFull = machine.settled(key) === null ? machine.isFull : machine.isOverfull;
    if (!isFull) return false;
    if (!this.#isClearing && machine.hasDue(timeMs())) this.#clear();
    return true;
  }

  #clear(): void {
    const { self, term, proposals } = this.#edges;
    this.#isClearing = true;
    // The home is in that set already: this changes nothing else.
    const command = { kind: "enterHolder", term, peer: self } as const;
    proposals.untilKnown(command, null).then(() => this.#isClearing = false);
  }
}
