/**
 * Sends events to one topic. Small publishes of several callers gather while others of this peer are on their way to that
 * topic, and then go as one command: one entry, one value, one fsync. What is sent under a request id of its caller's,
 * or for a certain offset, goes alone.
 *
 * A command is stored whole or not at all. Where several callers' is refused for what only some of them ask, each is
 * sent again alone, all at once: none waits for the others' refusals.
 */
import { assert } from "../assert.ts";
import { type ErrorCode, SkeinError } from "../errors.ts";
import { type GatheredPart, Gatherer, type GathererLimits } from "../groups/gatherer.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { PublishedAnswer } from "./answers.ts";
import { type EventEdges, groupOfTopic, proposeEvents } from "./event_edges.ts";
import { joinEvents, type PackedEvents } from "./packed_events.ts";

const GATHERED: Omit<GathererLimits, "waitingMsMax"> = {
  weightMax: 1_000,
  bytesMax: LIMITS.appendBytesMax,
  waitingWeightMax: LIMITS.pendingProposalsMax,
  waitingBytesMax: LIMITS.pendingProposalBytesMax,
};

/** Larger batches gain nothing by company. */
const SHARED_ITEMS_MAX = 50;
const SHARED_BYTES_MAX = 16 * 1024;
/** Refusals that may be for the sake of one caller's events. */
const CONCERNS_SOME: ReadonlySet<ErrorCode> = new Set([
  "TOO_MANY_REQUESTS",
  "INVALID",
  "PAYLOAD_TOO_LARGE",
]);

/** One caller's events. */
interface Part extends GatheredPart {
  readonly topic: string;
  readonly events: PackedEvents;
  readonly settled: PromiseWithResolvers<PublishedAnswer>;
}

/** What one caller has for one topic. */
export interface Sending {
  readonly topic: string;
  readonly events: PackedEvents;
  readonly expectedOffset: number | null;
  readonly request: RequestKey | null;
}

export class EventSender {
  readonly #edges: EventEdges;
  readonly #gatherer: Gatherer<Part>;

  constructor(edges: EventEdges) {
    this.#edges = edges;
    this.#gatherer = new Gatherer(
      edges.clock,
      { ...GATHERED, waitingMsMax: edges.timeouts.proposeMs },
      {
        send: (_topic, parts) => this.#sendTogether(parts),
        refuse: ({ settled }, reason) => settled.reject(reason),
      },
    );
  }

  /**
   * @returns the answer as if these events had been sent alone
   * @throws {SkeinError} by rejection: none of them is stored, or OUTCOME_UNKNOWN
   */
  send(sending: Sending): Promise<PublishedAnswer> {
    const { topic, events, expectedOffset, request } = sending;
    const bytes = events.bodies.length;
    const isShared = request === null && expectedOffset === null &&
      events.count <= SHARED_ITEMS_MAX && bytes <= SHARED_BYTES_MAX;
    if (!isShared) return this.#propose(sending);
    if (this.#gatherer.isFull) {
      const message = "too many events wait to be published at this peer";
      return Promise.reject(new SkeinError("TOO_MANY_REQUESTS", message));
    }
    const settled = Promise.withResolvers<PublishedAnswer>();
    this.#gatherer.add(topic, { weight: events.count, bytes, topic, events, settled });
    return settled.promise;
  }

  async #sendTogether(parts: readonly Part[]): Promise<void> {
    const [{ topic }] = parts as readonly [Part];
    const events = joinEvents(parts.map(({ events }) => events));
    try {
      settle(parts, await this.#propose({ topic, events, expectedOffset: null, request: null }));
    } catch (error) {
      const isAlone = parts.length === 1 || !(error instanceof SkeinError) ||
        !CONCERNS_SOME.has(error.code);
      if (isAlone) { for (const { settled } of parts) settled.reject(error); }
      else await Promise.all(parts.map((part) => this.#sendTogether([part])));
    }
  }

  async #propose(
    { topic, events, expectedOffset, request }: Sending,
  ): Promise<PublishedAnswer> {
    const { identitiesMax } = this.#edges.bounds;
    const command = { kind: "publish", topic, expectedOffset, identitiesMax, events } as const;
    const group = groupOfTopic(this.#edges, topic);
    return await proposeEvents(this.#edges, group, command, request) as PublishedAnswer;
  }
}

/** Gives each its part of the answer. */
function settle(parts: readonly Part[], { first, duplicates, offsets }: PublishedAnswer): void {
  let [offset, place, seen] = [first, 0, 0];
  for (const { events: { count }, settled } of parts) {
    const end = place + count;
    const begin = seen;
    while (seen < duplicates.length && duplicates[seen]! < end) seen++;
    settled.resolve({
      kind: "published",
      first: offset,
      duplicates: duplicates.slice(begin, seen).map((one) => one - place),
      offsets: offsets.slice(begin, seen),
    });
    offset += count - (seen - begin);
    place = end;
  }
  assert(seen === duplicates.length, "every duplicate is some caller's");
}
