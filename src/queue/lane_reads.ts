/**
 * What a service reads of messages at its own replica: where bodies lie, and pages of dead letters. None of it
 * may reach an answer of the machine.
 */
import { NONE } from "../groups/record_pages.ts";
import type { ValueReference } from "../groups/values.ts";
import type { Lane } from "./lane.ts";
import { ATTEMPTS_USED_UP } from "./message_moves.ts";
import { STATE } from "./message_table.ts";
import type { QueueState } from "./queue_state.ts";
import { findById } from "./settling.ts";

/** Where a message's bytes lie at this replica: a part of the value of its batch. */
export interface BodyPlace {
  /** Messages of one batch have equal ones. */
  readonly reference: ValueReference;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface DeadLetterView {
  readonly number: number;
  /** Null: the partition gave one. */
  readonly id: string | null;
  readonly attempts: number;
  readonly reason: string;
  readonly priority: number;
  readonly publishedMs: number;
  readonly deadMs: number;
  readonly body: BodyPlace;
}

/** See `QueueMachine.bodies`. */
export function bodiesOf(
  state: QueueState,
  numbers: readonly number[],
): readonly (BodyPlace | null)[] {
  return numbers.map((number) => {
    const slot = state.messages.find(number);
    return slot === NONE ? null : bodyPlace(state, slot);
  });
}

function bodyPlace({ messages, batches }: QueueState, slot: number): BodyPlace {
  return {
    reference: batches.reference(messages.batch(slot)),
    offsetBytes: messages.offsetBytes(slot),
    sizeBytes: messages.sizeBytes(slot),
  };
}

/**
 * @param page `after`: the id of the last one of the page before; null: from the beginning. `group`: this one, of
 * which ids are that it gave
 * @returns those that died first, at most `max`; null where `after` is no dead letter (any more)
 */
export function deadLetters(
  state: QueueState,
  lane: Lane,
  { group, max, after }: {
    readonly group: number;
    readonly max: number;
    readonly after: string | null;
  },
): readonly DeadLetterView[] | null {
  const { messages } = state;
  let at = lane.dead.first;
  if (after !== null) {
    const slot = findById(state, lane, after, group);
    if (slot === NONE || messages.state(slot) !== STATE.dead) return null;
    at = messages.next(slot);
  }
  const letters: DeadLetterView[] = [];
  for (; at !== NONE && letters.length < max; at = messages.next(at)) {
    const number = messages.number(at);
    letters.push({
      number,
      id: state.ownId(at),
      attempts: messages.attempts(at),
      reason: state.reasons.get(number) ?? ATTEMPTS_USED_UP,
      priority: messages.priority(at),
      publishedMs: state.publishedMs(at),
      deadMs: messages.eventMs(at),
      body: bodyPlace(state, at),
    });
  }
  return letters;
}
