/**
 * Gathers what one entry causes, lane by lane, so that each lane gives at most one effect of a kind, however many
 * messages are concerned: a mass expiry of a million costs no million of objects.
 */
import {
  type DeadLetterEffect,
  MESSAGES_SHOWN_MAX,
  type QueueEffect,
  type RedeliveryEffect,
} from "./answers.ts";
import type { Lane } from "./lane.ts";

interface Gathered<E extends RedeliveryEffect | DeadLetterEffect> {
  count: number;
  readonly messages: E["messages"][number][];
}

export class EntryEffects {
  /** Each is null until it is needed: most entries cause nothing. */
  #ready: Set<Lane> | null = null;
  #returned: Map<Lane, Gathered<RedeliveryEffect>> | null = null;
  #dead: Map<Lane, Gathered<DeadLetterEffect>> | null = null;

  /** A message of this lane became ready. */
  ready(lane: Lane): void {
    (this.#ready ??= new Set()).add(lane);
  }

  /** @param show gives the message, if it is still to be named */
  returned(lane: Lane, show: () => RedeliveryEffect["messages"][number]): void {
    gather(this.#returned ??= new Map(), lane, show);
  }

  dead(lane: Lane, show: () => DeadLetterEffect["messages"][number]): void {
    gather(this.#dead ??= new Map(), lane, show);
  }

  /** In an order that is the same on every replica: that in which they were first told of. */
  all(): readonly QueueEffect[] {
    const effects: QueueEffect[] = [];
    for (const [{ topic, lane }, { count, messages }] of this.#returned ?? []) {
      effects.push({ kind: "redelivery", topic, lane, count, messages });
    }
    for (const [{ topic, lane }, { count, messages }] of this.#dead ?? []) {
      effects.push({ kind: "deadLetter", topic, lane, count, messages });
    }
    for (const lane of this.#ready ?? []) {
      if (lane.canDeliver) effects.push({ kind: "ready", topic: lane.topic, lane: lane.lane });
    }
    return effects;
  }
}

function gather<E extends RedeliveryEffect | DeadLetterEffect>(
  into: Map<Lane, Gathered<E>>,
  lane: Lane,
  show: () => E["messages"][number],
): void {
  let gathered = into.get(lane);
  if (gathered === undefined) into.set(lane, gathered = { count: 0, messages: [] });
  gathered.count++;
  if (gathered.messages.length < MESSAGES_SHOWN_MAX) gathered.messages.push(show());
}
