/** Commands for tests: by hand, and at random over few ids, so that they meet. */
import type { EventCommand, PublishEventsCommand } from "../../src/events/commands.ts";
import type { EventContent } from "../../src/events/stored_event.ts";
import { packEvents } from "../../src/events/packed_events.ts";
import type { Random } from "../../src/random.ts";

const encoder = new TextEncoder();

export function content(eventId: string, each: Partial<EventContent> = {}): EventContent {
  return {
    eventId,
    timestamp: "2026-01-02T03:04:05Z",
    source: null,
    payload: encoder.encode(JSON.stringify({ of: eventId })),
    ...each,
  };
}

export function publish(
  topic: string,
  events: readonly (string | EventContent)[],
  each: Partial<PublishEventsCommand> = {},
): PublishEventsCommand {
  const contents = events.map((event) => typeof event === "string" ? content(event) : event);
  return {
    kind: "publish",
    topic,
    expectedOffset: null,
    identitiesMax: 1_000_000,
    events: packEvents(contents),
    ...each,
  };
}

/** What a random publish says, in a form that a model reads as well. */
export interface RandomPublish {
  readonly kind: "publish";
  readonly topic: string;
  readonly contents: readonly EventContent[];
  readonly expectedOffset: number | null;
  readonly identitiesMax: number;
}

export type RandomCommand = RandomPublish | Extract<EventCommand, { readonly kind: "trim" }>;

/** @param identitiesMax reached now and then */
export function randomCommand(random: Random, identitiesMax: number): RandomCommand {
  const sometimes = (chance: number, max: number) =>
    random.chance(chance) ? random.integer(0, max) : null;
  if (random.chance(0.12)) {
    const retention = {
      ageMs: sometimes(0.4, 8_000),
      count: sometimes(0.3, 90),
      bytes: sometimes(0.3, 4_000),
      forgetAfterMs: sometimes(0.4, 20_000),
    };
    return { kind: "trim", retention, max: random.integer(1, random.chance(0.5) ? 4 : 1_000) };
  }
  const count = random.chance(0.1) ? random.integer(30, 70) : random.integer(1, 6);
  return {
    kind: "publish",
    topic: `topic-${random.integer(1, 3)}`,
    contents: Array.from({ length: count }, () => randomContent(random)),
    expectedOffset: sometimes(0.1, 30),
    identitiesMax,
  };
}

function randomContent(random: Random): EventContent {
  const payload = encoder.encode(JSON.stringify("x".repeat(random.integer(0, 60))));
  const source = random.chance(0.5) ? null : random.pick(["", "billing", "Straße"]);
  return content(`id-${random.integer(1, 260)}`, { payload, source });
}

export function commandOf(command: RandomCommand): EventCommand {
  if (command.kind === "trim") return command;
  const { topic, contents, expectedOffset, identitiesMax } = command;
  return publish(topic, contents, { expectedOffset, identitiesMax });
}
