/**
 * Sends acknowledgements to one lane. Those of several callers gather while others of this peer are on their way to that
 * lane, and then go as one command. What is sent under a request id of its caller's goes alone.
 */
import { SkeinError } from "../errors.ts";
import { type GatheredPart, Gatherer } from "../groups/gatherer.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { Settled, SettledAnswer } from "./answers.ts";
import type { AcknowledgeCommand, DeliveryRef } from "./commands.ts";
import { GATHERED } from "./gathered.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";

/** Larger batches gain nothing by company. */
const SHARED_DELIVERIES_MAX = 50;
/** A delivery is a few numbers, and perhaps an id. */
const DELIVERY_BYTES = 64;

interface Part extends GatheredPart {
  readonly command: AcknowledgeCommand;
  readonly settled: PromiseWithResolvers<readonly Settled[]>;
}

export class AcknowledgeSender {
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

  /** @returns one result a delivery */
  send(command: AcknowledgeCommand, request: RequestKey | null): Promise<readonly Settled[]> {
    const { topic, lane, deliveries } = command;
    const weight = deliveries.length;
    if (request !== null || weight > SHARED_DELIVERIES_MAX) return this.#propose(command, request);
    if (this.#gatherer.isFull) {
      const message = "too many acknowledgements wait at this peer";
      return Promise.reject(new SkeinError("TOO_MANY_REQUESTS", message));
    }
    const settled = Promise.withResolvers<readonly Settled[]>();
    const bytes = deliveries.reduce((sum, { id }) => sum + DELIVERY_BYTES + (id?.length ?? 0), 0);
    this.#gatherer.add(`${lane} ${topic}`, { weight, bytes, command, settled });
    return settled.promise;
  }

  async #sendTogether(parts: readonly Part[]): Promise<void> {
    const [{ command }] = parts as readonly [Part];
    const deliveries: DeliveryRef[] = parts.flatMap((part) => part.command.deliveries);
    try {
      const results = await this.#propose({ ...command, deliveries }, null);
      let place = 0;
      for (const { weight, settled } of parts) {
        settled.resolve(results.slice(place, place += weight));
      }
    } catch (error) {
      for (const { settled } of parts) settled.reject(error);
    }
  }

  async #propose(
    command: AcknowledgeCommand,
    request: RequestKey | null,
  ): Promise<readonly Settled[]> {
    const group = groupOf(this.#edges, command.topic, command.lane);
    const answer = await proposeCommand(this.#edges, group, command, request);
    return (answer as SettledAnswer).results;
  }
}
