/**
 * The replicated state machine of the event log in one partition: takes commands in the log's order and answers them.
 * Pure: time is group time, handed in with each entry. The state is in `events_state.ts`.
 *
 * Guarantees, on every replica alike: of events of one topic with the same id the first one is stored and no
 * other, as long as the id is remembered; offsets of a topic are 0, 1, 2 … in the log's order, none left out and none
 * given twice; a batch is stored whole or not at all; an event that was taken in counts as received, and as stored or
 * as a duplicate. No command takes time that grows with the number of events.
 */
import type { ApplyContext, Machine, Outcome } from "../groups/machine.ts";
import type { ValueHolder, ValueReference, Values } from "../groups/values.ts";
import type { EventAnswer, EventEffect } from "./answers.ts";
import {
  decodeEventCommand,
  type EventCommand,
  identityOfEventCommand,
  type PublishEventsCommand,
  type Retention,
} from "./commands.ts";
import { type PagePlan, planPage, statsOf, topicView } from "./event_reads.ts";
import type { EventStats, EventTopic } from "./events.ts";
import { EventsState } from "./events_state.ts";
import { Publishing } from "./publishing.ts";
import { isTrimDue, trim } from "./trimming.ts";

export const EVENTS_MACHINE = "events";

interface EventOutcome extends Outcome<EventEffect> {
  readonly answer: EventAnswer;
}

export class EventsMachine implements Machine<EventCommand, EventEffect>, ValueHolder {
  readonly name = EVENTS_MACHINE;
  readonly #state: EventsState;

  /** @param values holds the events; the same for as long as the machine is */
  constructor(values: Values) {
    this.#state = new EventsState(values);
  }

  decode(body: unknown): EventCommand | null {
    return decodeEventCommand(body);
  }

  identityOf(command: EventCommand): unknown {
    return identityOfEventCommand(command);
  }

  apply(command: EventCommand, context: ApplyContext): EventOutcome {
    switch (command.kind) {
      case "publish":
        return this.#publish(command, context);
      case "trim": {
        const { retention, max } = command;
        return { answer: trim(this.#state, retention, context.timeMs, max), effects: [] };
      }
    }
  }

  #publish(command: PublishEventsCommand, context: ApplyContext): EventOutcome {
    const answer = new Publishing(this.#state, command, context).run();
    if (!("kind" in answer) || answer.duplicates.length === command.events.count) {
      return { answer, effects: [] };
    }
    const { topic } = command;
    const { nextOffset } = this.#state.find(topic)!;
    return { answer, effects: [{ kind: "eventsStored", topic, nextOffset }] };
  }

  /** Nothing is due by itself: retention comes as a command. */
  expire(_context: ApplyContext): readonly EventEffect[] {
    return [];
  }

  nextDeadlineMs(): number | null {
    return null;
  }

  /** Whether a trim with this retention would take anything away. Takes time that grows with the number of topics. */
  isTrimDue(retention: Retention, timeMs: number): boolean {
    return isTrimDue(this.#state, retention, timeMs);
  }

  /** See `planPage`. Must not be held for long: when a value has gone that it names, ask again. */
  page(
    topic: string,
    page: { readonly after: number | null; readonly limit: number; readonly bytesMax: number },
  ): PagePlan {
    return planPage(this.#state, topic, page);
  }

  /** What the next new event of the topic gets; 0 where it is not known. */
  nextOffset(topic: string): number {
    return this.#state.find(topic)?.nextOffset ?? 0;
  }

  /** Undefined where nothing was published to it. */
  topic(topic: string): EventTopic | undefined {
    const log = this.#state.find(topic);
    return log === undefined ? undefined : topicView(this.#state, log);
  }

  /** The topics behind the first `from`, in the order in which they came: the same on every replica, and for ever. */
  *topics(from: number): Generator<EventTopic, void, undefined> {
    const { topics } = this.#state;
    for (let index = from; index < topics.size; index++) {
      yield topicView(this.#state, topics.get(index)!);
    }
  }

  /** Sums over all topics. */
  stats(): EventStats {
    return statsOf(this.#state);
  }

  valuesIn(file: number, max: number): readonly ValueReference[] {
    return this.#state.batches.valuesIn(file, max);
  }

  moved(from: ValueReference, to: ValueReference): boolean {
    return this.#state.batches.moved(from, to);
  }

  snapshot(): Iterator<Uint8Array> {
    return this.#state.snapshot();
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.#state.restore(chunks);
  }

  checkInvariants(): void {
    this.#state.checkInvariants();
  }
}
