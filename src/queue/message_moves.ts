/**
 * What may happen to a message by the rules, each with its counts and what it causes: acknowledged, refused, handed
 * back, due, put back, purged. Works for one entry. The moves themselves are in `queue_state.ts`.
 */
import type { ApplyContext } from "../groups/machine.ts";
import type { ReturnedMessage } from "./answers.ts";
import type { EntryEffects } from "./entry_effects.ts";
import type { Lane } from "./lane.ts";
import { STATE } from "./message_table.ts";
import { givenId } from "./message_names.ts";
import type { QueueState } from "./queue_state.ts";

/** Why a message is dead whose attempts were used up; what the last consumer said comes behind it. */
export const ATTEMPTS_USED_UP = "max_attempts";

export class MessageMoves {
  readonly #state: QueueState;
  readonly #context: ApplyContext;
  readonly #effects: EntryEffects;

  constructor(state: QueueState, context: ApplyContext, effects: EntryEffects) {
    this.#state = state;
    this.#context = context;
    this.#effects = effects;
  }

  acknowledge(slot: number, lane: Lane): void {
    lane.totals.acknowledged++;
    this.#state.leave(slot);
    this.#state.drop(slot);
  }

  /** @param delayMs null: the topic's back-off */
  refuse(slot: number, lane: Lane, delayMs: number | null, reason: string | null): void {
    const { attempts, isLast } = this.#attemptsOf(slot, lane);
    this.#state.leave(slot);
    if (isLast) return this.#die(slot, lane, reason);
    const stays = this.#goBack(slot, lane, delayMs ?? backoffOf(lane, attempts));
    if (stays) lane.totals.redelivered++;
  }

  /** The attempt does not count: nobody has seen the message. */
  handBack(slot: number, lane: Lane): void {
    const { messages } = this.#state;
    this.#state.leave(slot);
    messages.setAttempts(slot, messages.attempts(slot) - 1);
    lane.totals.delivered--;
    this.#goBack(slot, lane, 0);
  }

  /** Time alone moves it on. It was taken from the deadlines already. */
  due(slot: number): void {
    const lane = this.#state.laneOf(slot);
    this.#state.touch(lane);
    const isInFlight = this.#state.messages.state(slot) === STATE.inFlight;
    this.#state.leave(slot);
    if (isInFlight && this.#attemptsOf(slot, lane).isLast) return this.#die(slot, lane, null);
    const stays = this.#goBack(slot, lane, 0);
    if (!stays || !isInFlight) return;
    lane.totals.redelivered++;
    this.#effects.returned(lane, () => this.#show(slot, lane));
  }

  /** A dead letter begins anew, behind all that is ready. */
  requeue(slot: number, lane: Lane): void {
    const { messages } = this.#state;
    lane.totals.requeued++;
    this.#state.leave(slot);
    messages.setOrder(slot, this.#state.nextNumber++);
    messages.setAttempts(slot, 0);
    this.#goBack(slot, lane, 0);
  }

  purge(slot: number, lane: Lane): void {
    lane.totals.purged++;
    this.#state.leave(slot);
    this.#state.drop(slot);
  }

  #attemptsOf(slot: number, { options }: Lane) {
    const attempts = this.#state.messages.attempts(slot);
    return { attempts, isLast: options.maxAttempts > 0 && attempts >= options.maxAttempts };
  }

  /**
   * To its place, at once or after a delay; but no further where its ttl is over.
   * @returns whether it is still there
   */
  #goBack(slot: number, lane: Lane, delayMs: number): boolean {
    const { timeMs } = this.#context;
    if (this.#state.isOver(slot, timeMs)) {
      lane.totals.expired++;
      this.#state.drop(slot);
      return false;
    }
    if (delayMs > 0) this.#state.toDelayed(slot, timeMs + delayMs);
    else {
      this.#state.toReady(slot);
      this.#effects.ready(lane);
    }
    return true;
  }

  #die(slot: number, lane: Lane, said: string | null): void {
    const reason = said === null ? null : `${ATTEMPTS_USED_UP}: ${said}`;
    lane.totals.deadLettered++;
    this.#state.toDead(slot, reason, this.#context.timeMs);
    this.#effects.dead(lane, () => {
      return { ...this.#show(slot, lane), reason: reason ?? ATTEMPTS_USED_UP };
    });
  }

  #show(slot: number, { lane }: Lane): ReturnedMessage {
    const { messages } = this.#state;
    const place = { group: this.#context.group, lane };
    const id = this.#state.ownId(slot) ?? givenId(place, messages.number(slot));
    return { id, attempts: messages.attempts(slot) };
  }
}

/** The delay after so many attempts; the last one of the list repeats. */
function backoffOf({ options: { backoffMs } }: Lane, attempts: number): number {
  return backoffMs[Math.min(attempts, backoffMs.length) - 1] ?? 0;
}
