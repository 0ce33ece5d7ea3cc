/**
 * Publishing a batch to one topic: which of its events are new, whether they may be stored, and storing them. All of
 * them or none: a batch that is refused leaves no trace. What is stored is as if its events had come one by one.
 */
import type { ApplyContext } from "../groups/machine.ts";
import { NONE } from "../groups/record_pages.ts";
import { refuse, type RefusedAnswer } from "../groups/refusal.ts";
import { LIMITS } from "../limits.ts";
import type { PublishedAnswer } from "./answers.ts";
import type { PublishEventsCommand } from "./commands.ts";
import type { EventsState } from "./events_state.ts";
import { IDENTITY_BYTES } from "./identity.ts";
import { joinBytes } from "./packed_events.ts";
import { sizeAt } from "./stored_event.ts";
import type { TopicLog } from "./topic_log.ts";

/** Works for one batch. */
export class Publishing {
  readonly #state: EventsState;
  readonly #command: PublishEventsCommand;
  readonly #context: ApplyContext;
  readonly #log: TopicLog | undefined;

  constructor(state: EventsState, command: PublishEventsCommand, context: ApplyContext) {
    this.#state = state;
    this.#command = command;
    this.#context = context;
    this.#log = state.find(command.topic);
  }

  /** Stores what is new. */
  run(): PublishedAnswer | RefusedAnswer {
    const { topic, events: { count } } = this.#command;
    const unknown = this.#countUnknown();
    if (unknown > 0) {
      const refused = this.#refuseOffset() ?? this.#refuseTopic() ??
        this.#refuseIdentities(unknown);
      if (refused !== null) return refused;
    }
    const log = this.#log ?? this.#state.add(topic);
    this.#state.touch(log);
    log.received += count;
    return this.#store(log);
  }

  /** How many ids are not remembered; one that comes twice counts twice. */
  #countUnknown(): number {
    const { count, identities } = this.#command.events;
    if (this.#log === undefined) return count;
    const { index } = this.#log;
    let unknown = 0;
    for (let place = 0; place < count; place++) {
      if (this.#state.identities.find(index, identities, place) === NONE) unknown++;
    }
    return unknown;
  }

  #refuseOffset(): RefusedAnswer | null {
    const { topic, expectedOffset } = this.#command;
    const nextOffset = this.#log?.nextOffset ?? 0;
    if (expectedOffset === null || expectedOffset === nextOffset) return null;
    const message = `the next event of ${topic} gets offset ${nextOffset}, not ${expectedOffset}`;
    const details = { topic, expected_offset: expectedOffset, next_offset: nextOffset };
    return refuse("CONFLICT", message, details);
  }

  #refuseTopic(): RefusedAnswer | null {
    const { topic } = this.#command;
    const max = LIMITS.eventPartitionTopicsMax;
    if (this.#log !== undefined || this.#state.topics.size < max) return null;
    const message = `${topic} cannot be added: its partition has ${max} topics of events already`;
    return refuse("TOO_MANY_REQUESTS", message, { topic });
  }

  #refuseIdentities(unknown: number): RefusedAnswer | null {
    const { topic, identitiesMax } = this.#command;
    const { count } = this.#state.identities;
    const hasRoom = count + unknown <= identitiesMax ||
      count + this.#countNew() <= identitiesMax;
    if (hasRoom) return null;
    const message = `the partition of ${topic} remembers ${count} ids of events, of at most ` +
      `${identitiesMax}: see --events-max-identities`;
    return refuse("TOO_MANY_REQUESTS", message, { topic });
  }

  /** Exactly: an id that comes twice is new once. */
  #countNew(): number {
    const { count, identities } = this.#command.events;
    const found = new Set<string>();
    for (let place = 0; place < count; place++) {
      const index = this.#log?.index ?? NONE;
      if (this.#state.identities.find(index, identities, place) !== NONE) continue;
      const begin = IDENTITY_BYTES * place;
      found.add(identities.subarray(begin, begin + IDENTITY_BYTES).join());
    }
    return found.size;
  }

  #store(log: TopicLog): PublishedAnswer {
    const { identities: table } = this.#state;
    const { count, identities } = this.#command.events;
    const first = log.nextOffset;
    const { timeMs } = this.#context;
    const duplicates: number[] = [];
    const offsets: number[] = [];
    let offset = first;
    for (let place = 0; place < count; place++) {
      const known = table.find(log.index, identities, place);
      if (known === NONE) table.append(log, offset++, timeMs, identities, place);
      else {
        duplicates.push(place);
        offsets.push(known);
      }
    }
    if (offset > first) {
      const at = { firstOffset: first, count: offset - first, storedMs: timeMs };
      this.#state.batches.append(log, this.#without(duplicates), at);
      log.nextOffset = offset;
    }
    return { kind: "published", first, duplicates, offsets };
  }

  /** The bytes of the other events. */
  #without(duplicates: readonly number[]): Uint8Array {
    const { count, bodies } = this.#command.events;
    if (duplicates.length === 0) return bodies;
    const kept: Uint8Array[] = [];
    let [begin, at, next] = [0, 0, 0];
    for (let place = 0; place < count; place++) {
      const end = at + sizeAt(bodies, at);
      if (duplicates[next] === place) {
        if (at > begin) kept.push(bodies.subarray(begin, at));
        begin = end;
        next++;
      }
      at = end;
    }
    if (at > begin) kept.push(bodies.subarray(begin, at));
    return joinBytes(kept);
  }
}
