/**
 * Sends messages to one lane. Small publishes of several callers gather while others of this peer are on their way to
 * that lane, and then go as one command: one entry, one value, one fsync. What is sent under a request id of its
 * caller's goes alone, since only a whole command can be told from another one.
 *
 * A command is stored whole or not at all. Where several callers' is refused for what only some of them ask, each is
 * sent again alone, all at once: none waits for the others' refusals.
 */
import { assert } from "../assert.ts";
import { type ErrorCode, SkeinError } from "../errors.ts";
import { type GatheredPart, Gatherer } from "../groups/gatherer.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { PublishedAnswer } from "./answers.ts";
import type { LaneAddress, PublishBounds } from "./commands.ts";
import { GATHERED } from "./gathered.ts";
import { packPublished } from "./item_packing.ts";
import type { PublishItem } from "./queue.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";

/** Larger batches gain nothing by company. */
const SHARED_ITEMS_MAX = 50;
const SHARED_BYTES_MAX = 16 * 1024;
/** Refusals that may be for the sake of one caller's messages. */
const CONCERNS_SOME: ReadonlySet<ErrorCode> = new Set([
  "TOO_MANY_REQUESTS",
  "INVALID",
  "PAYLOAD_TOO_LARGE",
]);

/** One caller's messages. */
interface Part extends GatheredPart {
  readonly address: LaneAddress;
  readonly items: readonly PublishItem[];
  readonly settled: PromiseWithResolvers<PublishedAnswer>;
}

export class PublishSender {
  readonly #edges: QueueEdges;
  readonly #gatherer: Gatherer<Part>;

  constructor(edges: QueueEdges) {
    this.#edges = edges;
    this.#gatherer = new Gatherer(
      edges.clock,
      { ...GATHERED, waitingMsMax: edges.timeouts.proposeMs },
      {
        send: (_lane, parts) => this.#sendTogether(parts),
        refuse: ({ settled }, reason) => settled.reject(reason),
      },
    );
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
    const bytes = items.reduce((sum, { data }) => sum + data.length, 0);
    const isShared = request === null && items.length <= SHARED_ITEMS_MAX &&
      bytes <= SHARED_BYTES_MAX;
    if (!isShared) return this.#propose(address, items, request);
    if (this.#gatherer.isFull) {
      const message = "too many messages wait to be published at this peer";
      return Promise.reject(new SkeinError("TOO_MANY_REQUESTS", message));
    }
    const settled = Promise.withResolvers<PublishedAnswer>();
    const { topic, lane, lanes } = address;
    const part = { weight: items.length, bytes, address, items, settled };
    this.#gatherer.add(`${lane} ${lanes} ${topic}`, part);
    return settled.promise;
  }

  async #sendTogether(parts: readonly Part[]): Promise<void> {
    const [{ address }] = parts as readonly [Part];
    try {
      const answer = await this.#propose(address, parts.flatMap(({ items }) => items), null);
      settle(parts, answer);
    } catch (error) {
      const isAlone = parts.length === 1 || !(error instanceof SkeinError) ||
        !CONCERNS_SOME.has(error.code);
      if (isAlone) { for (const { settled } of parts) settled.reject(error); }
      else await Promise.all(parts.map((part) => this.#sendTogether([part])));
    }
  }

  async #propose(
    address: LaneAddress,
    items: readonly PublishItem[],
    request: RequestKey | null,
  ): Promise<PublishedAnswer> {
    const bounds = boundsOfLane(this.#edges.bounds, address.lanes);
    const command = { kind: "publish", ...address, bounds, items: packPublished(items) } as const;
    const group = groupOf(this.#edges, address.topic, address.lane);
    return await proposeCommand(this.#edges, group, command, request) as PublishedAnswer;
  }
}

/** Gives each its part of the answer. */
function settle(parts: readonly Part[], { first, duplicates }: PublishedAnswer): void {
  let [number, place, seen] = [first, 0, 0];
  for (const { items, settled } of parts) {
    const own: number[] = [];
    const end = place + items.length;
    for (; seen < duplicates.length && duplicates[seen]! < end; seen++) {
      own.push(duplicates[seen]! - place);
    }
    settled.resolve({ kind: "published", first: number, duplicates: own });
    number += items.length - own.length;
    place = end;
  }
  assert(seen === duplicates.length, "every duplicate is some caller's");
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
