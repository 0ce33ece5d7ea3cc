/**
 * What operators do to topics: configure, put dead letters back, purge. Long work goes in slices, an entry each, lane by
 * lane. A request that comes again goes through the slices again, and those that were done answer as they did.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { ConfiguredAnswer, CountedAnswer } from "./answers.ts";
import type { PurgeCommand, QueueCommand, RequeueCommand } from "./commands.ts";
import type { LaneReport } from "./lane_rows.ts";
import { parseGivenId } from "./message_names.ts";
import type { Pauses } from "./pauses.ts";
import { groupOf, proposeCommand, type QueueEdges } from "./queue_edges.ts";
import { checkChanges, checkIds, checkName, checkRate } from "./queue_requests.ts";
import { laneRequest, sliceRequest } from "./request_parts.ts";
import type { TopicChanges, TopicSettings } from "./topic_options.ts";
import type { TopicReads } from "./topic_reads.ts";
import type { TopicRoutes } from "./topic_routes.ts";

const FRESH = { stale: false } as const;
/** Messages of one entry: some milliseconds of apply. */
const SLICE_MAX = 5_000;
/** Slices a second, at least, where a rate is asked for and lets them. */
const SLICES_PER_SECOND = 10;
const HOME = 0;

export interface RequeueTask {
  readonly ids: readonly string[] | null;
  readonly ratePerSecond: number | null;
  readonly request: RequestKey | null;
  readonly signal: AbortSignal | null;
}

export class TopicUpkeep {
  readonly #edges: QueueEdges;
  readonly #routes: TopicRoutes;
  readonly #reads: TopicReads;
  readonly #pauses: Pauses;

  constructor(edges: QueueEdges, routes: TopicRoutes, reads: TopicReads, pauses: Pauses) {
    this.#edges = edges;
    this.#routes = routes;
    this.#reads = reads;
    this.#pauses = pauses;
  }

  /** The home decides; then the other lanes are told. See `Queue.configure`. */
  async configure(topic: string, changes: TopicChanges, request: RequestKey | null): Promise<void> {
    checkName("topic", topic);
    checkChanges(changes);
    const command = { kind: "configure", topic, changes } as const;
    const answer = await this.#propose(topic, HOME, command, request) as ConfiguredAnswer;
    const { settings } = answer;
    this.#routes.learn(topic, settings);
    const others = Array.from({ length: settings.options.lanes - 1 }, (_, place) => place + 1);
    await Promise.all(others.map((lane) => this.#adopt(topic, lane, settings)));
  }

  /** Executed twice it does no harm, so it needs no id of the caller's request. */
  async #adopt(topic: string, lane: number, settings: TopicSettings): Promise<void> {
    try {
      await this.#propose(topic, lane, { kind: "adopt", topic, lane, settings }, null);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      const message = `${topic} is configured, but its lane ${lane} could not be told: ` +
        `${error.message}; the same request tells it`;
      throw new SkeinError(error.code, message, { ...error.details, topic, lane });
    }
  }

  /** See `Queue.requeue`. */
  async requeue(topic: string, task: RequeueTask): Promise<number> {
    checkName("topic", topic);
    checkRate(task.ratePerSecond);
    if (task.ids !== null) checkIds(task.ids);
    const reports = await this.#reads.reports(topic, FRESH);
    return task.ids === null
      ? await this.#requeueAll(topic, reports, task)
      : await this.#requeueIds(topic, reports, task.ids, task.request);
  }

  async #requeueIds(
    topic: string,
    reports: readonly LaneReport[],
    ids: readonly string[],
    request: RequestKey | null,
  ): Promise<number> {
    const counts = await Promise.all(reports.map(async ({ lane }) => {
      const here = ids.filter((id) => this.#mayBeIn(topic, lane, id));
      if (here.length === 0) return 0;
      const command = { kind: "requeue", topic, lane, ids: here, max: here.length } as const;
      const key = laneRequest(request, lane);
      return (await this.#propose(topic, lane, command, key) as CountedAnswer).count;
    }));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #mayBeIn(topic: string, lane: number, id: string): boolean {
    const given = parseGivenId(id);
    if (given === null || groupOf(this.#edges, topic, given.lane) !== given.group) return true;
    return given.lane === lane;
  }

  async #requeueAll(
    topic: string,
    reports: readonly LaneReport[],
    { ratePerSecond, request, signal }: RequeueTask,
  ): Promise<number> {
    const { clock } = this.#edges;
    const beganMs = clock.monotonicMs();
    const sliceMax = ratePerSecond === null
      ? SLICE_MAX
      : Math.min(SLICE_MAX, Math.ceil(ratePerSecond / SLICES_PER_SECOND));
    let count = 0;
    for (const { lane } of reports) {
      const command = { kind: "requeue", topic, lane, ids: null, max: sliceMax } as const;
      for await (const slice of this.#slices(command, request)) {
        count += slice.count;
        signal?.throwIfAborted();
        if (ratePerSecond === null || !slice.more) continue;
        const dueMs = beganMs + 1_000 * count / ratePerSecond;
        const earlyMs = dueMs - clock.monotonicMs();
        if (earlyMs > 0) await this.#pauses.wait(earlyMs, signal);
      }
    }
    return count;
  }

  /** See `Queue.purge`. */
  async purge(
    topic: string,
    what: "ready" | "dead" | "all",
    request: RequestKey | null,
  ): Promise<number> {
    checkName("topic", topic);
    const reports = await this.#reads.reports(topic, FRESH);
    const counts = await Promise.all(reports.map(async ({ lane }) => {
      const command = { kind: "purge", topic, lane, what, max: SLICE_MAX } as const;
      let count = 0;
      for await (const slice of this.#slices(command, request)) count += slice.count;
      return count;
    }));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** @returns what each slice did; each is begun when it is asked for */
  async *#slices(
    command: RequeueCommand | PurgeCommand,
    request: RequestKey | null,
  ): AsyncGenerator<CountedAnswer, void, undefined> {
    const { topic, lane } = command;
    for (let slice = 0;; slice++) {
      const key = sliceRequest(request, lane, slice);
      const answer = await this.#propose(topic, lane, command, key) as CountedAnswer;
      yield answer;
      if (!answer.more || answer.count === 0) return;
    }
  }

  #propose(
    topic: string,
    lane: number,
    command: QueueCommand,
    request: RequestKey | null,
  ): Promise<unknown> {
    return proposeCommand(this.#edges, groupOf(this.#edges, topic, lane), command, request);
  }
}
