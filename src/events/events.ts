/**
 * The event log as its callers see it: HTTP, the command line and embedding programs. An event is stored once, for
 * ever, however often and through whichever peer it comes: `(topic, eventId)` names it. Each topic numbers its events
 * 0, 1, 2 … without gaps, in the order in which they were stored. `service.ts` implements it over the partitions; the
 * rules are in `machine.ts`.
 */
import type { RequestKey } from "../groups/groups.ts";

export interface EventItem {
  readonly topic: string;
  /** 1 to 512 bytes of UTF-8 without control characters, as the topic. */
  readonly eventId: string;
  /** See `isTimestamp`; kept as it is. Null: the time of arrival at this peer, in UTC. */
  readonly timestamp: string | null;
  readonly source: string | null;
  /** JSON text in UTF-8, as it will be answered. */
  readonly payload: Uint8Array;
}

export interface PublishEventsRequest {
  /** 1 to `LIMITS.eventBatchMax`, of any topics. */
  readonly items: readonly EventItem[];
  /**
   * The offset that the first new one of the items will get, which must all be of one topic: for writers that must not
   * interleave. Null: whatever comes next. Where all items are duplicates nothing is compared, so sending again is safe.
   */
  readonly expectedOffset: number | null;
  readonly request: RequestKey | null;
}

export type PublishedEvent =
  /** A duplicate has the offset of the one that was stored. */
  | { readonly ok: true; readonly offset: number; readonly duplicate: boolean }
  /** The part of this topic failed; sending the same again is safe. */
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface StoredEvent {
  readonly offset: number;
  readonly eventId: string;
  readonly timestamp: string;
  readonly source: string | null;
  readonly payload: Uint8Array;
}

/** Events of one topic, in the order of their offsets, without gaps. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** The oldest event that retention has left; the next offset where none is left. */
  readonly firstOffset: number;
  /** What the next new event will get. */
  readonly nextOffset: number;
}

export interface PageRequest {
  /** Only events behind this offset; null: from the first one that is left. */
  readonly after: number | null;
  /** 1 to `LIMITS.eventPageMax`. */
  readonly limit: number;
}

export interface EventTopic {
  readonly topic: string;
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Of the events that are left, as they are stored. */
  readonly bytes: number;
  /** Since the topic came to be. Unique is what was stored, duplicates the rest. */
  readonly received: number;
  readonly unique: number;
  readonly duplicates: number;
}

/** Sums over all topics, counted where events are stored: see README.md. They are kept for ever. */
export interface EventStats {
  readonly topics: number;
  readonly received: number;
  readonly unique: number;
  readonly duplicates: number;
  /** What retention has left, as it is stored. */
  readonly events: number;
  readonly bytes: number;
  /** Ids that would be told as duplicates. */
  readonly identities: number;
}

export interface EventReadOptions {
  /** Answers from this peer's own replica where it has one, without asking whether it is up to date. */
  readonly stale: boolean;
}

/** All methods reject with `SkeinError` where the cluster could not answer (see `Groups.propose`). */
export interface Events {
  /**
   * Stores what is new. The batch is checked whole before anything is stored: INVALID, with `index` and `field` in the
   * details. Each topic's part is stored whole or not at all. Where nothing was stored it rejects:
   * CONFLICT with `expected_offset` and `next_offset` in the details; TOO_MANY_REQUESTS where the partition
   * remembers as many ids as it may.
   * @returns one result an item, in order
   */
  publish(request: PublishEventsRequest): Promise<readonly PublishedEvent[]>;
  /**
   * One page; of a topic that is not known an empty one. It has fewer events than `limit` only at the topic's end, or
   * where it is full: `LIMITS.eventPageBytesMax`. So one whose last event is before `nextOffset - 1` has more behind it.
   */
  page(topic: string, page: PageRequest, options: EventReadOptions): Promise<EventPage>;
  /**
   * All events behind `after` that are there when it begins, page by page; each is read when it is asked for, so a slow
   * reader holds one page. Events that retention takes away meanwhile are left out.
   * @throws {SkeinError} while iterating
   */
  pages(
    topic: string,
    after: number | null,
    options: EventReadOptions,
  ): AsyncIterable<readonly StoredEvent[]>;
  /**
   * The same without an end: waits for new events, and gives each once, also over changes of leaders. The next
   * pages wait until they are asked for. Pages are never empty.
   * @param after null: from the first one that is left
   * @param signal ends it quietly
   * @throws {SkeinError} while iterating, e.g. SHUTTING_DOWN when this peer is about to stop: go on at another one
   */
  tail(
    topic: string,
    after: number | null,
    signal: AbortSignal,
  ): AsyncIterable<readonly StoredEvent[]>;
  /** NOT_FOUND where nothing was ever published to it. */
  topic(topic: string, options: EventReadOptions): Promise<EventTopic>;
  /** In order of name. */
  topics(options: EventReadOptions): Promise<readonly EventTopic[]>;
  stats(options: EventReadOptions): Promise<EventStats>;
}
