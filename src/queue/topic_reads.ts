/**
 * Topics as callers read them: sums over their lanes, wherever these lie. A lane that nothing was sent to yet counts as
 * empty; a partition that cannot be reached is an error, never a shorter answer.
 */
import { SkeinError } from "../errors.ts";
import { isoTime } from "../iso_time.ts";
import { LIMITS } from "../limits.ts";
import {
  DEAD_METHOD,
  type DeadPage,
  LANE_METHOD,
  type LaneAnswers,
  LANES_METHOD,
  type LanesPage,
} from "./lane_answers.ts";
import { type LaneFields, type LaneReport, laneReport, type LetterFields } from "./lane_rows.ts";
import { parseGivenId } from "./message_names.ts";
import type { DeadLetter, ReadOptions, TopicTotals, TopicView } from "./queue.ts";
import { groupOf, type QueueEdges } from "./queue_edges.ts";
import { checkCount, checkName } from "./queue_requests.ts";
import { decodeBody } from "./stored_body.ts";
import type { TopicRoutes } from "./topic_routes.ts";

const FRESH: ReadOptions = { stale: false };
/** Of the bodies of one page of dead letters. */
const PAGE_BYTES_MAX = 4 * LIMITS.bodyBytesMax;
const HOME = 0;

export class TopicReads {
  readonly #edges: QueueEdges;
  readonly #routes: TopicRoutes;
  readonly #lanes: LaneAnswers;

  constructor(edges: QueueEdges, routes: TopicRoutes, lanes: LaneAnswers) {
    this.#edges = edges;
    this.#routes = routes;
    this.#lanes = lanes;
  }

  /** How many lanes the topic has. @throws {SkeinError} by rejection: NOT_FOUND where there is none of this name */
  async lanesOf(topic: string): Promise<number> {
    const known = this.#routes.settingsOf(topic);
    const { options } = known ?? (await this.home(topic, FRESH)).settings;
    return options.lanes;
  }

  /** See `Queue.stats`. */
  async stats(topic: string, options: ReadOptions): Promise<TopicView> {
    checkName("topic", topic);
    const reports = await this.reports(topic, options);
    return topicView(reports[HOME]!, reports);
  }

  /** @returns the home first, and of the other lanes those that are there */
  async reports(topic: string, options: ReadOptions): Promise<readonly LaneReport[]> {
    const home = await this.home(topic, options);
    const others = Array.from(
      { length: home.settings.options.lanes - 1 },
      (_, place) => this.#report(topic, place + 1, options),
    );
    return [home, ...(await Promise.all(others)).filter((report) => report !== null)];
  }

  /** @throws {SkeinError} by rejection: NOT_FOUND */
  async home(topic: string, options: ReadOptions): Promise<LaneReport> {
    const home = await this.#report(topic, HOME, options);
    if (home === null) throw new SkeinError("NOT_FOUND", `there is no topic ${topic}`, { topic });
    this.#routes.learn(topic, home.settings);
    return home;
  }

  async #report(topic: string, lane: number, { stale }: ReadOptions): Promise<LaneReport | null> {
    const group = groupOf(this.#edges, topic, lane);
    const fields = await this.#lanes.ask(group, LANE_METHOD, [topic, lane], stale);
    return fields === null ? null : laneReport(fields as LaneFields);
  }

