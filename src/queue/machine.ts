/**
 * The replicated state machine of the queue in one partition: takes commands in the log's order and answers them.
 * Pure: time is group time, handed in with each entry. The state and its moves are in `queue_state.ts`.
 *
 * Guarantees, on every replica alike: what was published is delivered until a delivery of it is acknowledged, or it
 * dies, or its ttl is over, or it is purged; in each lane the highest priority first, then the order of publication,
 * in which also what comes back stands again; a delivery's receipt is never given again, and settles only that
 * delivery; nothing becomes due before its time. No command takes time that grows with the number of messages,
 * but for expiry, which takes all that is due (see README.md).
 */
import type { ApplyContext, Machine, Outcome } from "../groups/machine.ts";
import { NONE } from "../groups/record_pages.ts";
import type { ValueHolder, ValueReference, Values } from "../groups/values.ts";
import {
  type DeliveredAnswer,
  type DeliveredMessage,
  type QueueAnswer,
  type QueueEffect,
  SETTLED,
  type Settled,
} from "./answers.ts";
import {
  type AdoptCommand,
  type ConfigureCommand,
  decodeQueueCommand,
  type DeliverCommand,
  type ExtendCommand,
  identityOfQueueCommand,
  type LaneName,
  type PublishCommand,
  type PurgeCommand,
  type QueueCommand,
  type RefuseCommand,
  type RequeueCommand,
} from "./commands.ts";
import { EntryEffects } from "./entry_effects.ts";
import type { Lane } from "./lane.ts";
import { bodiesOf, type BodyPlace, deadLetters, type DeadLetterView } from "./lane_reads.ts";
import { type LaneView, viewOf } from "./lane_view.ts";
import { STATE } from "./message_table.ts";
import { MessageMoves } from "./message_moves.ts";
import { Publishing } from "./publishing.ts";
import { restoreRows, snapshotRows } from "./queue_rows.ts";
import { QueueState } from "./queue_state.ts";
import { findById, findDelivery } from "./settling.ts";
import { TopicLanes, unknownTopic } from "./topic_lanes.ts";

export const QUEUE_MACHINE = "queue";

interface QueueOutcome extends Outcome<QueueEffect> {
  readonly answer: QueueAnswer;
}

/** Ids of some lane that are over and forgotten with each entry. */
const CLEARED_EACH_ENTRY = 64;

export class QueueMachine implements Machine<QueueCommand, QueueEffect>, ValueHolder {
  readonly name = QUEUE_MACHINE;
  readonly #state: QueueState;
  readonly #topics: TopicLanes;
  /** The lane whose ids are looked through next. Changes nothing that anybody can see. */
  #clearing = 0;

  /** @param values holds the bodies; the same for as long as the machine is */
  constructor(values: Values) {
    this.#state = new QueueState(values);
    this.#topics = new TopicLanes(this.#state);
  }

  decode(body: unknown): QueueCommand | null {
    return decodeQueueCommand(body);
  }

  identityOf(command: QueueCommand): unknown {
    return identityOfQueueCommand(command);
  }

  apply(command: QueueCommand, context: ApplyContext): QueueOutcome {
    switch (command.kind) {
      case "publish":
        return this.#publish(command, context);
      case "deliver":
        return this.#deliver(command, context);
      case "acknowledge":
        return this.#settle(command, context, (slot, lane, moves) => moves.acknowledge(slot, lane));
      case "refuse":
        return this.#refuse(command, context);
      case "handBack":
        return this.#settle(command, context, (slot, lane, moves) => moves.handBack(slot, lane));
      case "extend":
        return this.#extend(command, context);
      case "configure":
      case "adopt":
        return this.#configure(command);
      case "requeue":
        return this.#requeue(command, context);
      case "purge":
        return this.#purge(command, context);
    }
  }

