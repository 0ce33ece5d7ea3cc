/**
 * Judges a history of the event log: each id is stored once, at one offset, for ever; offsets have no gap; what was answered
 * is never lost; pages and sums have all that was answered before they were asked. What a caller never learned may have
 * happened, or not.
 */
import type {
  EventOperation,
  EventPublishInput,
  EventReadInput,
  EventStatsInput,
  SeenEvent,
} from "./event_history.ts";

export interface EventJudgement {
  readonly violations: readonly string[];
  /** Events that are stored, and answers that something was a duplicate. */
  readonly stored: number;
  readonly duplicates: number;
  /** Events that somebody read. */
  readonly read: number;
}

/** An operation of one kind, with its times. */
type Timed<I> = I & { readonly callMs: number; readonly returnMs: number };

/** What a topic has in the end, as it was read when all faults and all clients had ended. */
export interface EventEnding {
  readonly topics: ReadonlyMap<string, readonly SeenEvent[]>;
  readonly stats: Omit<EventStatsInput, "kind">;
}

/** @param ending null: the history may go on, and is judged as far as it goes */
export function judgeEvents(
  history: readonly EventOperation[],
  ending: EventEnding | null,
): EventJudgement {
  const publishes: Timed<EventPublishInput>[] = [];
  const reads: Timed<EventReadInput>[] = [];
  const stats: Timed<EventStatsInput>[] = [];
  for (const { input, callMs, returnMs } of history) {
    if (input.kind === "publish") publishes.push({ ...input, callMs, returnMs });
    else if (input.kind === "stats") stats.push({ ...input, callMs, returnMs });
    else reads.push({ ...input, callMs, returnMs });
  }
  const ends = [...ending?.topics ?? []].map(([topic, events]): Timed<EventReadInput> => {
    const times = { callMs: Infinity, returnMs: Infinity };
    return { kind: "page", topic, after: -1, events, nextOffset: events.length, ...times };
  });
  const violations = [
    ...placeViolations(publishes, [...reads, ...ends]),
    ...sourceViolations(publishes, [...reads, ...ends]),
    ...publishes.flatMap(offsetViolations),
    ...onceViolations(publishes),
    ...[...reads, ...ends].flatMap(orderViolations),
    ...freshViolations(publishes, [...reads, ...ends]),
    ...statsViolations(publishes, stats),
    ...(ending === null ? [] : endingViolations(publishes, ending)),
  ];
  const results = publishes.flatMap(({ items }) => items.map(({ result }) => result.kind));
  return {
    violations,
    stored: ends.reduce((sum, { events }) => sum + events.length, 0),
    duplicates: results.filter((kind) => kind === "duplicate").length,
    read: reads.reduce((sum, { events }) => sum + events.length, 0),
  };
}

/** Everybody who saw an id or an offset saw the same other one, and the same mark with it. */
function placeViolations(
  publishes: readonly Timed<EventPublishInput>[],
  reads: readonly Timed<EventReadInput>[],
): string[] {
  const violations = new Set<string>();
  const known = new Map<string, string>();
  const note = (key: string, value: string) => {
    const former = known.get(key) ?? value;
    known.set(key, former);
    if (former !== value) violations.add(`${key} is ${former}, and is ${value}`);
  };
  for (const { topic, items } of publishes) {
    for (const { eventId, mark, result } of items) {
      if (!("offset" in result)) continue;
      note(`offset of ${topic} ${eventId}`, `${result.offset}`);
      note(`event at ${topic} ${result.offset}`, eventId);
      if (result.kind === "stored") note(`mark of ${topic} ${eventId}`, mark);
    }
  }
  for (const { topic, events } of reads) {
    for (const { offset, eventId, mark } of events) {
      note(`offset of ${topic} ${eventId}`, `${offset}`);
      note(`event at ${topic} ${offset}`, eventId);
      note(`mark of ${topic} ${eventId}`, mark);
    }
  }
  return [...violations];
}

/** What is read was published, by then, and not refused. */
function sourceViolations(
  publishes: readonly Timed<EventPublishInput>[],
  reads: readonly Timed<EventReadInput>[],
): string[] {
  const possible = new Map<string, number>();
  for (const { topic, items, callMs } of publishes) {
    for (const { eventId, mark, result } of items) {
      if (result.kind !== "refused") possible.set(`${topic} ${eventId} ${mark}`, callMs);
    }
  }
  return reads.flatMap(({ topic, events, returnMs }) => {
    return events.flatMap(({ eventId, mark }) => {
      const callMs = possible.get(`${topic} ${eventId} ${mark}`);
      if (callMs !== undefined && callMs <= returnMs) return [];
      return [`${topic} has ${eventId} (${mark}), which nobody had published`];
    });
  });
}

/** New events of a batch follow each other, from the offset that was expected where one was. */
function offsetViolations({ topic, expectedOffset, items }: EventPublishInput): string[] {
  const violations: string[] = [];
  let next = expectedOffset;
  for (const { eventId, result } of items) {
    if (result.kind !== "stored") continue;
    if (next !== null && result.offset !== next) {
      violations.push(`${topic} ${eventId} was stored at ${result.offset}, not at ${next}`);
    }
    next = result.offset + 1;
  }
  return violations;
}

