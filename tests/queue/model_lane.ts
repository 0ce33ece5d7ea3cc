/** A lane of the queue's model: its messages in one list, and what is plain to say of them. */
import type { TopicSettings } from "../../src/queue/topic_options.ts";

export interface ModelMessage {
  readonly number: number;
  readonly id: string | null;
  readonly body: Uint8Array;
  readonly priority: number;
  readonly publishedMs: number;
  state: "ready" | "delayed" | "inFlight" | "dead";
  /** Its place among equals in priority. */
  place: number;
  attempts: number;
  /** End of delay or visibility, or time of death. */
  eventMs: number;
  ttlEndMs: number;
  delivery: number;
  /** When it came to its state, counted in moves. */
  since: number;
  reason: string;
}

export interface ModelLane {
  readonly topic: string;
  readonly lane: number;
  settings: TopicSettings;
  messages: ModelMessage[];
  window: { readonly id: string; readonly endMs: number }[];
  /** What an id means: the message that was published, delivered or died last under it, while it is there. */
  readonly means: Map<string, ModelMessage>;
  readonly totals: Record<string, number>;
}

export const TOTALS = [
  "published",
  "duplicates",
  "delivered",
  "redelivered",
  "acknowledged",
  "deadLettered",
  "expired",
  "purged",
  "requeued",
  "dedupEvicted",
];

export function deadlineOf({ state, eventMs, ttlEndMs }: ModelMessage): number {
  if (state === "dead") return Infinity;
  if (state === "inFlight") return eventMs;
  return state === "delayed" ? Math.min(eventMs, ttlEndMs) : ttlEndMs;
}

export function remember(lane: ModelLane, id: string, timeMs: number, max: number): void {
  const { dedupWindowMs } = lane.settings.options;
  lane.window = lane.window.filter((one) => one.id !== id);
  if (dedupWindowMs === 0) return;
  while (lane.window.length >= max) {
    if (lane.window.shift()!.endMs > timeMs) lane.totals.dedupEvicted!++;
  }
  lane.window.push({ id, endMs: timeMs + dedupWindowMs });
}

export function drop(lane: ModelLane, message: ModelMessage): void {
  lane.messages = lane.messages.filter((one) => one !== message);
  if (message.id !== null && lane.means.get(message.id) === message) lane.means.delete(message.id);
}

export function isIn(state: ModelMessage["state"]): (message: ModelMessage) => boolean {
  return (message) => message.state === state;
}

export function deliveryOrder(messages: readonly ModelMessage[]): ModelMessage[] {
  return [...messages].sort((a, b) => b.priority - a.priority || a.place - b.place);
}

export function sorted(
  messages: readonly ModelMessage[],
  keyOf: (message: ModelMessage) => number,
): ModelMessage[] {
  return [...messages].sort((a, b) => keyOf(a) - keyOf(b));
}
