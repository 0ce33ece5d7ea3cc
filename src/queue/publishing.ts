/**
 * Publishing a batch: which of its messages are new, whether the lane has room for them, and storing them. All of
 * them or none: a batch that is refused leaves no trace. What is stored is as if its messages had come one by one.
 */
import type { ApplyContext } from "../groups/machine.ts";
import { NONE } from "../groups/record_pages.ts";
import { refuse, type RefusedAnswer } from "../groups/refusal.ts";
import type { PublishedAnswer } from "./answers.ts";
import type { PublishBounds, PublishCommand } from "./commands.ts";
import type { Lane } from "./lane.ts";
import { parseGivenId } from "./message_names.ts";
import { numberAt, type PackedItems } from "./published_items.ts";
import type { QueueState } from "./queue_state.ts";

/** Ids that are over and forgotten with each batch; more than come with it, so that they do not heap up. */
const CLEARED_MIN = 64;

/** Works for one batch. */
export class Publishing {
  readonly #state: QueueState;
  readonly #lane: Lane;
  readonly #items: PackedItems;
  readonly #bounds: PublishBounds;
  readonly #context: ApplyContext;

  /** @param lane where it goes */
  constructor(state: QueueState, lane: Lane, command: PublishCommand, context: ApplyContext) {
    this.#state = state;
    this.#lane = lane;
    this.#items = command.items;
    this.#bounds = command.bounds;
    this.#context = context;
  }

  /** Stores what is new. */
  run(): PublishedAnswer | RefusedAnswer {
    const refused = this.#refuseReserved() ?? this.#refuseWithoutRoom();
    if (refused !== null) return refused;
    const { totals, window } = this.#lane;
    const { count } = this.#items;
    this.#state.touchCounts(this.#lane, this.#context.timeMs);
    window.clearAway(this.#context.timeMs, CLEARED_MIN + 2 * count);
    const first = this.#state.nextNumber;
    const duplicates = this.#store();
    totals.duplicates += duplicates.length;
    totals.published += count - duplicates.length;
    return { kind: "published", first, duplicates };
  }

  /** A caller's id must not be one that this lane may yet give to a message of its own. */
  #refuseReserved(): RefusedAnswer | null {
    for (const [place, id] of this.#items.ids?.entries() ?? []) {
      const number = id === null ? null : this.#givenNumber(id);
      if (number === null || number < this.#state.nextNumber) continue;
      return refuse("INVALID", `the id ${id} has the form of those that partitions give`, {
        place,
      });
    }
    return null;
  }

  /** @returns null for what is not an id of the form that this lane gives */
  #givenNumber(id: string): number | null {
    const given = parseGivenId(id);
    const isOurs = given !== null && given.group === this.#context.group &&
      given.lane === this.#lane.lane;
    return isOurs ? given.number : null;
  }

