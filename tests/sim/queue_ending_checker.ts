/**
 * Judges what became of all messages in the end, when everything that was left had been delivered and acknowledged:
 * nothing that was acknowledged to its publisher is missing, and the counts of each topic add up.
 */
import type { TopicEnding } from "./queue_history.ts";
import {
  isAcknowledged,
  type MessageStory,
  nameOf,
  spanEndMs,
  type Stories,
} from "./queue_stories.ts";

/** @returns what is wrong, in words */
export function endingViolations(stories: Stories, endings: readonly TopicEnding[]): string[] {
  // The last look for what is left.
  const endMs = Math.max(0, ...stories.consumes.map(({ callMs }) => callMs));
  return endings.flatMap((ending) => {
    const messages = stories.messages.filter(({ topic }) => topic === ending.topic);
    return [
      ...lossViolations(messages, ending, endMs),
      ...batchViolations(messages, ending),
      ...countViolations(messages, ending),
    ];
  });
}

/** Each id that a publisher was told is stored was delivered and settled, or is dead, or its time was over. */
function lossViolations(
  messages: readonly MessageStory[],
  ending: TopicEnding,
  endMs: number,
): string[] {
  const dead = new Set(ending.deadMarks);
  return messages.flatMap((story) => {
    const { mark, publication: { item } } = story;
    if (!("id" in item.result)) return [];
    const { givenId, result } = item;
    const bearers = givenId === null
      ? [story]
      : messages.filter(({ publication }) => publication.item.givenId === givenId);
    if (bearers.some((bearer) => isAccountedFor(bearer, dead, endMs))) return [];
    const last = story.deliveries.at(-1);
    const what = last === undefined ? "was never delivered" : `was last seen: ${nameOf(last)}`;
    return [`${mark} (${result.kind} as ${result.id}) is lost: it ${what}`];
  });
}

function isAccountedFor(story: MessageStory, dead: ReadonlySet<string>, endMs: number): boolean {
  const { mark, publication: { item, callMs }, deliveries, settles } = story;
  if (dead.has(mark)) return true;
  if (item.ttlMs !== null && spanEndMs(callMs, item.ttlMs) < endMs) return true;
  if (deliveries.length === 0) return false;
  const isMaybe = settles.some(({ kind, result }) =>
    kind === "acknowledge" && (result === "unknown" || result === "ok")
  );
  return isMaybe;
}

/** A batch whose outcome nobody learned is there whole or not at all: in one lane, that is. */
function batchViolations(messages: readonly MessageStory[], ending: TopicEnding): string[] {
  const dead = new Set(ending.deadMarks);
  const batches = Map.groupBy(messages, ({ publication }) => publication.operation);
  const violations: string[] = [];
  for (const stories of batches.values()) {
    const plain = stories.filter(({ publication: { item } }) =>
      item.result.kind === "unknown" && item.givenId === null && item.ttlMs === null
    );
    const isThere = ({ mark, deliveries }: MessageStory) => deliveries.length > 0 || dead.has(mark);
    const missing = plain.filter((story) => !isThere(story));
    if (ending.lanes > 1 || missing.length === 0 || missing.length === plain.length) continue;
    violations.push(
      `of a batch of ${plain.length}, ${missing.length} are missing: ` +
        missing.map(({ mark }) => mark).join(", "),
    );
  }
  return violations;
}

function countViolations(messages: readonly MessageStory[], ending: TopicEnding): string[] {
  const { topic, published, acknowledged, expired, purged, ready, inFlight, delayed, dead } =
    ending;
  const violations: string[] = [];
  const accounted = acknowledged + expired + purged + ready + inFlight + delayed + dead;
  if (published !== accounted) {
    violations.push(`${topic}: ${published} were published, ${accounted} are accounted for`);
  }
  const within = (what: string, counted: number, sure: number, possible: number) => {
    if (counted >= sure && counted <= possible) return;
    violations.push(
      `${topic} counts ${counted} ${what}, of ${sure} certain and ${possible} possible`,
    );
  };
  const stored = messages.filter(({ publication }) => publication.item.result.kind === "stored");
  const perhaps = messages.filter(({ publication: { item: { result } } }) =>
    result.kind === "unknown" || (result.kind === "duplicate" && result.ownPerhaps)
  );
  within("published", published, stored.length, stored.length + perhaps.length);
  const done = messages.filter(isAcknowledged);
  const mayBeDone = messages.filter(({ settles }) =>
    settles.some(({ kind, result }) => kind === "acknowledge" && result === "unknown")
  );
  within("acknowledged", acknowledged, done.length, new Set([...done, ...mayBeDone]).size);
  if (dead !== ending.deadMarks.length) {
    violations.push(`${topic} counts ${dead} dead letters and lists ${ending.deadMarks.length}`);
  }
  return violations;
}
