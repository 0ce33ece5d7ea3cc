/**
 * Handing leadership to a chosen voter (Raft dissertation, section 3.10): nothing more is appended, the
 * voter catches up, and is told to stand without waiting. Told again with each of its answers, as the
 * message may be lost; given up after one maximum election timeout.
 */
import type { Progress } from "./progress.ts";
import type { ReplicaState } from "./replica_state.ts";
import type { Tracker } from "./tracker.ts";

export class TransferOfLeadership {
  readonly #state: ReplicaState;
  #target: Progress | null = null;
  #elapsed = 0;

  constructor(state: ReplicaState) {
    this.#state = state;
  }

  get isUnderWay(): boolean {
    return this.#target !== null;
  }

  /** A later target takes the place of an earlier one. */
  begin(target: Progress): void {
    this.#target = target;
    this.#elapsed = 0;
    this.onProgress(target);
  }

  tick(): void {
    if (this.#target === null) return;
    if (++this.#elapsed >= this.#state.options.electionTicksMax) this.#target = null;
  }

  /** A follower answered: if it is the target and has everything, it may stand. */
  onProgress(from: Progress): void {
    if (from !== this.#target || from.matchIndex !== this.#state.log.lastIndex) return;
    this.#state.send(from.replica, { kind: "timeoutNow" });
  }

  /** The configuration changed: only a voter can be the target. */
  checkTarget(tracker: Tracker): void {
    if (this.#target !== null && !tracker.isIncomingVoter(this.#target)) this.#target = null;
  }
}
