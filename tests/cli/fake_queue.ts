/**
 * A queue of one topic behind a stand-in for a peer: messages with visibility timeouts and receipts, long polls, and a
 * record of what became of each. Small and in memory; what the real one does is tested elsewhere.
 */
import { type Answers, type Asked, failed, type FakeAnswer } from "./fake_peer.ts";

interface Message {
  readonly id: string;
  readonly data: unknown;
  attempts: number;
  receipt: string | null;
  /** On the clock of `performance.now`: not delivered before. */
  readyAtMs: number;
}

export interface Handed {
  readonly id: string;
  readonly delay: unknown;
  readonly reason: unknown;
}

const POLL_MS_MAX = 200;
const LOOK_MS = 5;

export class FakeQueue {
  readonly #messages: Message[];
  readonly acknowledged: string[] = [];
  readonly handedBack: Handed[] = [];
  /** How many deliveries were in flight at once at most. */
  inFlightMax = 0;
  extensions = 0;
  backoff: readonly number[] = [];

  constructor(data: readonly unknown[]) {
    this.#messages = data.map((each, at) => ({
      id: `m${at}`,
      data: each,
      attempts: 0,
      receipt: null,
      readyAtMs: 0,
    }));
  }

  get answers(): Answers {
    return {
      "POST /queue/consume": (asked) => this.#consume(asked),
      "POST /queue/ack": (asked) => this.#settle(asked, (message) => this.#acknowledge(message)),
      "POST /queue/nack": (asked) => this.#settle(asked, (message) => this.#nack(message, asked)),
      "POST /queue/extend": (asked) =>
        this.#settle(asked, (message) => {
          this.extensions++;
          message.readyAtMs = performance.now() + Number(asked.body["visibility"]) * 1000;
        }),
      "GET /queue/stats?topic=jobs": () => [200, this.#stats()],
    };
  }

  /** As if the visibility timeout of everything in flight were over. */
  takeBack(): void {
    for (const message of this.#messages) {
      message.receipt = null;
      message.readyAtMs = Infinity;
    }
  }

  async #consume({ body }: Asked): Promise<FakeAnswer> {
    const waitMs = Math.min(Number(body["wait"]) * 1000, POLL_MS_MAX);
    const untilMs = performance.now() + waitMs;
    let due = this.#due();
    while (due.length === 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      due = this.#due();
    }
    const taken = due.slice(0, Number(body["max"]));
    for (const message of taken) {
      message.attempts++;
      message.receipt = `${message.id}-${message.attempts}`;
      message.readyAtMs = performance.now() + Number(body["visibility"]) * 1000;
    }
    const inFlight = this.#messages.filter(({ receipt }) => receipt !== null);
    this.inFlightMax = Math.max(this.inFlightMax, inFlight.length);
    const messages = taken.map(({ id, data, attempts, receipt }) => {
      const hints = { published_at: "", visible_until: "" };
      return { id, data, attempts, receipt, priority: 0, key: null, ...hints };
    });
    return [200, { success: true, messages }];
  }

  #due(): Message[] {
    const nowMs = performance.now();
    return this.#messages.filter(({ readyAtMs }) => readyAtMs <= nowMs);
  }

  #settle({ body }: Asked, settle: (message: Message) => void): FakeAnswer {
    const deliveries = body["deliveries"] as { readonly id: string; readonly receipt: string }[];
    const results = deliveries.map(({ id, receipt }) => {
      const message = this.#messages.find((each) => each.id === id);
      if (message === undefined) return failed("NOT_FOUND", "gone");
      if (message.receipt !== receipt) return failed("STALE_RECEIPT", "stale");
      settle(message);
      return { success: true };
    });
    return [200, { success: true, results }];
  }

  #acknowledge(message: Message): void {
    this.acknowledged.push(message.id);
    this.#messages.splice(this.#messages.indexOf(message), 1);
  }

  #nack(message: Message, { body: { delay, reason } }: Asked): void {
    this.handedBack.push({ id: message.id, delay, reason });
    message.receipt = null;
    message.readyAtMs = performance.now() + Number(delay ?? 0) * 1000;
  }

  #stats(): Record<string, unknown> {
    return { success: true, topic: "jobs", backoff: this.backoff, oldest_age: null, totals: {} };
  }
}
