/**
 * Sends acknowledgements to one lane; small ones of several callers share an entry. What is sent under a request id of
 * its caller's goes alone.
 */
import type { RequestKey } from "../groups/groups.ts";
import { SharedSender } from "../groups/shared_sender.ts";
import type { Settled, SettledAnswer } from "./answers.ts";
import type { AcknowledgeCommand } from "./commands.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";

/** A delivery is a few numbers, and perhaps an id. */
const DELIVERY_BYTES = 64;

export class AcknowledgeSender {
  readonly #edges: QueueEdges;
  readonly #shared: SharedSender<AcknowledgeCommand, readonly Settled[]>;

  constructor(edges: QueueEdges) {
    this.#edges = edges;
    this.#shared = new SharedSender({
      clock: edges.clock,
      waitingMsMax: edges.timeouts.proposeMs,
      fullMessage: "too many acknowledgements wait at this peer",
      // What is wrong with one delivery is its result.
      mayConcernSome: false,
      send: (commands) => this.#proposeTogether(commands),
    });
  }

  /** @returns one result a delivery */
  send(command: AcknowledgeCommand, request: RequestKey | null): Promise<readonly Settled[]> {
    if (request !== null) return this.#propose(command, request);
    const { topic, lane, deliveries } = command;
    const bytes = deliveries.reduce((sum, { id }) => sum + DELIVERY_BYTES + (id?.length ?? 0), 0);
    return this.#shared.send(`${lane} ${topic}`, command, { weight: deliveries.length, bytes });
  }

  async #proposeTogether(
    commands: readonly [AcknowledgeCommand, ...AcknowledgeCommand[]],
  ): Promise<readonly (readonly Settled[])[]> {
    const deliveries = commands.flatMap(({ deliveries }) => deliveries);
    const results = await this.#propose({ ...commands[0], deliveries }, null);
    let place = 0;
    return commands.map(({ deliveries }) => results.slice(place, place += deliveries.length));
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
