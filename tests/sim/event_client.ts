/**
 * One user of the event log in the simulation. It publishes and reads through peers at random, and behaves as users do:
 * batches, the same ids again and those of others, an offset that is expected, pages from anywhere, streams that are cut
 * off and resumed. Everything it saw goes into the history.
 */
import { SkeinError } from "../../src/errors.ts";
import type { PublishedEvent, StoredEvent } from "../../src/events/events.ts";
import type { Called, PeerAccess } from "./caller.ts";
import type { EventInput, EventPublishInput, EventResult, SeenEvent } from "./event_history.ts";
import { type ClientEdges, SimulatedClient } from "./simulated_client.ts";

export interface EventClientEdges extends ClientEdges<EventInput> {
  readonly topics: readonly string[];
  /** Ids that somebody published lately, shared by all clients. */
  readonly recent: string[];
}

const RECENT_IDS = 12;
const FRESH = { stale: false };
const ONCE = { mayRetry: true, waitMs: 0, signal: null };

/** A conflict says what is stored, which nothing else is. */
type Answer = readonly PublishedEvent[] | "conflict";

export class EventClient extends SimulatedClient<EventInput, EventClientEdges> {
  /** How far each topic was read. */
  readonly #read = new Map<string, number>();
  #marks = 0;

  protected override operate(): Promise<void> {
    const { random, topics } = this.edges;
    const topic = random.pick(topics);
    const dice = random.fraction();
    if (dice < 0.6) return this.#publish(topic);
    if (dice < 0.8) return this.#page(topic);
    if (dice < 0.93) return this.#stream(topic);
    return this.#stats();
  }

  async #publish(topic: string): Promise<void> {
    const { random } = this.edges;
    const count = random.chance(0.5) ? 1 : random.integer(2, 8);
    const planned = Array.from({ length: count }, () => {
      const mark = `${this.name}-${++this.#marks}`;
      return { mark, eventId: this.#idFor(mark) };
    });
    const expectedOffset = random.chance(0.1) ? (this.#read.get(topic) ?? -1) + 1 : null;
    const items = planned.map(({ mark, eventId }) => {
      const payload = new TextEncoder().encode(JSON.stringify(mark));
      return { topic, eventId, timestamp: null, source: null, payload };
    });
    const request = this.caller.requestKey();
    const callMs = this.nowMs;
    const called = await this.caller.call<Answer>(
      (peer) => publishAt(peer, { items, expectedOffset, request }),
      ONCE,
    );
    const input: EventPublishInput = {
      kind: "publish",
      topic,
      expectedOffset,
      items: planned.map((item, place) => ({ ...item, result: resultOf(called, place) })),
    };
    this.record(callMs, input, called);
  }

  /** New, or one that was published a moment ago, perhaps to another topic or by another client. */
  #idFor(mark: string): string {
    const { random, recent } = this.edges;
    if (recent.length > 0 && random.chance(0.3)) return random.pick(recent);
    recent.push(`id-${mark}`);
    if (recent.length > RECENT_IDS) recent.shift();
    return `id-${mark}`;
  }

  async #page(topic: string): Promise<void> {
    const { random } = this.edges;
    const known = this.#read.get(topic) ?? -1;
    const after = random.chance(0.5) ? known : random.integer(-1, known + 1);
    const asked = { after, limit: random.integer(1, 20) };
    const callMs = this.nowMs;
    const called = await this.caller.call(
      (peer) => peer.events().page(topic, asked, FRESH),
      ONCE,
    );
    if (called.kind !== "answer") return;
    const { events, nextOffset } = called.value;
    this.#noteRead(topic, events);
    const input = {
      kind: "page",
      topic,
      after,
      events: events.map(seenEvent),
      nextOffset,
    } as const;
    this.push(callMs, input);
  }

  /** From where it read last, through one peer, as long as that lives and the client stays. */
  async #stream(topic: string): Promise<void> {
    const { random } = this.edges;
    const after = this.#read.get(topic) ?? -1;
    const leaving = new AbortController();
    const given: StoredEvent[] = [];
    const callMs = this.nowMs;
    const call = this.caller.call(async (peer) => {
      for await (const page of peer.events().tail(topic, after, leaving.signal)) {
        // A second attempt begins anew, at another peer.
        if (page[0]!.offset <= (given.at(-1)?.offset ?? after)) given.length = 0;
        given.push(...page);
      }
    }, { mayRetry: false, waitMs: 10_000, signal: leaving.signal });
    await this.caller.vanish(call, leaving, random.integer(100, 8_000));
    await call;
    this.#noteRead(topic, given);
    const events = given.map(seenEvent);
    this.push(callMs, { kind: "stream", topic, after, events, nextOffset: 0 });
  }

  async #stats(): Promise<void> {
    const callMs = this.nowMs;
    const called = await this.caller.call((peer) => peer.events().stats(FRESH), ONCE);
    if (called.kind !== "answer") return;
    const { received, unique, duplicates } = called.value;
    this.push(callMs, { kind: "stats", received, unique, duplicates });
  }

  #noteRead(topic: string, events: readonly StoredEvent[]): void {
    const last = events.at(-1)?.offset ?? -1;
    this.#read.set(topic, Math.max(last, this.#read.get(topic) ?? -1));
  }
}

async function publishAt(
  peer: PeerAccess,
  request: Parameters<ReturnType<PeerAccess["events"]>["publish"]>[0],
): Promise<Answer> {
  try {
    return await peer.events().publish(request);
  } catch (error) {
    if (error instanceof SkeinError && error.code === "CONFLICT") return "conflict";
    throw error;
  }
}

export function seenEvent({ offset, eventId, payload }: StoredEvent): SeenEvent {
  return { offset, eventId, mark: JSON.parse(new TextDecoder().decode(payload)) };
}

function resultOf(called: Called<Answer>, place: number): EventResult {
  if (called.kind !== "answer") return { kind: called.kind };
  // An earlier attempt of its own may be what was in the way.
  if (called.value === "conflict") return { kind: called.unsure ? "unknown" : "refused" };
  const result = called.value[place]!;
  if (!result.ok) return { kind: result.code === "OUTCOME_UNKNOWN" ? "unknown" : "refused" };
  const { offset, duplicate } = result;
  return duplicate
    ? { kind: "duplicate", offset, ownPerhaps: called.unsure }
    : { kind: "stored", offset };
}
