/**
 * The books of a queue load: what its clients were told, message by message, and what that rules out. It judges as
 * it goes, in constant time an event, so that a load of a million messages can be judged. All clients are in one
 * process, hence a counter orders what they saw: no clock is compared. What nobody was told may have happened or not.
 */
import type { TopicView } from "../../src/client/mod.ts";

/** The last events of a message, for whoever must understand a violation. */
const EVENTS_KEPT = 24;
const VIOLATIONS_KEPT = 10;

export interface Seen {
  readonly mark: number;
  readonly id: string;
  readonly receipt: string;
  readonly attempts: number;
}

export type SettleCode = "NOT_FOUND" | "STALE_RECEIPT";

class Message {
  /** As far as anybody was told. */
  id: string | null;
  fate: "asked" | "stored" | "unknown" = "asked";
  deliveries = 0;
  /** When an ack of it was first answered; null: never. */
  doneAt: number | null = null;
  /** Of the delivery whose receipt was acknowledged; null: none was. */
  doneAttempts: number | null = null;
  /** An ack was asked for, and nobody said what became of it. */
  isPerhapsDone = false;
  readonly events: string[] = [];

  constructor(
    readonly mark: number,
    readonly topic: string,
    readonly givenId: string | null,
  ) {
    this.id = givenId;
  }

  note(at: number, event: string): void {
    if (this.events.length === EVENTS_KEPT) this.events.splice(EVENTS_KEPT / 2, 1);
    this.events.push(`${at} ${event}`);
  }

  get story(): string {
    return `message ${this.mark} of ${this.topic}:\n  ${this.events.join("\n  ")}`;
  }
}

export interface LedgerTotals {
  readonly stored: number;
  readonly unknown: number;
  readonly delivered: number;
  /** Deliveries beyond the first one of each message. */
  readonly again: number;
  readonly acknowledged: number;
  readonly dead: number;
  readonly stale: number;
}

export class QueueLedger {
  readonly #messages: Message[] = [];
  readonly #receipts = new Set<string>();
  readonly #dead = new Set<number>();
  readonly violations: string[] = [];
  #moment = 0;
  #stored = 0;
  #unknown = 0;
  #delivered = 0;
  #again = 0;
  #acknowledged = 0;
  #stale = 0;

  get totals(): LedgerTotals {
    return {
      stored: this.#stored,
      unknown: this.#unknown,
      delivered: this.#delivered,
      again: this.#again,
      acknowledged: this.#acknowledged,
      dead: this.#dead.size,
      stale: this.#stale,
    };
  }

  /** @throws with the first violations, if there are any */
  check(): void {
    if (this.violations.length > 0) throw new Error(this.violations.join("\n"));
  }

  /** Later than all before. To be taken before a consume is asked for. */
  moment(): number {
    return ++this.#moment;
  }

  /** @returns the mark that the message carries in its data */
  publishing(topic: string, givenId: string | null): number {
    const mark = this.#messages.length;
    const message = new Message(mark, topic, givenId);
    this.#messages.push(message);
    message.note(this.moment(), `publish${givenId === null ? "" : ` as ${givenId}`}`);
    return mark;
  }

  /** @param mayBeKnown an earlier attempt of this id had no outcome, or was answered */
  published(mark: number, id: string, duplicate: boolean, mayBeKnown: boolean): void {
    const message = this.#messages[mark]!;
    message.note(this.moment(), `stored as ${id}${duplicate ? ", a duplicate" : ""}`);
    if (message.fate !== "stored") this.#stored++;
    message.fate = "stored";
    if (message.id !== null && message.id !== id) this.#violated("it has two ids", message);
    message.id = id;
    if (duplicate && !mayBeKnown) this.#violated("nobody had published it before", message);
  }

  /** It was published again under its id, and long acknowledged to its publisher. */
  publishedAgain(mark: number, id: string, duplicate: boolean): void {
    const message = this.#messages[mark]!;
    message.note(this.moment(), `published again: ${id}, duplicate: ${duplicate}`);
    if (!duplicate || id !== message.id) this.#violated("it is no duplicate of itself", message);
  }

  publishUnknown(mark: number): void {
    const message = this.#messages[mark]!;
    message.note(this.moment(), "its publish has no outcome");
    message.fate = "unknown";
    this.#unknown++;
  }