  /** A consume that comes again gets what it got, as far as those deliveries are still its own. */
  repeat(command: QueueCommand, answer: unknown, context: ApplyContext): QueueOutcome {
    const former = answer as QueueAnswer;
    const isDelivery = command.kind === "deliver" && "kind" in former &&
      former.kind === "delivered";
    if (!isDelivery) return { answer: former, effects: [] };
    const { messages } = this.#state;
    const current: DeliveredMessage[] = [];
    for (const [number, , delivery] of former.messages) {
      const slot = messages.find(number);
      if (slot === NONE || messages.state(slot) !== STATE.inFlight) continue;
      if (messages.stateNumber(slot) === delivery) current.push(this.#delivered(slot));
    }
    if (current.length === 0) return this.#deliver(command, context);
    return { answer: { kind: "delivered", messages: current }, effects: [] };
  }

  #publish(command: PublishCommand, context: ApplyContext): QueueOutcome {
    const found = this.#topics.reach(command);
    if (!found.ok) return { answer: found.answer, effects: [] };
    const { lane, resumed } = found;
    const readyBefore = lane.ready.count;
    const answer = new Publishing(this.#state, lane, command, context).run();
    const isNew = resumed || lane.ready.count > readyBefore;
    return { answer, effects: isNew ? readyEffects(lane) : [] };
  }

  #deliver(command: DeliverCommand, context: ApplyContext): QueueOutcome {
    const found = this.#topics.reach(command);
    if (!found.ok) return { answer: found.answer, effects: [] };
    const { lane, resumed } = found;
    if (!lane.canDeliver) return NOTHING_READY;
    const { messages } = this.#state;
    const untilMs = context.timeMs + (command.visibilityMs ?? lane.options.visibilityMs);
    const delivered: DeliveredMessage[] = [];
    let bytesLeft = command.bytesMax;
    this.#state.touchCounts(lane, context.timeMs);
    while (delivered.length < command.max) {
      const slot = lane.ready.first;
      if (slot === NONE) break;
      bytesLeft -= messages.sizeBytes(slot);
      if (bytesLeft < 0 && delivered.length > 0) break;
      this.#state.leave(slot);
      this.#state.toInFlight(slot, untilMs);
      delivered.push(this.#delivered(slot));
    }
    lane.totals.delivered += delivered.length;
    const answer: DeliveredAnswer = { kind: "delivered", messages: delivered };
    return { answer, effects: resumed ? readyEffects(lane) : [] };
  }

  #delivered(slot: number): DeliveredMessage {
    const { messages } = this.#state;
    return [
      messages.number(slot),
      this.#state.ownId(slot),
      messages.stateNumber(slot),
      messages.attempts(slot),
      messages.priority(slot),
      this.#state.publishedMs(slot),
      messages.eventMs(slot),
    ];
  }