  #refuseWithoutRoom(): RefusedAnswer | null {
    const { topic, count, bytes, idBytes } = this.#lane;
    const { messagesMax, bytesMax } = this.#bounds;
    const needed = this.#needed(() => false);
    const hasRoom = ({ messages, bytes: more }: typeof needed) =>
      count + messages <= messagesMax && bytes + idBytes + more <= bytesMax;
    if (hasRoom(needed)) return null;
    // Only now it matters that duplicates need no room.
    const inBatch = new Set<string>();
    const exactly = this.#needed((id) => {
      if (this.#isDuplicate(id) || inBatch.has(id)) return true;
      if (this.#lane.options.dedupWindowMs > 0) inBatch.add(id);
      return false;
    });
    if (exactly.messages === 0 || hasRoom(exactly)) return null;
    const held =
      `${count} messages of at most ${messagesMax}, ${bytes} bytes of at most ${bytesMax}`;
    return refuse("TOO_MANY_REQUESTS", `${topic} is full: it holds ${held}`, { topic });
  }

  /** What room the batch takes, less the messages whose ids are left out. */
  #needed(leavesOut: (id: string) => boolean): { messages: number; bytes: number } {
    const { count, sizes, ids, bodies } = this.#items;
    if (ids === null) return { messages: count, bytes: bodies.length };
    let [messages, bytes] = [count, bodies.length];
    for (let place = 0; place < count; place++) {
      const id = ids[place]!;
      if (id === null) continue;
      if (leavesOut(id)) {
        messages--;
        bytes -= numberAt(sizes, place);
      } else bytes += id.length;
    }
    return { messages, bytes };
  }

  #isDuplicate(id: string): boolean {
    return this.#isKnown(this.#state.ids.find(this.#lane.index, id)) || this.#isGiven(id);
  }

  /** Whether the id of this record was published within the window. */
  #isKnown(record: number): boolean {
    const { ids } = this.#state;
    if (record === NONE || !ids.isInWindow(record)) return false;
    return ids.windowEndMs(record) > this.#context.timeMs;
  }

  /** Whether this is the id that the lane gave to a message that is still there. */
  #isGiven(id: string): boolean {
    const number = this.#givenNumber(id);
    if (number === null) return false;
    const slot = this.#state.messages.find(number);
    return slot !== NONE && this.#state.laneOf(slot) === this.#lane &&
      this.#state.ownId(slot) === null;
  }

  /** @returns the places of duplicates */
  #store(): readonly number[] {
    const { count, sizes, ids } = this.#items;
    const duplicates: number[] = [];
    let batch = NONE;
    let offsetBytes = 0;
    for (let place = 0; place < count; place++) {
      const sizeBytes = numberAt(sizes, place);
      const text = ids === null ? null : ids[place]!;
      const known = text === null ? NONE : this.#state.ids.find(this.#lane.index, text);
      if (text !== null && (this.#isKnown(known) || this.#isGiven(text))) duplicates.push(place);
      else {
        batch = batch === NONE ? this.#addBatch() : batch;
        this.#add(place, { batch, offsetBytes, sizeBytes }, text, known);
      }
      offsetBytes += sizeBytes;
    }
    return duplicates;
  }

  #addBatch(): number {
    const { batches, nextNumber } = this.#state;
    return batches.add(this.#items.bodies, nextNumber, this.#context.timeMs);
  }

  /** @param known the record of its id, NONE where there is none yet */
  #add(
    place: number,
    body: { readonly batch: number; readonly offsetBytes: number; readonly sizeBytes: number },
    text: string | null,
    known: number,
  ): void {
    const { priorities, delays, ttls } = this.#items;
    const { timeMs } = this.#context;
    const lane = this.#lane;
    const number = this.#state.nextNumber++;
    const ttlMs = ttls === null ? 0 : numberAt(ttls, place);
    const id = text === null ? NONE : this.#takeId(known, text, number);
    const slot = this.#state.messages.add({
      number,
      lane: lane.index,
      priority: priorities === null ? 0 : priorities[place]!,
      ttlEndMs: ttlMs === 0 ? 0 : timeMs + ttlMs,
      ...body,
      id,
    });
    this.#state.batches.addMessage(body.batch);
    lane.bytes += body.sizeBytes;
    if (text !== null) this.#remember(id, text, slot, number);
    const delayMs = delays === null ? 0 : numberAt(delays, place);
    if (delayMs > 0) this.#state.toDelayed(slot, timeMs + delayMs, number);
    else this.#state.toReady(slot);
  }

  /** @returns the id's record, which is not in the window */
  #takeId(known: number, text: string, number: number): number {
    const { ids } = this.#state;
    if (known === NONE) return ids.add(this.#lane.index, text, number);
    if (ids.isInWindow(known)) this.#lane.window.take(known);
    return known;
  }

  #remember(id: number, text: string, slot: number, number: number): void {
    const { options, totals, window } = this.#lane;
    this.#lane.idBytes += text.length;
    this.#state.ids.carry(id, slot);
    totals.dedupEvicted += window.enter(id, {
      number,
      timeMs: this.#context.timeMs,
      windowMs: options.dedupWindowMs,
      max: this.#bounds.dedupMax,
    });
  }
}
