/**
 * Which delivery somebody means, by receipt, by id, or by both, and whether it is still the current one. The answers
 * are the same for all that settle: acknowledge, refuse, extend, hand back.
 */
import { NONE } from "../groups/record_pages.ts";
import { SETTLED, type Settled } from "./answers.ts";
import type { DeliveryRef } from "./commands.ts";
import type { Lane } from "./lane.ts";
import { STATE } from "./message_table.ts";
import { parseGivenId } from "./message_names.ts";
import type { QueueState } from "./queue_state.ts";

/** A message in flight whose current delivery is meant, or why there is none. */
export type FoundDelivery =
  | { readonly ok: true; readonly slot: number }
  | { readonly ok: false; readonly result: Settled };

const NOT_FOUND: FoundDelivery = { ok: false, result: SETTLED.notFound };
const STALE: FoundDelivery = { ok: false, result: SETTLED.staleReceipt };

export function findDelivery(
  state: QueueState,
  lane: Lane,
  { id, receipt }: DeliveryRef,
  group: number,
): FoundDelivery {
  const { messages } = state;
  if (receipt === null) {
    const slot = findById(state, lane, id!, group);
    if (slot === NONE) return NOT_FOUND;
    return messages.state(slot) === STATE.inFlight ? { ok: true, slot } : STALE;
  }
  const slot = messages.find(receipt.number);
  const isMeant = slot !== NONE && state.laneOf(slot) === lane &&
    (id === null || isNamed(state, lane, slot, id, group));
  if (isMeant) {
    const isCurrent = messages.state(slot) === STATE.inFlight &&
      messages.stateNumber(slot) === receipt.delivery;
    return isCurrent ? { ok: true, slot } : STALE;
  }
  // The receipt is of no message that is there; the id may be, and then it has another one.
  return id !== null && findById(state, lane, id, group) !== NONE ? STALE : NOT_FOUND;
}

/** @returns the message of this lane that an id means, or NONE */
export function findById(
  state: QueueState,
  lane: Lane,
  id: string,
  group: number,
): number {
  const known = state.ids.find(lane.index, id);
  if (known !== NONE && state.ids.message(known) !== NONE) return state.ids.message(known);
  const given = parseGivenId(id);
  if (given === null || given.group !== group || given.lane !== lane.lane) return NONE;
  const slot = state.messages.find(given.number);
  if (slot === NONE || state.laneOf(slot) !== lane) return NONE;
  return state.ownId(slot) === null ? slot : NONE;
}

function isNamed(
  state: QueueState,
  lane: Lane,
  slot: number,
  id: string,
  group: number,
): boolean {
  const own = state.ownId(slot);
  return own === null ? findById(state, lane, id, group) === slot : own === id;
}
