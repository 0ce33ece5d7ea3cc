/**
 * Which lanes topics have, as far as this peer has learned: how many there are is fixed for ever, so what is known stays
 * right. A topic of which nothing is known is taken to have one lane; where that is wrong its home refuses, and the
 * refusal says what is right. Bounded: what was not used for longest is forgotten, and learned again.
 */
import { SkeinError } from "../errors.ts";
import { murmur3 } from "../ring/murmur3.ts";
import type { LaneAddress } from "./commands.ts";
import { decodeSettings, type TopicSettings } from "./topic_options.ts";

const TOPICS_MAX = 16_384;

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

  /** Where a message goes: equal keys, else equal ids, to one lane. */
  laneFor(lanes: number, key: string | null, id: string | null): number {
    if (lanes === 1) return 0;
    const text = key ?? id;
    if (text !== null) return murmur3(text) % lanes;
    this.#turn = (this.#turn + 1) % lanes;
    return this.#turn;
  }

  /** A lane to begin with where all are equal. */
  nextLane(lanes: number): number {
    return this.laneFor(lanes, null, null);
  }
}
