/**
 * The consumers that are answered by this peer, wherever their messages come from. Whoever goes away before it has its
 * answer is left no message: its deliveries are handed back, and do not count as attempts.
 */
import { SkeinError } from "../errors.ts";
import type { HandBack } from "./lane_question.ts";
import { LongPoll, type LongPollEdges } from "./long_poll.ts";
import type { ConsumeRequest, Delivery } from "./queue.ts";
import type { QueueCounters } from "./queue_counters.ts";
import type { QueueEdges } from "./queue_edges.ts";
import { checkConsume } from "./queue_requests.ts";
import type { Settler } from "./settler.ts";
import type { TopicRoutes } from "./topic_routes.ts";

/** The part of a peer's id that names it among a cluster's. */
const PEER_NAME_LENGTH = 16;

export class Consumers {
  readonly #edges: QueueEdges;
  readonly #settler: Settler;
  readonly #counters: QueueCounters;
  readonly #poll: Omit<LongPollEdges, "handBack">;
  readonly #open = new Set<LongPoll>();
  #serial = 0;
  /** What they are told who would have to wait, once this peer is about to stop. */
  #farewell: SkeinError | null = null;

  constructor(
    edges: QueueEdges,
    routes: TopicRoutes,
    settler: Settler,
    counters: QueueCounters,
  ) {
    this.#edges = edges;
    this.#settler = settler;
    this.#counters = counters;
    const name = `${edges.self.slice(0, PEER_NAME_LENGTH)}/${edges.bootId}`;
    this.#poll = { queue: edges, routes, mintWait: () => `${name}/${++this.#serial}` };
  }

  /** Those that are held open. */
  get open(): number {
    return this.#open.size;
  }

  /** See `Queue.consume`. */
  async consume(request: ConsumeRequest): Promise<readonly Delivery[]> {
    checkConsume(request);
    const { topic, signal, waitMs } = request;
    signal?.throwIfAborted();
    const handBack: HandBack = (deliveries) => this.#handBack(topic, deliveries);
    const mayWaitMs = this.#farewell === null ? waitMs : 0;
    const poll = new LongPoll({ ...this.#poll, handBack }, request, mayWaitMs);
    const leave = () => void poll.leave(signal!.reason);
    signal?.addEventListener("abort", leave, { once: true });
    this.#open.add(poll);
    try {
      const deliveries = await poll.run();
      if (deliveries.length === 0 && waitMs > 0 && this.#farewell !== null) throw this.#farewell;
      this.#counters.delivered += deliveries.length;
      if (deliveries.length > 0) handBackIfUnread(deliveries, signal, handBack);
      return deliveries;
    } finally {
      this.#open.delete(poll);
      signal?.removeEventListener("abort", leave);
    }
  }

  async #handBack(topic: string, deliveries: readonly Delivery[]): Promise<void> {
    this.#counters.handedBack += deliveries.length;
    try {
      await this.#settler.settle({
        topic,
        deliveries: deliveries.map(({ receipt }) => ({ id: null, receipt })),
        request: null,
        timeoutMs: this.#edges.timeouts.handBackMs,
        command: (name) => ({ kind: "handBack", ...name }),
      });
    } catch (error) {
      const message = `could not hand back ${deliveries.length} messages of ${topic}, ` +
        "which come back when their visibility timeout is over";
      this.#edges.logger.log("warn", message, { topic, error: String(error) });
    }
  }

  /**
   * This peer is about to stop: nobody waits here any more. What is there is still delivered.
   * @returns resolves when those who waited have left their leaders, or soon
   */
  async drain(): Promise<void> {
    this.#farewell ??= new SkeinError(
      "SHUTTING_DOWN",
      "this peer is about to stop, and no longer waits: ask another one",
    );
    const soon = Promise.withResolvers<void>();
    const timer = this.#edges.clock.timer(this.#edges.timeouts.takeBackMs, soon.resolve);
    const leaving = Array.from(this.#open, (poll) => poll.leave(this.#farewell));
    await Promise.race([Promise.all(leaving), soon.promise]);
    timer.cancel();
  }

  /** Nobody is answered here any more. */
  close(reason: SkeinError): void {
    for (const poll of this.#open) void poll.leave(reason);
  }
}

/** The client may still go away while its answer is being written; after that the signal is silent. */
function handBackIfUnread(
  deliveries: readonly Delivery[],
  signal: AbortSignal | null,
  handBack: HandBack,
): void {
  const unread = () => void handBack(deliveries);
  if (signal?.aborted === true) unread();
  else signal?.addEventListener("abort", unread, { once: true });
}
