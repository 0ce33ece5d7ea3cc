/**
 * Which lanes topics have, as far as this peer has learned: how many there are is fixed for ever, so what is known stays
 * right. A topic of which nothing is known is taken to have one lane; where that is wrong its home refuses, and the
 * refusal says what is right. Bounded: what was not used for longest is forgotten, and learned again.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { murmur3 } from "../ring/murmur3.ts";
import type { LaneAddress } from "./commands.ts";
import type { PublishItem } from "./queue.ts";
import { decodeSettings, type TopicSettings } from "./topic_options.ts";

const TOPICS_MAX = 16_384;

type LaneOfItem = (item: Pick<PublishItem, "key" | "id">, place: number) => number;

export class TopicRoutes {
  readonly #topics = new Map<string, TopicSettings>();
  readonly #topicsMax: number;
  /** Deals out what may go to any lane. */
  #turn = 0;

  /** @param topicsMax how many topics are remembered */
  constructor(topicsMax = TOPICS_MAX) {
    this.#topicsMax = topicsMax;
  }

  /** Null where nothing is known of the topic. */
  settingsOf(topic: string): TopicSettings | null {
    const settings = this.#topics.get(topic);
    if (settings === undefined) return null;
    // A Map keeps the order of insertion: what was used last stands last.
    this.#topics.delete(topic);
    this.#topics.set(topic, settings);
    return settings;
  }

  learn(topic: string, settings: TopicSettings): void {
    const known = this.#topics.get(topic);
    const isNews = known === undefined || known.revision < settings.revision;
    this.#topics.delete(topic);
    this.#topics.set(topic, isNews ? settings : known);
    if (this.#topics.size <= this.#topicsMax) return;
    for (const oldest of this.#topics.keys()) {
      this.#topics.delete(oldest);
      break;
    }
  }

  /** Takes in why a command was refused. @returns whether the same may be tried again, with what was learned */
  learnFrom(topic: string, error: unknown): boolean {
    if (!(error instanceof SkeinError)) return false;
    if (error.code === "NOT_FOUND") return this.#topics.delete(topic);
    if (error.code !== "CONFLICT") return false;
    const settings = decodeSettings(error.details["settings"]);
    if (settings === undefined) return false;
    this.learn(topic, settings);
    return true;
  }

  /** For commands that make the lane where it is new. */
  addressOf(topic: string, lane: number): LaneAddress {
    const settings = this.settingsOf(topic);
    const lanes = settings?.options.lanes ?? 1;
    return { topic, lane, lanes, settings: lane === 0 ? null : settings };
  }

  /**
   * Where the messages of a batch go: equal keys, else equal ids, to one lane; the others in turn, from a lane that a
   * request keeps when it is sent again, through whichever peer: only that lane knows it.
   * @returns the lane for each place in the batch
   */
  dealer(lanes: number, request: RequestKey | null): LaneOfItem {
    if (lanes === 1) return () => 0;
    const first = request === null ? this.nextLane(lanes) : murmur3(nameOf(request)) % lanes;
    return ({ key, id }, place) => {
      const text = key ?? id;
      return text === null ? (first + place) % lanes : murmur3(text) % lanes;
    };
  }

  /** A lane to begin with where all are equal. */
  nextLane(lanes: number): number {
    this.#turn = (this.#turn + 1) % lanes;
    return this.#turn;
  }
}

/** A text for this request and no other, the same each time that it is sent. */
function nameOf(request: RequestKey): string {
  if (request.kind === "caller") return `${request.principal} ${request.id}`;
  return `${request.bootId} ${request.session} ${request.sequence}`;
}