  /** See `Queue.topics`. */
  async topics(options: ReadOptions): Promise<readonly TopicView[]> {
    const partitions = Array.from({ length: this.#edges.partitions }, (_, place) => place + 1);
    const reports = await Promise.all(partitions.map((group) => this.#reportsIn(group, options)));
    const lanesOf = new Map<string, LaneReport[]>();
    for (const report of reports.flat()) {
      const lanes = lanesOf.get(report.topic);
      if (lanes === undefined) lanesOf.set(report.topic, [report]);
      else lanes.push(report);
    }
    const views: TopicView[] = [];
    for (const lanes of lanesOf.values()) {
      const home = lanes.find(({ lane }) => lane === HOME);
      // The home was there before any other lane, but a stale read may see it later.
      if (home !== undefined) views.push(topicView(home, lanes));
    }
    return views.sort((a, b) => a.topic < b.topic ? -1 : 1);
  }

  async #reportsIn(group: number, { stale }: ReadOptions): Promise<readonly LaneReport[]> {
    const reports: LaneReport[] = [];
    for (;;) {
      const page = await this.#lanes.ask(group, LANES_METHOD, [reports.length], stale);
      const { lanes, more } = page as LanesPage;
      for (const lane of lanes) reports.push(laneReport(lane));
      if (!more) return reports;
    }
  }

  /** See `Queue.dead`. */
  async dead(
    topic: string,
    { max, after }: { readonly max: number; readonly after: string | null },
    options: ReadOptions,
  ): Promise<readonly DeadLetter[]> {
    checkName("topic", topic);
    checkCount("max", max);
    if (after !== null) checkName("id", after);
    const lanes = (await this.home(topic, options)).settings.options.lanes;
    const letters: LetterFields[] = [];
    let [lane, last] = [HOME, after];
    if (after !== null) {
      const begin = await this.#pageBehind(topic, lanes, max, after, options);
      lane = begin.lane;
      last = take(letters, begin.page.letters) ?? null;
      if (last === null) lane++;
    }
    let bytes = sizeOf(letters);
    while (lane < lanes && letters.length < max && bytes < PAGE_BYTES_MAX) {
      const page = await this.#deadPage(topic, lane, max - letters.length, last, options);
      // The letter that the next ones stand behind may have been put back meanwhile: the caller's next page tells.
      if (!page.known) break;
      bytes += sizeOf(page.letters);
      last = take(letters, page.letters) ?? null;
      if (last === null) lane++;
    }
    return letters.map(deadLetter);
  }

  /** Which lane a dead letter is in, only the lanes can say, unless its id tells. */
  async #pageBehind(
    topic: string,
    lanes: number,
    max: number,
    after: string,
    options: ReadOptions,
  ): Promise<{ readonly lane: number; readonly page: DeadPage }> {
    const given = parseGivenId(after);
    const isOurs = given !== null && groupOf(this.#edges, topic, given.lane) === given.group &&
      given.lane < lanes;
    const candidates = isOurs ? [given.lane] : Array.from({ length: lanes }, (_, lane) => lane);
    for (const lane of candidates) {
      const page = await this.#deadPage(topic, lane, max, after, options);
      if (page.known) return { lane, page };
    }
    const message = `${after} is no dead letter of ${topic} any more: begin anew`;
    throw new SkeinError("CONFLICT", message, { topic, after });
  }

  async #deadPage(
    topic: string,
    lane: number,
    max: number,
    after: string | null,
    { stale }: ReadOptions,
  ): Promise<DeadPage> {
    const group = groupOf(this.#edges, topic, lane);
    const page = await this.#lanes.ask(group, DEAD_METHOD, [topic, lane, max, after], stale);
    return page as DeadPage;
  }
}

/** @returns the id of the last one; undefined where there are none */
function take(into: LetterFields[], letters: readonly LetterFields[]): string | undefined {
  into.push(...letters);
  return letters.at(-1)?.id;
}

function sizeOf(letters: readonly LetterFields[]): number {
  return letters.reduce((bytes, { body }) => bytes + body.length, 0);
}

function deadLetter({ body, publishedMs, deadMs, ...letter }: LetterFields): DeadLetter {
  const { data } = decodeBody(body);
  return { ...letter, data, publishedAt: isoTime(publishedMs), deadAt: isoTime(deadMs) };
}

function topicView(home: LaneReport, lanes: readonly LaneReport[]): TopicView {
  const sum = (of: (report: LaneReport) => number) => lanes.reduce((sum, one) => sum + of(one), 0);
  const ages = lanes.map(({ oldestAgeMs }) => oldestAgeMs).filter((ageMs) => ageMs !== null);
  const names = Object.keys(home.totals) as (keyof TopicTotals)[];
  const totals = names.map((name) => [name, sum((report) => report.totals[name])] as const);
  return {
    topic: home.topic,
    ...home.settings.options,
    ready: sum(({ ready }) => ready),
    inFlight: sum(({ inFlight }) => inFlight),
    delayed: sum(({ delayed }) => delayed),
    dead: sum(({ dead }) => dead),
    bytes: sum(({ bytes }) => bytes),
    oldestAgeMs: ages.length === 0 ? null : Math.max(...ages),
    totals: Object.fromEntries(totals) as unknown as TopicTotals,
    rates: {
      published: sum(({ rates }) => rates.published),
      delivered: sum(({ rates }) => rates.delivered),
      acknowledged: sum(({ rates }) => rates.acknowledged),
    },
  };
}
