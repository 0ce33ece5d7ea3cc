/**
 * What a partition holds of the queue, and the moves of a message between its states. Each message stands in exactly one
 * place (ready, delayed, in flight or dead) of its lane, and has a deadline where time alone moves it on: visibility
 * in flight, delay, and the ttl of what is ready or delayed. Numbers of messages, deliveries and places come from one
 * counter, so none comes twice.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";
import { sortBy } from "../groups/slot_sort.ts";
import { SnapshotMap } from "../groups/snapshot_map.ts";
import type { Values } from "../groups/values.ts";
import { BatchTable } from "./batch_table.ts";
import type { LaneName } from "./commands.ts";
import { IdTable } from "./id_table.ts";
import { Lane, type LaneRow, laneRow } from "./lane.ts";
import { MessageTable, STATE } from "./message_table.ts";
import { SlotHeap } from "./slot_heap.ts";
import type { TopicSettings } from "./topic_options.ts";

export class QueueState {
  readonly messages = new MessageTable();
  readonly ids = new IdTable();
  readonly batches: BatchTable;
  /** By index. */
  readonly lanes = new SnapshotMap<number, Lane, LaneRow>((_, lane) => laneRow(lane));
  /** Why they died, where more is to be said than that their attempts were used up. By message number. */
  readonly reasons = new SnapshotMap<number, string>((number, reason) => [number, reason]);
  readonly deadlines = new SlotHeap({
    get: (slot) => this.messages.deadlinePlace(slot),
    set: (slot, place) => this.messages.setDeadlinePlace(slot, place),
  });
  nextNumber = 1;
  readonly #byName = new Map<string, Lane>();

  constructor(values: Values) {
    this.batches = new BatchTable(values);
  }

  find({ topic, lane }: LaneName): Lane | undefined {
    return this.#byName.get(keyOf(topic, lane));
  }

  /** @param index its place among the lanes of this partition, as many as there are before it */
  addLane(index: number, topic: string, number: number, settings: TopicSettings): Lane {
    const lane = new Lane(index, topic, number, settings, this);
    this.lanes.set(index, lane);
    this.#byName.set(keyOf(topic, number), lane);
    return lane;
  }

  /** Must be called before a lane's own fields are changed. */
  touch(lane: Lane): void {
    this.lanes.touch(lane.index);
  }

  /**
   * Must be called before more is counted at a lane as published, delivered or acknowledged.
   * @param timeMs group time
   */
  touchCounts(lane: Lane, timeMs: number): void {
    this.touch(lane);
    lane.recent.mark(timeMs, lane.totals);
  }

  laneOf(slot: number): Lane {
    return this.lanes.get(this.messages.lane(slot))!;
  }

  /** The id that the caller gave; null: the partition gave one. */
  ownId(slot: number): string | null {
    const id = this.messages.id(slot);
    return id === NONE ? null : this.ids.text(id);
  }

  publishedMs(slot: number): number {
    return this.batches.publishedMs(this.messages.batch(slot));
  }

  isOver(slot: number, timeMs: number): boolean {
    const ttlEndMs = this.messages.ttlEndMs(slot);
    return ttlEndMs !== 0 && ttlEndMs <= timeMs;
  }

  toReady(slot: number): void {
    const { messages } = this;
    messages.stand(slot, STATE.ready, 0, 0);
    this.laneOf(slot).ready.add(slot);
    const ttlEndMs = messages.ttlEndMs(slot);
    if (ttlEndMs !== 0) this.deadlines.add(slot, ttlEndMs);
  }

  /** @param stateNumber greater than that of any other message that was put off; a new message's is its own */
  toDelayed(slot: number, untilMs: number, stateNumber = this.nextNumber++): void {
    this.messages.stand(slot, STATE.delayed, stateNumber, untilMs);
    this.laneOf(slot).delayed.append(slot);
    this.deadlines.add(slot, this.deadlineOf(slot));
  }

  toInFlight(slot: number, untilMs: number): void {
    const { messages, ids } = this;
    messages.stand(slot, STATE.inFlight, this.nextNumber++, untilMs);
    messages.setAttempts(slot, messages.attempts(slot) + 1);
    this.laneOf(slot).inFlight.append(slot);
    this.deadlines.add(slot, untilMs);
    if (messages.id(slot) !== NONE) ids.mean(messages.id(slot), slot);
  }

  /** A dead letter stays until it is put back or purged, whatever its ttl was. */
  toDead(slot: number, reason: string | null, timeMs: number): void {
    const { messages, ids } = this;
    messages.stand(slot, STATE.dead, this.nextNumber++, timeMs);
    messages.setTtlEndMs(slot, 0);
    this.laneOf(slot).dead.append(slot);
    if (reason !== null) this.reasons.set(messages.number(slot), reason);
    if (messages.id(slot) !== NONE) ids.mean(messages.id(slot), slot);
  }

  setVisibility(slot: number, untilMs: number): void {
    this.messages.setEventMs(slot, untilMs);
    this.deadlines.move(slot, untilMs);
  }

  /** Takes the message from where it stands; one of the `to…` or `drop` must follow. */
  leave(slot: number): void {
    const { messages } = this;
    const lane = this.laneOf(slot);
    if (messages.deadlinePlace(slot) !== NONE) this.deadlines.remove(slot);
    switch (messages.state(slot)) {
      case STATE.ready:
        return lane.ready.remove(slot);
      case STATE.delayed:
        return lane.delayed.remove(slot);
      case STATE.inFlight:
        return lane.inFlight.remove(slot);
      case STATE.dead:
        lane.dead.remove(slot);
        this.reasons.delete(messages.number(slot));
        return;
    }
  }

  /** The message is gone. */
  drop(slot: number): void {
    const { messages } = this;
    const lane = this.laneOf(slot);
    const id = messages.id(slot);
    lane.bytes -= messages.sizeBytes(slot);
    if (id !== NONE) {
      lane.idBytes -= this.ids.text(id).length;
      this.ids.drop(id, slot);
    }
    this.batches.dropMessage(messages.batch(slot));
    messages.remove(slot);
  }

  /** When time alone moves the message on; Infinity: never. */
  deadlineOf(slot: number): number {
    const { messages } = this;
    const ttlEndMs = messages.ttlEndMs(slot) || Infinity;
    switch (messages.state(slot)) {
      case STATE.ready:
        return ttlEndMs;
      case STATE.delayed:
        return Math.min(messages.eventMs(slot), ttlEndMs);
      case STATE.inFlight:
        return messages.eventMs(slot);
      case STATE.dead:
        return Infinity;
    }
  }

  /** Takes out what is due, in the order of its numbers. Each still stands where it stood. */
  takeDue(timeMs: number): readonly number[] {
    const due = this.deadlines.takeUpTo(timeMs);
    if (due.length > 1) sortBy(due, (slot) => this.messages.number(slot));
    return due;
  }

  clear(): void {
    for (const part of [this.messages, this.ids, this.batches, this.lanes, this.reasons]) {
      part.clear();
    }
    this.deadlines.clear();
    this.#byName.clear();
    this.nextNumber = 1;
  }

  /** Messages were loaded: puts each where it stands. */
  arrange(): void {
    const { messages, ids } = this;
    const standing: number[] = [];
    const ready: number[] = [];
    for (const slot of messages.slots()) {
      const deadlineMs = this.deadlineOf(slot);
      if (deadlineMs !== Infinity) this.deadlines.add(slot, deadlineMs);
      if (messages.state(slot) === STATE.ready) ready.push(slot);
      else standing.push(slot);
    }
    sortBy(ready, (slot) => messages.order(slot));
    for (const slot of ready) this.laneOf(slot).ready.add(slot);
    sortBy(standing, (slot) => messages.stateNumber(slot));
    for (const slot of standing) this.#listOf(slot).append(slot);
    const known = [...ids.slots()].filter((slot) => ids.isInWindow(slot));
    sortBy(known, (slot) => ids.number(slot));
    for (const slot of known) this.lanes.get(ids.lane(slot))!.window.append(slot);
  }

  #listOf(slot: number): Lane["dead"] {
    const lane = this.laneOf(slot);
    switch (this.messages.state(slot)) {
      case STATE.delayed:
        return lane.delayed;
      case STATE.inFlight:
        return lane.inFlight;
      case STATE.dead:
        return lane.dead;
      case STATE.ready:
        assert(false, "what is ready is in no list of its lane");
    }
  }

  checkInvariants(): void {
    const { messages, ids, batches } = this;
    messages.checkInvariants();
    ids.checkInvariants();
    batches.checkInvariants();
    this.deadlines.checkInvariants((slot) => this.deadlineOf(slot));
    const inBatch = new Map<number, number>();
    const carried = new Map<number, number>();
    const timed: number[] = [];
    for (const slot of messages.slots()) {
      const [batch, id] = [messages.batch(slot), messages.id(slot)];
      inBatch.set(batch, (inBatch.get(batch) ?? 0) + 1);
      if (id !== NONE) carried.set(id, (carried.get(id) ?? 0) + 1);
      if (this.deadlineOf(slot) !== Infinity) timed.push(slot);
      assert(messages.number(slot) < this.nextNumber, "a number is given out before it is used");
    }
    assert(timed.length === this.deadlines.size, "what has a deadline is in the heap");
    for (const slot of batches.slots()) {
      assert(batches.messages(slot) === inBatch.get(slot), "a batch counts its messages");
    }
    for (const slot of ids.slots()) {
      assert(ids.messages(slot) === (carried.get(slot) ?? 0), "an id counts its messages");
      const meant = ids.message(slot);
      assert(
        meant === NONE || messages.id(meant) === slot,
        "an id means a message that carries it",
      );
    }
    let standing = 0;
    for (const lane of this.lanes.values()) standing += this.#checkLane(lane);
    assert(standing === messages.live, "every message stands in its lane");
  }

  #checkLane(lane: Lane): number {
    const { messages } = this;
    const stateNumber = (slot: number) => messages.stateNumber(slot);
    const places = [
      [STATE.ready, lane.ready.checkInvariants()],
      [STATE.delayed, [...lane.delayed.slots()]],
      [STATE.inFlight, [...lane.inFlight.slots()]],
      [STATE.dead, [...lane.dead.slots()]],
    ] as const;
    for (const list of [lane.delayed, lane.inFlight, lane.dead]) list.checkInvariants(stateNumber);
    lane.window.checkInvariants();
    let [bytes, idBytes] = [0, 0];
    for (const [state, slots] of places) {
      for (const slot of slots) {
        assert(messages.state(slot) === state, "a message stands where it says");
        assert(this.laneOf(slot) === lane, "a message stands in its own lane");
        bytes += messages.sizeBytes(slot);
        idBytes += this.ownId(slot)?.length ?? 0;
      }
    }
    assert(bytes === lane.bytes && idBytes === lane.idBytes, "a lane counts its bytes");
    return lane.count;
  }
}

function keyOf(topic: string, lane: number): string {
  return `${lane}:${topic}`;
}
