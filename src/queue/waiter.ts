/**
 * A consumer that is answered by the leader of a lane: what it asked for, where it stands, and its answer, which is
 * given once.
 */
import type { Timer } from "../clock.ts";
import { type ConsumeAnswer, type ConsumeQuestion, NOTHING } from "./consume_messages.ts";

export class Waiter {
  readonly question: ConsumeQuestion;
  /** When its wait began, on this peer's clock: its place among the others. */
  readonly sinceMs: number;
  /** When its wait at this leader ends. */
  readonly untilMs: number;
  /** Later than this nobody reads its answer. */
  readonly answerByMs: number;
  /** Whether it stands among those that wait, and no entry is under way for it. */
  waits = false;
  /** Whether there was an entry for it. */
  proposed = false;
  timer: Timer | null = null;
  readonly #settled = Promise.withResolvers<ConsumeAnswer>();
  #done = false;

  /** @param timeoutMs so long the answer is waited for */
  constructor(question: ConsumeQuestion, nowMs: number, timeoutMs: number) {
    this.question = question;
    this.sinceMs = nowMs - question.waitedMs;
    this.untilMs = nowMs + question.waitMs;
    this.answerByMs = nowMs + timeoutMs;
  }

  get answer(): Promise<ConsumeAnswer> {
    return this.#settled.promise;
  }

  /** Whether it has its answer, or wants none any more. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether whoever asked would get what it is given now. */
  wants(nowMs: number): boolean {
    return !this.#done && nowMs < this.answerByMs;
  }

  /**
   * What comes too late for a request with an id stays its own: its peer has given this question up, asks again, and is
   * given the same.
   */
  keepsLate(nowMs: number): boolean {
    return this.question.request !== null && !this.#done && !this.wants(nowMs);
  }

  resolve(answer: ConsumeAnswer): void {
    this.#end();
    this.#settled.resolve(answer);
  }

  reject(error: unknown): void {
    this.#end();
    this.#settled.reject(error);
  }

  /** Nobody waits for its answer any more. */
  cancel(): void {
    this.resolve(NOTHING);
  }

  #end(): void {
    this.#done = true;
    this.timer?.cancel();
  }
}