/** An id is new once, and a duplicate only of what somebody else, or an earlier attempt, published. */
function onceViolations(publishes: readonly Timed<EventPublishInput>[]): string[] {
  const violations: string[] = [];
  const stored = new Set<string>();
  const firstCallMs = new Map<string, number>();
  const count = new Map<string, number>();
  for (const { topic, items, callMs } of publishes) {
    for (const { eventId, result } of items) {
      if (result.kind === "refused") continue;
      const name = `${topic} ${eventId}`;
      firstCallMs.set(name, Math.min(callMs, firstCallMs.get(name) ?? Infinity));
      count.set(name, (count.get(name) ?? 0) + 1);
    }
  }
  for (const { topic, items, returnMs } of publishes) {
    for (const { eventId, result } of items) {
      const name = `${topic} ${eventId}`;
      if (result.kind === "stored") {
        if (stored.has(name)) violations.push(`${name} was stored twice`);
        stored.add(name);
      } else if (result.kind === "duplicate" && !result.ownPerhaps) {
        const isFirst = count.get(name) === 1 || firstCallMs.get(name)! > returnMs;
        if (isFirst) violations.push(`${name} was called a duplicate of nothing`);
      }
    }
  }
  return violations;
}

/** What is read begins right behind what was asked, and has no gap. */
function orderViolations({ kind, topic, after, events }: EventReadInput): string[] {
  const wrong = events.findIndex(({ offset }, place) => offset !== after + 1 + place);
  if (wrong < 0) return [];
  return [`a ${kind} of ${topic} after ${after} has ${events[wrong]!.offset} in place ${wrong}`];
}

/** A page knows of all that was answered before it was asked, and of what earlier pages knew. */
function freshViolations(
  publishes: readonly Timed<EventPublishInput>[],
  reads: readonly Timed<EventReadInput>[],
): string[] {
  const violations: string[] = [];
  for (const read of reads) {
    const { kind, topic, after, callMs, nextOffset, events } = read;
    if (kind === "stream") continue;
    let least = 0;
    for (const { topic: other, items, returnMs } of publishes) {
      if (other !== topic || returnMs >= callMs) continue;
      for (const { result } of items) {
        if ("offset" in result) least = Math.max(least, result.offset + 1);
      }
    }
    for (const { kind: otherKind, topic: other, returnMs, nextOffset: known } of reads) {
      if (otherKind === "page" && other === topic && returnMs < callMs) {
        least = Math.max(least, known);
      }
    }
    if (nextOffset < least) {
      violations.push(
        `a page of ${topic} at ${callMs.toFixed(1)} ms ends at ${nextOffset} of ${least}`,
      );
    }
    if (events.length === 0 && after + 1 < nextOffset) {
      violations.push(`a page of ${topic} after ${after} is empty, and there are ${nextOffset}`);
    }
  }
  return violations;
}

/** Sums have all that was answered before they were asked, and nothing that was asked after their answer. */
function statsViolations(
  publishes: readonly Timed<EventPublishInput>[],
  stats: readonly Timed<EventStatsInput>[],
): string[] {
  return stats.flatMap(({ received, unique, duplicates, callMs, returnMs }) => {
    const violations: string[] = [];
    const sure = new Set<string>();
    const possible = new Set<string>();
    let answered = 0;
    for (const publish of publishes) {
      for (const { eventId, result } of publish.items) {
        const name = `${publish.topic} ${eventId}`;
        const isBefore = publish.returnMs < callMs && "offset" in result;
        if (isBefore) {
          sure.add(name);
          answered++;
        }
        if (result.kind !== "refused" && publish.callMs <= returnMs) possible.add(name);
      }
    }
    const when = `stats at ${callMs.toFixed(1)} ms`;
    if (unique < sure.size || unique > possible.size) {
      violations.push(`${when}: ${unique} unique, not ${sure.size} to ${possible.size}`);
    }
    if (received < answered) {
      violations.push(`${when}: ${received} received, of ${answered} at least`);
    }
    if (received !== unique + duplicates) {
      violations.push(`${when}: ${received} are not ${unique} and ${duplicates}`);
    }
    return violations;
  });
}

/** Nothing that was answered is lost, and sums say what is there. */
function endingViolations(
  publishes: readonly Timed<EventPublishInput>[],
  { topics, stats }: EventEnding,
): string[] {
  const violations: string[] = [];
  const left = new Set<string>();
  let count = 0;
  for (const [topic, events] of topics) {
    count += events.length;
    for (const { eventId } of events) left.add(`${topic} ${eventId}`);
  }
  for (const { topic, items } of publishes) {
    for (const { eventId, result } of items) {
      if ("offset" in result && !left.has(`${topic} ${eventId}`)) {
        violations.push(`${topic} ${eventId} was answered, and is lost`);
      }
    }
  }
  if (left.size !== count) violations.push(`${count} events have ${left.size} ids`);
  if (stats.unique !== count) violations.push(`${stats.unique} are counted, ${count} are there`);
  return violations;
}
