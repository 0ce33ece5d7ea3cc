/**
 * Sends messages to one lane; small publishes of several callers share an entry and a value. What is sent under a request
 * id of its caller's goes alone, since only a whole command can be told from another one.
 */
import { assert } from "../assert.ts";
import type { RequestKey } from "../groups/groups.ts";
import { SharedSender } from "../groups/shared_sender.ts";
import type { PublishedAnswer } from "./answers.ts";
import type { LaneAddress, PublishBounds } from "./commands.ts";
import { packPublished } from "./item_packing.ts";
import type { PublishItem } from "./queue.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";

/** One caller's messages. */
interface Publish {
  readonly address: LaneAddress;
  readonly items: readonly PublishItem[];
}

export class PublishSender {
  readonly #edges: QueueEdges;
  readonly #shared: SharedSender<Publish, PublishedAnswer>;

  constructor(edges: QueueEdges) {
    this.#edges = edges;
    this.#shared = new SharedSender({
      clock: edges.clock,
      waitingMsMax: edges.timeouts.proposeMs,
      fullMessage: "too many messages wait to be published at this peer",
      mayConcernSome: true,
      send: (publishes) => this.#proposeTogether(publishes),
    });
  }

  /**
   * @returns the answer as if these messages had been sent alone
   * @throws {SkeinError} by rejection: none of them is stored, or OUTCOME_UNKNOWN
   */
  send(
    address: LaneAddress,
    items: readonly PublishItem[],
    request: RequestKey | null,
  ): Promise<PublishedAnswer> {
    const publish = { address, items };
    if (request !== null) return this.#propose(publish, request);
    const { topic, lane, lanes } = address;
    const bytes = items.reduce((sum, { data }) => sum + data.length, 0);
    return this.#shared.send(`${lane} ${lanes} ${topic}`, publish, { weight: items.length, bytes });
  }

  async #proposeTogether(
    publishes: readonly [Publish, ...Publish[]],
  ): Promise<readonly PublishedAnswer[]> {
    const [{ address }] = publishes;
    const items = publishes.flatMap(({ items }) => items);
    return divide(await this.#propose({ address, items }, null), publishes);
  }

  async #propose(
    { address, items }: Publish,
    request: RequestKey | null,
  ): Promise<PublishedAnswer> {
    const bounds = boundsOfLane(this.#edges.bounds, address.lanes);
    const command = { kind: "publish", ...address, bounds, items: packPublished(items) } as const;
    const group = groupOf(this.#edges, address.topic, address.lane);
    return await proposeCommand(this.#edges, group, command, request) as PublishedAnswer;
  }
}

/** @returns each one's part of the answer */
function divide(
  { first, duplicates }: PublishedAnswer,
  publishes: readonly Publish[],
): readonly PublishedAnswer[] {
  let [number, place, seen] = [first, 0, 0];
  const parts = publishes.map(({ items }): PublishedAnswer => {
    const own: number[] = [];
    const end = place + items.length;
    for (; seen < duplicates.length && duplicates[seen]! < end; seen++) {
      own.push(duplicates[seen]! - place);
    }
    const part = { kind: "published", first: number, duplicates: own } as const;
    number += items.length - own.length;
    place = end;
    return part;
  });
  assert(seen === duplicates.length, "every duplicate is some caller's");
  return parts;
}

/** The topic's, divided by its lanes. */
function boundsOfLane(bounds: PublishBounds, lanes: number): PublishBounds {
  if (lanes === 1) return bounds;
  return {
    messagesMax: Math.ceil(bounds.messagesMax / lanes),
    bytesMax: Math.ceil(bounds.bytesMax / lanes),
    dedupMax: Math.ceil(bounds.dedupMax / lanes),
  };
}
