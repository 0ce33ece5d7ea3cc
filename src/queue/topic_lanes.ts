/**
 * How a lane comes to be, and which options it has. Lane 0 is the topic's home: it is made with one lane by the first
 * publish or consume, or as it is configured, and how many lanes the topic has is fixed from then on. Another lane is
 * made by the first command that brings the home's settings along, and adopts newer ones from any that does.
 */
import { refuse, type RefusedAnswer } from "../groups/refusal.ts";
import { LIMITS } from "../limits.ts";
import type { ConfiguredAnswer } from "./answers.ts";
import type { AdoptCommand, ConfigureCommand, LaneAddress } from "./commands.ts";
import type { Lane } from "./lane.ts";
import type { QueueState } from "./queue_state.ts";
import {
  DEFAULT_TOPIC_OPTIONS,
  encodeSettings,
  mergeOptions,
  sameOptions,
  type TopicSettings,
} from "./topic_options.ts";

export type FoundLane =
  /** `resumed`: it was paused, until the settings that came with this command. */
  | { readonly ok: true; readonly lane: Lane; readonly resumed: boolean }
  | { readonly ok: false; readonly answer: RefusedAnswer };

export class TopicLanes {
  readonly #state: QueueState;

  constructor(state: QueueState) {
    this.#state = state;
  }

  /** The lane that a publish or a consume is for, made where it is new. */
  reach({ topic, lane: number, lanes, settings }: LaneAddress): FoundLane {
    const lane = this.#state.find({ topic, lane: number });
    if (lane !== undefined) {
      if (lane.options.lanes !== lanes) return { ok: false, answer: otherLanes(lane) };
      const wasPaused = lane.options.paused;
      if (settings !== null) this.#adopt(lane, settings);
      return { ok: true, lane, resumed: wasPaused && !lane.options.paused };
    }
    // A topic that nobody configured has one lane: another number was learned elsewhere, and is out of date.
    const isMeant = number === 0 ? lanes === 1 : settings !== null;
    if (!isMeant) return { ok: false, answer: unknownTopic(topic) };
    return this.#make(topic, number, settings ?? { options: DEFAULT_TOPIC_OPTIONS, revision: 0 });
  }

  configure({ topic, changes }: ConfigureCommand): ConfiguredAnswer | RefusedAnswer {
    const lane = this.#state.find({ topic, lane: 0 });
    if (lane === undefined) {
      const options = mergeOptions(DEFAULT_TOPIC_OPTIONS, changes);
      return configured(this.#make(topic, 0, { options, revision: 1 }));
    }
    if (changes.lanes !== null && changes.lanes !== lane.options.lanes) return otherLanes(lane);
    const options = mergeOptions(lane.options, changes);
    const revision = lane.settings.revision + 1;
    if (!sameOptions(options, lane.options)) this.#adopt(lane, { options, revision });
    return { kind: "configured", settings: lane.settings };
  }

  adopt({ topic, lane: number, settings }: AdoptCommand): ConfiguredAnswer | RefusedAnswer {
    const lane = this.#state.find({ topic, lane: number });
    if (lane === undefined) return configured(this.#make(topic, number, settings));
    if (lane.options.lanes !== settings.options.lanes) return otherLanes(lane);
    this.#adopt(lane, settings);
    return { kind: "configured", settings: lane.settings };
  }

  #adopt(lane: Lane, settings: TopicSettings): void {
    if (settings.revision <= lane.settings.revision) return;
    this.#state.touch(lane);
    lane.settings = settings;
  }

  #make(topic: string, number: number, settings: TopicSettings): FoundLane {
    const { size } = this.#state.lanes;
    if (size >= LIMITS.queuePartitionLanesMax) {
      const message = `cannot make the topic ${topic}: its partition has ${size} lanes already`;
      return { ok: false, answer: refuse("TOO_MANY_REQUESTS", message, { topic }) };
    }
    const lane = this.#state.addLane(size, topic, number, settings);
    return { ok: true, lane, resumed: false };
  }
}

function configured(found: FoundLane): ConfiguredAnswer | RefusedAnswer {
  return found.ok ? { kind: "configured", settings: found.lane.settings } : found.answer;
}

export function unknownTopic(topic: string): RefusedAnswer {
  return refuse("NOT_FOUND", `there is no topic ${topic}`, { topic });
}

/** `settings` in the details is what the sender should have known (`decodeSettings`). */
function otherLanes({ topic, settings }: Lane): RefusedAnswer {
  const { lanes } = settings.options;
  const message = `${topic} has ${lanes} ${lanes === 1 ? "lane" : "lanes"}, for ever`;
  return refuse("CONFLICT", message, { topic, lanes, settings: encodeSettings(settings) });
}
