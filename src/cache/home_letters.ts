/**
 * What one home writes to lines: every letter names its partition and term, and some wait for another to ride with.
 */
import type { Clock, Timer } from "../clock.ts";
import type { HomeMessage, KeyAddress } from "./messages.ts";

/** What may ride with another letter to a peer, waits no longer for one. */
const RIDING_MS = 50;

/** How a home speaks to lines. */
export interface HomePost {
  toPeer(peer: string, message: HomeMessage): void;
  /** What is sent to this peer itself meanwhile arrives afterwards. */
  together(work: () => void): void;
}

export class HomeLetters {
  readonly #clock: Clock;
  readonly #post: HomePost;
  readonly #partition: number;
  readonly #term: number;
  readonly #riding = new Map<string, HomeMessage[]>();
  #timer: Timer | null = null;
  #ended = false;

  constructor(clock: Clock, post: HomePost, partition: number, term: number) {
    this.#clock = clock;
    this.#post = post;
    this.#partition = partition;
    this.#term = term;
  }

  /** What every letter about a key begins with. */
  at(key: string): KeyAddress {
    return { partition: this.#partition, term: this.#term, key };
  }

  send(peer: string, message: HomeMessage): void {
    if (this.#ended) return;
    const riding = this.#riding.get(peer);
    if (riding !== undefined) {
      this.#riding.delete(peer);
      for (const one of riding) this.#post.toPeer(peer, one);
    }
    this.#post.toPeer(peer, message);
  }

  /** With the next letter to that peer, or soon: nobody there waits for it. */
  ride(peer: string, message: HomeMessage): void {
    if (this.#ended) return;
    const riding = this.#riding.get(peer);
    if (riding === undefined) this.#riding.set(peer, [message]);
    else riding.push(message);
    this.#timer ??= this.#clock.timer(RIDING_MS, () => {
      this.#timer = null;
      const all = [...this.#riding];
      this.#riding.clear();
      for (const [to, messages] of all) for (const one of messages) this.#post.toPeer(to, one);
    });
  }

  /**
   * Whether the peer has a lease, and that this is the home.
   * @param answer.serial of what this answers; 0: of nothing
   */
  renewed(
    peer: string,
    answer: {
      readonly serial: number;
      readonly session: number;
      readonly isLeased: boolean;
      readonly isRebuilt: boolean;
      readonly timeMs: number;
    },
  ): void {
    const at = { partition: this.#partition, term: this.#term };
    this.send(peer, { kind: "renewed", ...at, ...answer });
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#riding.clear();
  }
}
