/**
 * The messages of a partition, as records: what one is and where it stands, 64 bytes in memory and in snapshots,
 * and 16 more of links. Its bytes lie in the value files, at an offset in its batch (`batch_table.ts`); its id, where the
 * caller gave one, in `id_table.ts`.
 */
import { NONE, RecordPages } from "../groups/record_pages.ts";
import { mixNearby, SlotIndex } from "../groups/slot_index.ts";

/** Where a message stands. Numbers are in snapshots: they never change. */
export const STATE = { ready: 1, delayed: 2, inFlight: 3, dead: 4 } as const;
export type MessageState = typeof STATE[keyof typeof STATE];

/** Fields that are doubles. */
const WORD = { number: 0, order: 1, stateNumber: 2, eventMs: 3, ttlEndMs: 4 } as const;
const STORED_WORDS = 8;
/** Fields that are 32-bit integers. */
const HALF = { batch: 10, offsetBytes: 11, sizeBytes: 12, attempts: 13, id: 14, standing: 15 };
/** Links, not stored. */
const LINK = { next: 16, previous: 17, deadlinePlace: 18, readyPlace: 19 } as const;
const LOCAL_WORDS = 2;

/** Half `standing` is lane << 8 | priority << 4 | state. */
const LANE_SHIFT = 8;
const PRIORITY_SHIFT = 4;
const NIBBLE = 15;

export interface NewMessage {
  readonly number: number;
  readonly lane: number;
  readonly priority: number;
  readonly ttlEndMs: number;
  readonly batch: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** Its record of ids, or NONE. */
  readonly id: number;
}

export class MessageTable extends RecordPages {
  readonly #numbers = new SlotIndex();

  constructor() {
    super(STORED_WORDS, LOCAL_WORDS);
  }

  /** @returns its slot; it stands nowhere yet, and `stand` must follow */
  add(message: NewMessage): number {
    const { number } = message;
    const slot = this.allocate(number);
    this.setWord(slot, WORD.order, number);
    this.setWord(slot, WORD.ttlEndMs, message.ttlEndMs);
    this.setHalf(slot, HALF.batch, message.batch);
    this.setHalf(slot, HALF.offsetBytes, message.offsetBytes);
    this.setHalf(slot, HALF.sizeBytes, message.sizeBytes);
    this.setHalf(slot, HALF.id, message.id);
    const standing = message.lane << LANE_SHIFT | message.priority << PRIORITY_SHIFT;
    this.setHalf(slot, HALF.standing, standing);
    this.#unlink(slot);
    this.#numbers.add(mixNearby(number), slot);
    return slot;
  }

  remove(slot: number): void {
    this.#numbers.remove(mixNearby(this.number(slot)), slot);
    this.release(slot);
  }

  /** @returns NONE where there is no message of this number (any more) */
  find(number: number): number {
    return this.#numbers.find(mixNearby(number), (slot) => this.number(slot) === number);
  }

  /** Given by the partition when it was published, for ever. */
  number(slot: number): number {
    return this.word(slot, WORD.number);
  }

  /** Its place among the messages of its lane and priority: its number, or a later one once it was put back. */
  order(slot: number): number {
    return this.word(slot, WORD.order);
  }

  setOrder(slot: number, order: number): void {
    this.setWord(slot, WORD.order, order);
  }

  /** A number of the partition's counter from when it came to stand where it stands; in flight: of the delivery. */
  stateNumber(slot: number): number {
    return this.word(slot, WORD.stateNumber);
  }

  /** When its visibility or delay ends, or when it died; 0 when it is ready. */
  eventMs(slot: number): number {
    return this.word(slot, WORD.eventMs);
  }

  setEventMs(slot: number, eventMs: number): void {
    this.setWord(slot, WORD.eventMs, eventMs);
  }

  /** When its time is over; 0: never. */
  ttlEndMs(slot: number): number {
    return this.word(slot, WORD.ttlEndMs);
  }

  setTtlEndMs(slot: number, ttlEndMs: number): void {
    this.setWord(slot, WORD.ttlEndMs, ttlEndMs);
  }

  batch(slot: number): number {
    return this.half(slot, HALF.batch);
  }

  /** Of its bytes within its batch. */
  offsetBytes(slot: number): number {
    return this.half(slot, HALF.offsetBytes);
  }

  sizeBytes(slot: number): number {
    return this.half(slot, HALF.sizeBytes);
  }

  /** How often it was delivered since it was published, or put back. */
  attempts(slot: number): number {
    return this.half(slot, HALF.attempts);
  }

  setAttempts(slot: number, attempts: number): void {
    this.setHalf(slot, HALF.attempts, attempts);
  }

  /** Its record of ids; NONE where the caller gave no id. */
  id(slot: number): number {
    return this.half(slot, HALF.id);
  }

  /** The lane's index. */
  lane(slot: number): number {
    return this.half(slot, HALF.standing) >>> LANE_SHIFT;
  }

  priority(slot: number): number {
    return (this.half(slot, HALF.standing) >>> PRIORITY_SHIFT) & NIBBLE;
  }

  state(slot: number): MessageState {
    return (this.half(slot, HALF.standing) & NIBBLE) as MessageState;
  }

  stand(slot: number, state: MessageState, stateNumber: number, eventMs: number): void {
    this.setHalf(slot, HALF.standing, (this.half(slot, HALF.standing) & ~NIBBLE) | state);
    this.setWord(slot, WORD.stateNumber, stateNumber);
    this.setWord(slot, WORD.eventMs, eventMs);
  }

  /** Links of the one list that it is in (`message_list.ts`). */
  next(slot: number): number {
    return this.half(slot, LINK.next);
  }

  previous(slot: number): number {
    return this.half(slot, LINK.previous);
  }

  setNext(slot: number, next: number): void {
    this.setLocal(slot, LINK.next, next);
  }

  setPrevious(slot: number, previous: number): void {
    this.setLocal(slot, LINK.previous, previous);
  }

  /** Its place in the heap of deadlines; NONE: it has none. */
  deadlinePlace(slot: number): number {
    return this.half(slot, LINK.deadlinePlace);
  }

  setDeadlinePlace(slot: number, place: number): void {
    this.setLocal(slot, LINK.deadlinePlace, place);
  }

  /** Its place in the heap of those that came back; NONE: it is not there. */
  readyPlace(slot: number): number {
    return this.half(slot, LINK.readyPlace);
  }

  setReadyPlace(slot: number, place: number): void {
    this.setLocal(slot, LINK.readyPlace, place);
  }

  #unlink(slot: number): void {
    this.setLocal(slot, LINK.next, NONE);
    this.setLocal(slot, LINK.previous, NONE);
    this.setLocal(slot, LINK.deadlinePlace, NONE);
    this.setLocal(slot, LINK.readyPlace, NONE);
  }

  override clear(): void {
    super.clear();
    this.#numbers.clear();
  }

  override endLoading(): void {
    super.endLoading();
    for (const slot of this.slots()) {
      this.#unlink(slot);
      this.#numbers.add(mixNearby(this.number(slot)), slot);
    }
  }

  checkInvariants(): void {
    this.checkPages();
    this.#numbers.checkInvariants(this.live, (slot) => mixNearby(this.number(slot)));
  }
}
