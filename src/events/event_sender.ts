/**
 * Sends events to one topic; small publishes of several callers share an entry and a value. What is sent under a request
 * id of its caller's, or for a certain offset, goes alone.
 */
import { assert } from "../assert.ts";
import type { RequestKey } from "../groups/groups.ts";
import { SharedSender } from "../groups/shared_sender.ts";
import type { PublishedAnswer } from "./answers.ts";
import { type EventEdges, groupOfTopic, proposeEvents } from "./event_edges.ts";
import { joinEvents, type PackedEvents } from "./packed_events.ts";

/** What one caller has for one topic. */
export interface Sending {
  readonly topic: string;
  readonly events: PackedEvents;
  readonly expectedOffset: number | null;
  readonly request: RequestKey | null;
}

export class EventSender {
  readonly #edges: EventEdges;
  readonly #shared: SharedSender<Sending, PublishedAnswer>;

  constructor(edges: EventEdges) {
    this.#edges = edges;
    this.#shared = new SharedSender({
      clock: edges.clock,
      waitingMsMax: edges.timeouts.proposeMs,
      fullMessage: "too many events wait to be published at this peer",
      mayConcernSome: true,
      send: (sendings) => this.#proposeTogether(sendings),
    });
  }

  /**
   * @returns the answer as if these events had been sent alone
   * @throws {SkeinError} by rejection: none of them is stored, or OUTCOME_UNKNOWN
   */
  send(sending: Sending): Promise<PublishedAnswer> {
    const { topic, events, expectedOffset, request } = sending;
    if (request !== null || expectedOffset !== null) return this.#propose(sending);
    return this.#shared.send(topic, sending, {
      weight: events.count,
      bytes: events.bodies.length,
    });
  }

  async #proposeTogether(
    sendings: readonly [Sending, ...Sending[]],
  ): Promise<readonly PublishedAnswer[]> {
    const events = joinEvents(sendings.map(({ events }) => events));
    return divide(await this.#propose({ ...sendings[0], events }), sendings);
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

/** @returns each one's part of the answer */
function divide(
  { first, duplicates, offsets }: PublishedAnswer,
  sendings: readonly Sending[],
): readonly PublishedAnswer[] {
  let [offset, place, seen] = [first, 0, 0];
  const parts = sendings.map(({ events: { count } }): PublishedAnswer => {
    const end = place + count;
    const begin = seen;
    while (seen < duplicates.length && duplicates[seen]! < end) seen++;
    const part = {
      kind: "published",
      first: offset,
      duplicates: duplicates.slice(begin, seen).map((one) => one - place),
      offsets: offsets.slice(begin, seen),
    } as const;
    offset += count - (seen - begin);
    place = end;
    return part;
  });
  assert(seen === duplicates.length, "every duplicate is some caller's");
  return parts;
}
