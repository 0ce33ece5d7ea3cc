/**
 * Publishes events of which a share comes again, in any order, through all peers at once, and then looks whether the
 * cluster kept its word: every id stored once, at the offset that each of its publishers was told, offsets without
 * gaps, and sums that add up.
 */
import { type EventToPublish, SkeinClient, SkeinError } from "../client/mod.ts";
import type { Random } from "../random.ts";

export interface EventBenchOptions {
  readonly urls: readonly string[];
  readonly token: string | null;
  readonly random: Random;
  /** Names of topics that nobody else publishes to. */
  readonly topics: readonly string[];
  /** How many are sent, duplicates included. */
  readonly events: number;
  /** What share of them is sent again, 0 .. 1. */
  readonly duplicates: number;
  readonly batch: number;
  /** Requests at once at each peer. */
  readonly inFlight: number;
  /** What is not answered is sent again for so long. */
  readonly patienceMs: number;
  readonly onProgress: (sent: number) => void;
}

export interface EventBenchResult {
  readonly sent: number;
  readonly distinct: number;
  readonly received: number;
  readonly unique: number;
  readonly duplicates: number;
  /** Batches whose outcome was not known, and which were sent anew. */
  readonly resent: number;
  readonly publishMs: number;
  /** What is not as it should be, in words; none: all is. */
  readonly problems: readonly string[];
}

const RETRY_MS = 10_000;
const PROBLEMS_MAX = 10;
const UNTOLD = -1;
const PAYLOAD = "x".repeat(64);

export class EventBench {
  readonly #options: EventBenchOptions;
  readonly #clients: readonly SkeinClient[];
  /** Which event is sent when; a number that comes twice is sent twice. */
  readonly #order: Uint32Array;
  readonly #distinct: number;
  /** By number: the offset that its publishers were told. */
  readonly #offsets: Int32Array;
  readonly #problems: string[] = [];
  #next = 0;
  #sent = 0;
  #resent = 0;

  constructor(options: EventBenchOptions) {
    this.#options = options;
    const { urls, token, events, duplicates, random } = options;
    this.#clients = urls.map((_, place) => {
      const rotated = [...urls.slice(place), ...urls.slice(0, place)];
      return new SkeinClient({
        urls: rotated,
        retryMs: RETRY_MS,
        ...(token === null ? {} : { token }),
      });
    });
    this.#distinct = Math.max(1, Math.round(events * (1 - duplicates)));
    this.#offsets = new Int32Array(this.#distinct).fill(UNTOLD);
    this.#order = new Uint32Array(events);
    for (let at = 0; at < events; at++) {
      this.#order[at] = at < this.#distinct ? at : random.integer(0, this.#distinct - 1);
    }
    for (let at = events - 1; at > 0; at--) {
      const other = random.integer(0, at);
      const number = this.#order[at]!;
      this.#order[at] = this.#order[other]!;
      this.#order[other] = number;
    }
  }

  /** @throws {SkeinError} by rejection, where the cluster did not answer for as long as it was waited for */
  async run(): Promise<EventBenchResult> {
    const from = performance.now();
    await Promise.all(this.#clients.flatMap((client) => {
      return Array.from({ length: this.#options.inFlight }, () => this.#publish(client));
    }));
    const publishMs = performance.now() - from;
    const sums = await this.#checkSums();
    for (const topic of this.#options.topics) await this.#checkTopic(topic);
    return {
      sent: this.#order.length,
      distinct: this.#distinct,
      ...sums,
      resent: this.#resent,
      publishMs,
      problems: this.#problems,
    };
  }

  async #publish(client: SkeinClient): Promise<void> {
    const { batch, onProgress } = this.#options;
    while (this.#next < this.#order.length) {
      const numbers = this.#order.subarray(this.#next, this.#next + batch);
      this.#next += numbers.length;
      const results = await this.#send(client, Array.from(numbers, (n) => this.#eventOf(n)));
      for (const [place, { offset }] of results.entries()) this.#told(numbers[place]!, offset);
      this.#sent += numbers.length;
      onProgress(this.#sent);
    }
  }

  #topicOf(number: number): string {
    const { topics } = this.#options;
    return topics[number % topics.length]!;
  }

  #eventOf(number: number): EventToPublish {
    const payload = { number, text: PAYLOAD };
    return { topic: this.#topicOf(number), eventId: `event-${number}`, source: "bench", payload };
  }

  /** What is published again is stored once: so whatever came of an attempt, another one is right. */
  async #send(client: SkeinClient, events: readonly EventToPublish[]) {
    const until = performance.now() + this.#options.patienceMs;
    for (;;) {
      try {
        return await client.events.publishBatch(events);
      } catch (error) {
        const isLasting = !(error instanceof SkeinError) || error.code === "INVALID" ||
          error.code === "UNAUTHORIZED";
        if (isLasting || performance.now() > until) throw error;
        this.#resent++;
      }
    }
  }

  #told(number: number, offset: number): void {
    const before = this.#offsets[number]!;
    if (before !== UNTOLD && before !== offset) {
      this.#problem(`event-${number} was told to have offset ${before}, and ${offset}`);
    }
    this.#offsets[number] = offset;
  }

  async #checkSums(): Promise<Pick<EventBenchResult, "received" | "unique" | "duplicates">> {
    const [client] = this.#clients as [SkeinClient];
    const sums = { received: 0, unique: 0, duplicates: 0 };
    for (const name of this.#options.topics) {
      if (!this.#isUsed(name)) continue;
      const topic = await client.events.topic(name);
      sums.received += topic.received;
      sums.unique += topic.unique;
      sums.duplicates += topic.duplicates;
      if (topic.nextOffset !== topic.unique) {
        this.#problem(`${name}: next offset ${topic.nextOffset}, but ${topic.unique} are stored`);
      }
    }
    const sent = this.#order.length;
    const receivedMax = sent + this.#resent * this.#options.batch;
    if (sums.unique !== this.#distinct) {
      this.#problem(`${sums.unique} are stored of ${this.#distinct} distinct ids`);
    }
    if (sums.received !== sums.unique + sums.duplicates) {
      this.#problem(`received ${sums.received} is not ${sums.unique} + ${sums.duplicates}`);
    }
    if (sums.received < sent || sums.received > receivedMax) {
      const most = receivedMax === sent ? "" : ` (at most ${receivedMax}, ${this.#resent} resent)`;
      this.#problem(`${sums.received} counted as received, but ${sent} were sent${most}`);
    }
    return sums;
  }

  #isUsed(topic: string): boolean {
    return this.#options.topics.indexOf(topic) < this.#distinct;
  }

  /** Reads all of a topic. */
  async #checkTopic(topic: string): Promise<void> {
    let expected = 0;
    for await (const { offset, eventId } of this.#clients.at(-1)!.events.read(topic)) {
      if (offset !== expected) {
        this.#problem(`${topic}: offset ${offset} where ${expected} should be`);
      }
      const number = Number(eventId.slice("event-".length));
      if (this.#offsets[number] !== offset || this.#topicOf(number) !== topic) {
        this.#problem(`${topic}: ${eventId} lies at ${offset}, not where its publisher was told`);
      }
      expected = offset + 1;
    }
  }

  #problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }
}
