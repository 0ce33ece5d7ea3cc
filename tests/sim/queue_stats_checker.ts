/**
 * Judges what reads of a topic's counts said: they are linearizable, so each counts all that was answered before it was
 * asked, and nothing that was asked after its answer.
 */
import {
  isAcknowledged,
  type MessageStory,
  type Settle,
  type Span,
  type Stories,
} from "./queue_stories.ts";

/** @returns what is wrong, in words */
export function statsViolations({ messages, stats }: Stories): string[] {
  return stats.flatMap((read) => {
    const { topic, published, acknowledged, callMs, returnMs } = read;
    const own = messages.filter((story) => story.topic === topic);
    const stored = own.filter(isStored).map(({ publication }) => publication);
    const perhaps = own.filter(mayBeStored).map(({ publication }) => publication);
    const gone = own.filter(isAcknowledged).map((story) => story.settles.find(isDone)!);
    const perhapsGone = own.flatMap(({ settles }) => earliest(settles.filter(mayBeDone)));
    const when = `${callMs.toFixed(1)} .. ${returnMs.toFixed(1)} ms`;
    return [
      ...outOf(`${topic}, read ${when}: published`, published, read, stored, perhaps),
      ...outOf(`${topic}, read ${when}: acknowledged`, acknowledged, read, gone, perhapsGone),
    ];
  });
}

/**
 * @param sure what certainly happened
 * @param possible what may have happened, that included
 */
function outOf(
  what: string,
  count: number,
  read: Span,
  sure: readonly Span[],
  possible: readonly Span[],
): string[] {
  const least = sure.filter(({ returnMs }) => returnMs < read.callMs).length;
  const most = possible.filter(({ callMs }) => callMs <= read.returnMs).length;
  return count >= least && count <= most ? [] : [`${what} ${count}, not ${least} to ${most}`];
}

/** @returns the one that was asked first, if any */
function earliest(spans: readonly Span[]): readonly Span[] {
  return spans.toSorted((left, right) => left.callMs - right.callMs).slice(0, 1);
}

function isStored({ publication: { item: { result } } }: MessageStory): boolean {
  return result.kind === "stored";
}

function mayBeStored(story: MessageStory): boolean {
  const { result } = story.publication.item;
  return isStored(story) || result.kind === "unknown" ||
    (result.kind === "duplicate" && result.ownPerhaps);
}

function isDone({ kind, result }: Settle): boolean {
  return kind === "acknowledge" && result === "ok";
}

function mayBeDone({ kind, result }: Settle): boolean {
  return kind === "acknowledge" && (result === "ok" || result === "unknown");
}
