/**
 * A question for messages on its way to the leader of one lane. Its deliveries are claimed once, or nobody wants them:
 * then the leader is told, and what was delivered all the same is handed back.
 */
import type { QueueEdges } from "./queue_edges.ts";
import {
  CANCEL_METHOD,
  CONSUME_METHOD,
  type ConsumeAnswer,
  type ConsumeQuestion,
  decodeAnswer,
  encodeQuestion,
} from "./consume_messages.ts";
import { isoTime } from "../iso_time.ts";
import { givenId, receiptText } from "./message_names.ts";
import type { Delivery } from "./queue.ts";
import { decodeBody } from "./stored_body.ts";

/** Tries to make deliveries as if they had not been; never rejects. */
export type HandBack = (deliveries: readonly Delivery[]) => Promise<void>;

export class LaneQuestion {
  /** Resolves when its answer is here, to be claimed; rejects as `Groups.ask`. */
  readonly answered: Promise<void>;
  readonly #edges: QueueEdges;
  readonly #group: number;
  readonly #wait: string;
  readonly #handBack: HandBack;
  #deliveries: readonly Delivery[] | null = null;
  #cancelled = false;
  /** Resolves when what nobody wanted is handed back. */
  #over: Promise<void>;

  constructor(edges: QueueEdges, group: number, question: ConsumeQuestion, handBack: HandBack) {
    this.#edges = edges;
    this.#group = group;
    this.#wait = question.wait;
    this.#handBack = handBack;
    const timeoutMs = question.waitMs + edges.timeouts.answerMarginMs;
    const { lane } = question.address;
    this.answered = edges.groups.ask(group, CONSUME_METHOD, encodeQuestion(question), timeoutMs)
      .then((answer) => {
        this.#deliveries = deliveriesOf({ group, lane }, decodeAnswer(answer));
      });
    this.#over = this.answered.then(() => this.#cancelled ? this.#giveUp() : undefined, () => {});
  }

  /** @returns what was delivered, which is the caller's now; none where it was cancelled before */
  claim(): readonly Delivery[] {
    const deliveries = this.#cancelled ? null : this.#deliveries;
    this.#deliveries = null;
    return deliveries ?? [];
  }

  /**
   * Its answer is not wanted any more. Idempotent.
   * @returns resolves when nothing is delivered to it any more
   */
  cancel(): Promise<void> {
    if (this.#cancelled) return this.#over;
    this.#cancelled = true;
    if (this.#deliveries !== null) this.#over = this.#giveUp();
    else this.#tellLeader();
    return this.#over;
  }

  #giveUp(): Promise<void> {
    const deliveries = this.#deliveries ?? [];
    this.#deliveries = null;
    return deliveries.length === 0 ? Promise.resolve() : this.#handBack(deliveries);
  }

  /** In vain where the leader has changed; then the question has ended, or ends with its time. */
  #tellLeader(): void {
    const { groups, timeouts } = this.#edges;
    groups.ask(this.#group, CANCEL_METHOD, this.#wait, timeouts.handBackMs).catch(() => {});
  }
}

function deliveriesOf(
  place: { readonly group: number; readonly lane: number },
  { messages, bodies, wallOffsetMs }: ConsumeAnswer,
): readonly Delivery[] {
  return messages.map((message, index): Delivery => {
    const [number, id, delivery, attempts, priority, publishedMs, visibleUntilMs] = message;
    const { key, data } = decodeBody(bodies[index]!);
    return {
      id: id ?? givenId(place, number),
      data,
      receipt: receiptText(place, { number, delivery }),
      attempts,
      priority,
      key,
      publishedAt: isoTime(publishedMs + wallOffsetMs),
      visibleUntil: isoTime(visibleUntilMs + wallOffsetMs),
    };
  });
}
