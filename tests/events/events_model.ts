/**
 * The rules of the event log, written down in the dumbest way: lists that are searched from end to end. Where the machine
 * rounds (whole batches, whole pages of ids), the model does so too, and says in which steps.
 */
import type { Retention } from "../../src/events/commands.ts";
import type { StoredEvent } from "../../src/events/events.ts";
import { packEvents } from "../../src/events/packed_events.ts";
import type { EventContent } from "../../src/events/stored_event.ts";
import type { RandomPublish } from "./event_commands.ts";

/** Ids are forgotten so many at a time. */
const PAGE_IDS = 32;

interface ModelBatch {
  readonly events: readonly StoredEvent[];
  readonly storedMs: number;
}

interface ModelPage {
  readonly ids: Map<string, number>;
  lastMs: number;
}

export interface ModelTopic {
  readonly topic: string;
  readonly batches: ModelBatch[];
  readonly pages: ModelPage[];
  nextOffset: number;
  received: number;
}

export type ModelAnswer =
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "published"; readonly results: readonly (readonly [number, boolean])[] }
  | { readonly kind: "trimmed"; readonly events: number; readonly identities: number };

export class EventsModel {
  readonly topics: ModelTopic[] = [];

  find(topic: string): ModelTopic | undefined {
    return this.topics.find((one) => one.topic === topic);
  }

  get identities(): number {
    return this.topics.reduce((sum, topic) => sum + idCount(topic), 0);
  }

  publish(command: RandomPublish, timeMs: number): ModelAnswer {
    const { topic: name, contents, expectedOffset, identitiesMax } = command;
    const known = this.find(name);
    const ids = new Set(contents.map(({ eventId }) => eventId));
    const unknown = [...ids].filter((id) => known === undefined || offsetOf(known, id) === null);
    if (unknown.length > 0) {
      const isExpected = expectedOffset === null || expectedOffset === (known?.nextOffset ?? 0);
      if (!isExpected) return { kind: "refused", code: "CONFLICT" };
      const isFull = this.identities + unknown.length > identitiesMax;
      if (isFull) return { kind: "refused", code: "TOO_MANY_REQUESTS" };
    }
    const topic = known ?? { topic: name, batches: [], pages: [], nextOffset: 0, received: 0 };
    if (known === undefined) this.topics.push(topic);
    topic.received += contents.length;
    const events: StoredEvent[] = [];
    const results = contents.map((content): [number, boolean] => {
      const offset = offsetOf(topic, content.eventId);
      if (offset !== null) return [offset, true];
      const event = { offset: topic.nextOffset++, ...content };
      events.push(event);
      remember(topic, event, timeMs);
      return [event.offset, false];
    });
    if (events.length > 0) topic.batches.push({ events, storedMs: timeMs });
    return { kind: "published", results };
  }

  trim(retention: Retention, timeMs: number, max: number): ModelAnswer {
    let [events, identities, left] = [0, 0, max];
    for (const topic of this.topics) {
      for (; left > 0 && isBatchDue(topic, retention, timeMs); left--) {
        events += topic.batches.shift()!.events.length;
      }
      for (; left > 0 && isPageDue(topic, retention, timeMs); left--) {
        identities += topic.pages.shift()!.ids.size;
      }
    }
    return { kind: "trimmed", events, identities };
  }

  isTrimDue(retention: Retention, timeMs: number): boolean {
    return this.topics.some((topic) => {
      return isBatchDue(topic, retention, timeMs) || isPageDue(topic, retention, timeMs);
    });
  }
}

export function idCount({ pages }: ModelTopic): number {
  return pages.reduce((sum, { ids }) => sum + ids.size, 0);
}

export function eventsOf({ batches }: ModelTopic): readonly StoredEvent[] {
  return batches.flatMap(({ events }) => events);
}

export function bytesOf({ batches }: Pick<ModelTopic, "batches">): number {
  return batches.reduce((sum, { events }) => sum + sizeOf(events), 0);
}

function sizeOf(events: readonly EventContent[]): number {
  return packEvents(events).bodies.length;
}

function offsetOf({ pages }: ModelTopic, eventId: string): number | null {
  for (const { ids } of pages) if (ids.has(eventId)) return ids.get(eventId)!;
  return null;
}

function remember({ pages }: ModelTopic, event: StoredEvent, timeMs: number): void {
  let page = pages.at(-1);
  if (page === undefined || page.ids.size === PAGE_IDS) {
    page = { ids: new Map(), lastMs: timeMs };
    pages.push(page);
  }
  page.ids.set(event.eventId, event.offset);
  page.lastMs = timeMs;
}

function isBatchDue({ batches }: ModelTopic, retention: Retention, timeMs: number): boolean {
  const { ageMs, count, bytes } = retention;
  const [oldest, ...others] = batches;
  if (oldest === undefined) return false;
  if (ageMs !== null && timeMs - oldest.storedMs >= ageMs) return true;
  const left = others.reduce((sum, { events }) => sum + events.length, 0);
  if (count !== null && left >= count) return true;
  return bytes !== null && bytesOf({ batches: others }) >= bytes;
}

function isPageDue({ pages }: ModelTopic, { forgetAfterMs }: Retention, timeMs: number): boolean {
  const [oldest] = pages;
  if (oldest === undefined || forgetAfterMs === null) return false;
  return timeMs - oldest.lastMs >= forgetAfterMs;
}
