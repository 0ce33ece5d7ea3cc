/**
 * Keeps N, the number of empty peers that form a cluster, up to date while it can still change: an entry of
 * `--peers` may turn out to lead to this peer itself, or to a peer that another entry names too.
 */
import type { Clock, Timer } from "../clock.ts";
import { deriveExpect, type Expected, type ExpectInputs } from "../members/expect.ts";
import type { PeerId } from "../raft/entry.ts";

const LOOK_INTERVAL_MS = 100;

export interface ExpectedPeersOptions {
  readonly self: PeerId;
  readonly clock: Clock;
  /** What is known by now. */
  readonly inputs: () => ExpectInputs;
  readonly changed: (expected: Expected) => void;
  /** Whether N does not matter any more, because this peer belongs to a cluster. */
  readonly settled: () => boolean;
}

export class ExpectedPeers {
  readonly #options: ExpectedPeersOptions;
  #timer: Timer | null = null;
  #told: number;

  constructor(options: ExpectedPeersOptions) {
    this.#options = options;
    this.#told = this.current().count;
  }

  current(): Expected {
    return deriveExpect(this.#options.self, this.#options.inputs());
  }

  start(): void {
    this.#timer = this.#options.clock.timer(LOOK_INTERVAL_MS, () => {
      if (this.#options.settled()) return;
      const expected = this.current();
      if (expected.count !== this.#told) {
        this.#told = expected.count;
        this.#options.changed(expected);
      }
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
