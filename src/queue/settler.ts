/**
 * Acknowledges, refuses, extends and hands back deliveries: finds the lane of each by its receipt or by its id, lets
 * each lane's partition settle its part, and puts the results together in the callers' order. A name that does not tell
 * its lane (a caller's own id, of which the key is not known here) is tried in all lanes of the topic.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { AcknowledgeSender } from "./acknowledge_sender.ts";
import { SETTLED, type Settled, type SettledAnswer } from "./answers.ts";
import type { DeliveryRef, QueueCommand } from "./commands.ts";
import { parseGivenId, parseReceipt } from "./message_names.ts";
import type { DeliveryName, SettleResult } from "./queue.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";
import { laneRequest } from "./request_parts.ts";

/** What is done with the deliveries of one lane. */
export type Settling = (
  name: { readonly topic: string; readonly lane: number; readonly deliveries: DeliveryRef[] },
) => QueueCommand;

export interface SettleTask {
  readonly topic: string;
  readonly deliveries: readonly DeliveryName[];
  readonly request: RequestKey | null;
  readonly timeoutMs: number;
  readonly command: Settling;
}

/** Of one lane, with the place of each in the batch. */
interface Part {
  readonly places: number[];
  readonly deliveries: DeliveryRef[];
}

const OK: SettleResult = { ok: true };
const NOT_FOUND: SettleResult = { ok: false, code: "NOT_FOUND" };
const STALE: SettleResult = { ok: false, code: "STALE_RECEIPT" };
/** A receipt that no partition gave out. */
const NO_RECEIPT = { number: 0, delivery: 0 };
const HOME = 0;

export class Settler {
  readonly #edges: QueueEdges;
  readonly #lanesOf: (topic: string) => Promise<number>;
  readonly #acknowledges: AcknowledgeSender;

  /** @param lanesOf how many lanes a topic has; rejects with NOT_FOUND where there is no such topic */
  constructor(edges: QueueEdges, lanesOf: (topic: string) => Promise<number>) {
    this.#edges = edges;
    this.#lanesOf = lanesOf;
    this.#acknowledges = new AcknowledgeSender(edges);
  }

  /**
   * @returns one result a delivery, in order
   * @throws {SkeinError} by rejection: NOT_FOUND where the topic is unknown; what `Groups.propose` throws, also where
   * other lanes settled their part
   */
  async settle(task: SettleTask): Promise<readonly SettleResult[]> {
    const parts = await this.#deal(task);
    const results: Settled[] = new Array(task.deliveries.length).fill(SETTLED.notFound);
    await Promise.all(Array.from(parts, async ([lane, { places, deliveries }]) => {
      const settled = await this.#settlePart(task, lane, deliveries);
      for (const [index, place] of places.entries()) {
        results[place] = better(results[place]!, settled[index]!);
      }
    }));
    return results.map(resultOf);
  }

  async #deal({ topic, deliveries }: SettleTask): Promise<ReadonlyMap<number, Part>> {
    const parts = new Map<number, Part>();
    const add = (lane: number, place: number, delivery: DeliveryRef) => {
      let part = parts.get(lane);
      if (part === undefined) parts.set(lane, part = { places: [], deliveries: [] });
      part.places.push(place);
      part.deliveries.push(delivery);
    };
    for (const [place, { id, receipt: text }] of deliveries.entries()) {
      const given = text === null ? null : parseReceipt(text);
      const lane = this.#laneOf(topic, given) ??
        this.#laneOf(topic, id === null ? null : parseGivenId(id));
      const receipt = text === null ? null : this.#receiptOf(topic, given);
      if (lane !== null) add(lane, place, { id, receipt });
      else {
        const lanes = id === null ? 1 : await this.#lanesOf(topic);
        for (let any = HOME; any < lanes; any++) add(any, place, { id, receipt });
      }
    }
    return parts;
  }

  /** The lane that a text names, if it is one of this topic and lies where the text says. */
  #laneOf(
    topic: string,
    given: { readonly group: number; readonly lane: number } | null,
  ): number | null {
    if (given === null) return null;
    return groupOf(this.#edges, topic, given.lane) === given.group ? given.lane : null;
  }

  #receiptOf(topic: string, given: ReturnType<typeof parseReceipt>): DeliveryRef["receipt"] {
    if (given === null || this.#laneOf(topic, given) === null) return NO_RECEIPT;
    return { number: given.number, delivery: given.delivery };
  }

  async #settlePart(
    { topic, request, timeoutMs, command }: SettleTask,
    lane: number,
    deliveries: DeliveryRef[],
  ): Promise<readonly Settled[]> {
    const group = groupOf(this.#edges, topic, lane);
    const key = laneRequest(request, lane);
    const body = command({ topic, lane, deliveries });
    try {
      if (body.kind === "acknowledge") return await this.#acknowledges.send(body, key);
      const answer = await proposeCommand(this.#edges, group, body, key, timeoutMs);
      return (answer as SettledAnswer).results;
    } catch (error) {
      // A lane that nothing was published to is not there yet; only the home tells whether the topic is.
      const isMissing = lane !== HOME && error instanceof SkeinError && error.code === "NOT_FOUND";
      if (!isMissing) throw error;
      return deliveries.map(() => SETTLED.notFound);
    }
  }
}

/** Of two lanes' results for one name: settled before stale before not there. */
function better(one: Settled, other: Settled): Settled {
  if (one === SETTLED.ok || other === SETTLED.ok) return SETTLED.ok;
  return one === SETTLED.staleReceipt ? one : other;
}

function resultOf(settled: Settled): SettleResult {
  switch (settled) {
    case SETTLED.ok:
      return OK;
    case SETTLED.notFound:
      return NOT_FOUND;
    case SETTLED.staleReceipt:
      return STALE;
  }
}