  /** @param move what happens to each delivery that is current */
  #settle(
    { topic, lane: number, deliveries }: LaneName & Pick<RefuseCommand, "deliveries">,
    context: ApplyContext,
    move: (slot: number, lane: Lane, moves: MessageMoves) => void,
  ): QueueOutcome {
    const lane = this.#state.find({ topic, lane: number });
    if (lane === undefined) return { answer: unknownTopic(topic), effects: [] };
    const effects = new EntryEffects();
    const moves = new MessageMoves(this.#state, context, effects);
    this.#state.touchCounts(lane, context.timeMs);
    const results: Settled[] = [];
    for (const delivery of deliveries) {
      const found = findDelivery(this.#state, lane, delivery, context.group);
      if (found.ok) move(found.slot, lane, moves);
      results.push(found.ok ? SETTLED.ok : found.result);
    }
    return { answer: { kind: "settled", results }, effects: effects.all() };
  }

  #refuse(command: RefuseCommand, context: ApplyContext): QueueOutcome {
    const { delayMs, reason } = command;
    return this.#settle(command, context, (slot, lane, moves) => {
      moves.refuse(slot, lane, delayMs, reason);
    });
  }

  #extend(command: ExtendCommand, context: ApplyContext): QueueOutcome {
    return this.#settle(command, context, (slot, lane) => {
      const visibilityMs = command.visibilityMs ?? lane.options.visibilityMs;
      this.#state.setVisibility(slot, context.timeMs + visibilityMs);
    });
  }

  #configure(command: ConfigureCommand | AdoptCommand): QueueOutcome {
    const name = { topic: command.topic, lane: command.kind === "adopt" ? command.lane : 0 };
    const wasPaused = this.#state.find(name)?.options.paused ?? false;
    const answer = command.kind === "adopt"
      ? this.#topics.adopt(command)
      : this.#topics.configure(command);
    const lane = this.#state.find(name);
    return { answer, effects: wasPaused && lane !== undefined ? readyEffects(lane) : [] };
  }

  #requeue({ topic, lane: number, ids, max }: RequeueCommand, context: ApplyContext): QueueOutcome {
    const lane = this.#state.find({ topic, lane: number });
    if (lane === undefined) return { answer: unknownTopic(topic), effects: [] };
    const { messages } = this.#state;
    const effects = new EntryEffects();
    const moves = new MessageMoves(this.#state, context, effects);
    this.#state.touch(lane);
    let count = 0;
    if (ids === null) {
      for (; count < max && lane.dead.first !== NONE; count++) moves.requeue(lane.dead.first, lane);
    } else {
      for (const id of ids.slice(0, max)) {
        const slot = findById(this.#state, lane, id, context.group);
        if (slot === NONE || messages.state(slot) !== STATE.dead) continue;
        moves.requeue(slot, lane);
        count++;
      }
    }
    const more = ids === null && lane.dead.count > 0;
    return { answer: { kind: "counted", count, more }, effects: effects.all() };
  }

  #purge({ topic, lane: number, what, max }: PurgeCommand, context: ApplyContext): QueueOutcome {
    const lane = this.#state.find({ topic, lane: number });
    if (lane === undefined) return { answer: unknownTopic(topic), effects: [] };
    const moves = new MessageMoves(this.#state, context, new EntryEffects());
    const sources = PURGED[what].map((source) => lane[source]);
    this.#state.touch(lane);
    let count = 0;
    for (const source of sources) {
      for (; count < max && source.first !== NONE; count++) moves.purge(source.first, lane);
    }
    const more = sources.some(({ count }) => count > 0);
    return { answer: { kind: "counted", count, more }, effects: [] };
  }

  expire(context: ApplyContext): readonly QueueEffect[] {
    this.#clearIds(context.timeMs);
    if (this.#state.deadlines.firstKey > context.timeMs) return [];
    const effects = new EntryEffects();
    const moves = new MessageMoves(this.#state, context, effects);
    for (const slot of this.#state.takeDue(context.timeMs)) moves.due(slot);
    return effects.all();
  }

  /** Lane by lane, so that also ids of topics that nobody uses any more go. */
  #clearIds(timeMs: number): void {
    const { lanes } = this.#state;
    this.#clearing = this.#clearing + 1 < lanes.size ? this.#clearing + 1 : 0;
    lanes.get(this.#clearing)?.window.clearAway(timeMs, CLEARED_EACH_ENTRY);
  }

  nextDeadlineMs(): number | null {
    const { firstKey } = this.#state.deadlines;
    return firstKey === Infinity ? null : firstKey;
  }

  /** How many messages could be delivered now, none while it is paused; null where the lane is not here. */
  deliverable(name: LaneName): number | null {
    const lane = this.#state.find(name);
    if (lane === undefined) return null;
    return lane.options.paused ? 0 : lane.ready.count;
  }

  /** A lane as it is now; undefined where it is not here. */
  lane(name: LaneName): LaneView | undefined {
    const lane = this.#state.find(name);
    return lane === undefined ? undefined : viewOf(this.#state, lane);
  }

  /** All lanes here, in no particular order. Must not be held across an apply. */
  *lanes(): Generator<LaneView, void, undefined> {
    for (const lane of this.#state.lanes.values()) yield viewOf(this.#state, lane);
  }

  /** Messages of any state, in all lanes. */
  get count(): number {
    return this.#state.messages.live;
  }

  /**
   * Where the bodies of messages lie at this replica, now. Must not be held for long: when a value has gone that
   * it named, ask again.
   * @param numbers as answers name them
   * @returns null for each message that is gone: acknowledged, expired or purged
   */
  bodies(numbers: readonly number[]): readonly (BodyPlace | null)[] {
    return bodiesOf(this.#state, numbers);
  }

  /** See `deadLetters` in `lane_reads.ts`. */
  dead(
    name: LaneName,
    page: { readonly group: number; readonly max: number; readonly after: string | null },
  ): readonly DeadLetterView[] | null {
    const lane = this.#state.find(name);
    return lane === undefined ? [] : deadLetters(this.#state, lane, page);
  }

  valuesIn(file: number, max: number): readonly ValueReference[] {
    return this.#state.batches.valuesIn(file, max);
  }

  moved(from: ValueReference, to: ValueReference): boolean {
    return this.#state.batches.moved(from, to);
  }

  snapshot(): Iterator<Uint8Array> {
    return snapshotRows(this.#state);
  }

  restore(chunks: Iterable<Uint8Array>): void {
    restoreRows(this.#state, chunks);
    this.#clearing = 0;
  }

  checkInvariants(): void {
    this.#state.checkInvariants();
  }
}

/** Whose messages go first. */
const PURGED = {
  ready: ["ready"],
  dead: ["dead"],
  all: ["ready", "delayed", "dead", "inFlight"],
} as const satisfies Record<PurgeCommand["what"], readonly (keyof Lane)[]>;

const NOTHING_READY: QueueOutcome = { answer: { kind: "delivered", messages: [] }, effects: [] };

/** Tells whoever waits, if there is something to deliver. */
function readyEffects(lane: Lane): readonly QueueEffect[] {
  return lane.canDeliver ? [{ kind: "ready", topic: lane.topic, lane: lane.lane }] : [];
}
