/**
 * What clients of the event log asked and were told, with the true times of both: the input of the checker. An event is
 * known by its id, and by its mark: its payload, which no other publish has.
 */
import type { Operation } from "./linearizability.ts";

export type EventInput = EventPublishInput | EventReadInput | EventStatsInput;

export interface EventPublishInput {
  readonly kind: "publish";
  readonly topic: string;
  readonly expectedOffset: number | null;
  /** In the order of the batch. */
  readonly items: readonly {
    readonly eventId: string;
    readonly mark: string;
    readonly result: EventResult;
  }[];
}

export type EventResult =
  | { readonly kind: "stored"; readonly offset: number }
  /** @property ownPerhaps: an earlier attempt of the same operation may be what stored it. */
  | { readonly kind: "duplicate"; readonly offset: number; readonly ownPerhaps: boolean }
  /** It certainly was not stored. */
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" };

export interface SeenEvent {
  readonly offset: number;
  readonly eventId: string;
  readonly mark: string;
}

/** A page, or what a stream gave as long as it was open. */
export interface EventReadInput {
  readonly kind: "page" | "stream";
  readonly topic: string;
  /** -1: from the beginning. */
  readonly after: number;
  readonly events: readonly SeenEvent[];
  /** Of a page: what the topic's next event gets; of a stream 0, because it promises nothing of that. */
  readonly nextOffset: number;
}

/** Sums over all topics were read. */
export interface EventStatsInput {
  readonly kind: "stats";
  readonly received: number;
  readonly unique: number;
  readonly duplicates: number;
}

export type EventOperation = Operation<EventInput>;

/** One line for a person: when, what, and what came of it. */
export function describeEventOperation({ input, callMs, returnMs }: EventOperation): string {
  const when = `${callMs.toFixed(1)} .. ${returnMs === Infinity ? "?" : returnMs.toFixed(1)} ms`;
  return `${when}  ${describeInput(input)}`;
}

function describeInput(input: EventInput): string {
  switch (input.kind) {
    case "publish": {
      const items = input.items.map(({ eventId, mark, result }) => {
        const offset = "offset" in result ? ` ${result.offset}` : "";
        return `${eventId} (${mark}): ${result.kind}${offset}`;
      });
      const expected = input.expectedOffset === null ? "" : ` at ${input.expectedOffset}`;
      return `publish to ${input.topic}${expected} [${items.join(", ")}]`;
    }
    case "page":
    case "stream": {
      const events = input.events.map(({ offset, eventId, mark }) =>
        `${offset} ${eventId} ${mark}`
      );
      const end = `up to ${input.nextOffset}`;
      return `${input.kind} of ${input.topic} after ${input.after}, ${end} [${events.join(", ")}]`;
    }
    case "stats": {
      const { received, unique, duplicates } = input;
      return `stats: ${received} received, ${unique} unique, ${duplicates} duplicates`;
    }
  }
}
