/**
 * Answers what peers ask of the lanes that this one leads: a lane's counts, all lanes of a partition, dead letters. What
 * must be linearizable waits for a read barrier first; a stale read takes what this replica has applied.
 */
import { listOf, replicaToRead } from "../groups/answering.ts";
import { malformed } from "../groups/group_errors.ts";
import { LIMITS } from "../limits.ts";
import { type LaneFields, laneFields, type LetterFields, letterFields } from "./lane_rows.ts";
import type { QueueEdges } from "./queue_edges.ts";
import { isTopicName } from "./name_rules.ts";
import { isWithin } from "./topic_options.ts";

/** `[topic, lane, stale]` → `LaneFields`, or null where the lane is not there. */
export const LANE_METHOD = "queue.lane";
/** `[from, stale]` → `LanesPage` of those behind `from` others */
export const LANES_METHOD = "queue.lanes";
/** `[topic, lane, max, after, stale]` → `DeadPage` */
export const DEAD_METHOD = "queue.dead";

/** Lanes of one answer, which must fit a frame. */
const LANES_PAGE = 1_000;

export interface LanesPage {
  readonly lanes: readonly LaneFields[];
  readonly more: boolean;
}

/** Some dead letters of a lane; `known` is false where the one that they should follow is none (any more). */
export interface DeadPage {
  readonly known: boolean;
  readonly letters: readonly LetterFields[];
}

export class LaneAnswers {
  readonly #edges: QueueEdges;

  /** Answers from now on. */
  constructor(edges: QueueEdges) {
    this.#edges = edges;
    const { groups } = edges;
    groups.answer(LANE_METHOD, (group, body, timeoutMs) => this.#lane(group, body, timeoutMs));
    groups.answer(LANES_METHOD, (group, body, timeoutMs) => this.#lanes(group, body, timeoutMs));
    groups.answer(DEAD_METHOD, (group, body, timeoutMs) => this.#dead(group, body, timeoutMs));
  }

  /** Asks the group's leader; or this peer's own replica where that is enough and there is one. */
  async ask(
    group: number,
    method: typeof LANE_METHOD | typeof LANES_METHOD | typeof DEAD_METHOD,
    body: readonly unknown[],
    stale: boolean,
  ): Promise<unknown> {
    const { groups, timeouts } = this.#edges;
    const question = [...body, stale];
    if (!stale || this.#edges.replicaOf(group) === null) {
      return await groups.ask(group, method, question, timeouts.readMs);
    }
    switch (method) {
      case LANE_METHOD:
        return await this.#lane(group, question, timeouts.readMs);
      case LANES_METHOD:
        return await this.#lanes(group, question, timeouts.readMs);
      case DEAD_METHOD:
        return await this.#dead(group, question, timeouts.readMs);
    }
  }

  async #lane(group: number, body: unknown, timeoutMs: number): Promise<LaneFields | null> {
    const [topic, lane, stale] = listOf(body);
    if (!isTopicName(topic) || !isLane(lane)) throw malformed();
    const { queue } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const view = queue.lane({ topic, lane });
    return view === undefined ? null : laneFields(view, this.#edges.groups.timeMs(group));
  }

  async #lanes(group: number, body: unknown, timeoutMs: number): Promise<LanesPage> {
    const [from, stale] = listOf(body);
    if (!isWithin(from, 0, LIMITS.queuePartitionLanesMax)) throw malformed();
    const { queue } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const timeMs = this.#edges.groups.timeMs(group);
    const lanes: LaneFields[] = [];
    let place = 0;
    for (const view of queue.lanes()) {
      if (place++ < from) continue;
      if (lanes.length === LANES_PAGE) return { lanes, more: true };
      lanes.push(laneFields(view, timeMs));
    }
    return { lanes, more: false };
  }

  async #dead(group: number, body: unknown, timeoutMs: number): Promise<DeadPage> {
    const [topic, lane, max, after, stale] = listOf(body);
    const isSound = isTopicName(topic) && isLane(lane) && isWithin(max, 1, LIMITS.queueBatchMax) &&
      (after === null || typeof after === "string");
    if (!isSound) throw malformed();
    const replica = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const letters = replica.queue.dead({ topic, lane }, { group, max, after });
    if (letters === null) return { known: false, letters: [] };
    const { clock, groups } = this.#edges;
    const offsetMs = Math.round(clock.wallMs() - groups.timeMs(group));
    const place = { group, lane };
    return { known: true, letters: await letterFields(replica, place, letters, offsetMs) };
  }
}

function isLane(value: unknown): value is number {
  return isWithin(value, 0, LIMITS.queueLanesMax - 1);
}