  /** @param askedAt the moment before the consume was asked for */
  delivered(topic: string, seen: Seen, askedAt: number): void {
    const message = this.#find(topic, seen.mark, seen.id);
    if (message === null) return;
    const { receipt, attempts } = seen;
    message.note(this.moment(), `delivered (${receipt}, attempt ${attempts}), asked at ${askedAt}`);
    this.#delivered++;
    if (message.deliveries++ > 0) this.#again++;
    if (this.#receipts.has(receipt)) this.#violated("a receipt was given twice", message);
    this.#receipts.add(receipt);
    const { doneAt, doneAttempts } = message;
    if (doneAt !== null && doneAt < askedAt) {
      this.#violated("it was delivered after its ack was answered", message);
    }
    // Whose receipt was current when it was acknowledged was not delivered again by then, nor could be after.
    if (doneAttempts !== null && attempts > doneAttempts) {
      this.#violated("it was delivered again behind the delivery that was acknowledged", message);
    }
  }

  /** @param attempts of the delivery whose receipt was sent; null: the message's id alone was */
  acknowledged(mark: number, attempts: number | null): void {
    const message = this.#messages[mark]!;
    const at = this.moment();
    message.note(at, attempts === null ? "acknowledged by id" : `acknowledged attempt ${attempts}`);
    if (message.doneAt !== null) this.#violated("it was acknowledged twice", message);
    else this.#acknowledged++;
    message.doneAt ??= at;
    message.doneAttempts ??= attempts;
  }

  acknowledgeUnknown(mark: number): void {
    const message = this.#messages[mark]!;
    message.note(this.moment(), "its ack has no outcome");
    message.isPerhapsDone = true;
  }

  /** An ack, nack or extension was refused: the message was delivered again meanwhile, or settled, or is dead. */
  settleRefused(mark: number, what: string, code: SettleCode): void {
    this.#messages[mark]!.note(this.moment(), `${what}: ${code}`);
    if (code === "STALE_RECEIPT") this.#stale++;
  }

  /** @param what of the message must not be, as somebody saw it */
  violated(mark: number, what: string): void {
    this.#violated(what, this.#messages[mark]!);
  }

  /** Something that was done with it, for its story alone. */
  noted(mark: number, event: string): void {
    this.#messages[mark]!.note(this.moment(), event);
  }

  dead(topic: string, mark: number, id: string): void {
    const message = this.#find(topic, mark, id);
    if (message === null) return;
    message.note(this.moment(), "is a dead letter");
    this.#dead.add(mark);
    if (message.doneAt !== null) this.#violated("it was acknowledged, and is dead", message);
  }

  /**
   * Judges the end: every client has its answers, and whatever was still there was delivered and acknowledged.
   * @param views of all topics, now
   * @throws with the violations, if there are any
   */
  finish(views: readonly TopicView[]): void {
    for (const message of this.#messages) {
      const isThere = message.fate === "stored" || message.deliveries > 0;
      const isDone = message.doneAt !== null || message.isPerhapsDone;
      if (isThere && !isDone) this.#violated("LOST", message);
    }
    for (const view of views) this.#checkCounts(view);
    this.check();
  }

  #checkCounts({ topic, ready, inFlight, delayed, dead, totals }: TopicView): void {
    const messages = this.#messages.filter((message) => message.topic === topic);
    const count = (is: (message: Message) => boolean) => messages.filter(is).length;
    if (ready + inFlight + delayed + dead > 0) {
      this.violations.push(
        `${topic} is not empty: ${JSON.stringify({ ready, inFlight, delayed, dead })}`,
      );
    }
    const stored = count(({ fate }) => fate === "stored");
    const perhapsStored = count(({ fate }) => fate === "unknown" || fate === "asked");
    const done = count(({ doneAt }) => doneAt !== null);
    const perhapsDone = count(({ doneAt, isPerhapsDone }) => doneAt === null && isPerhapsDone);
    this.#within(`${topic}: published`, totals.published, stored, perhapsStored);
    this.#within(`${topic}: acknowledged`, totals.acknowledged, done, perhapsDone);
  }

  #within(what: string, counted: number, certain: number, possible: number): void {
    if (counted >= certain && counted <= certain + possible) return;
    this.violations.push(`${what} counts ${counted}; ${certain} certain, ${possible} possible`);
  }

  #find(topic: string, mark: number, id: string): Message | null {
    const message = this.#messages[mark];
    if (message === undefined) {
      this.violations.push(`${topic} delivered ${mark}, which nobody published`);
      return null;
    }
    if (message.topic !== topic) this.#violated(`${topic} delivered it`, message);
    if (message.id !== null && message.id !== id) {
      this.#violated(`it has a second id, ${id}`, message);
    }
    message.id = id;
    return message;
  }

  #violated(what: string, message: Message): void {
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(`${what}: ${message.story}`);
  }
}
