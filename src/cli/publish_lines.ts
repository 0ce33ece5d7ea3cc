/**
 * Publishes lines in batches: while some are on their way the next gather, so that a slow input is sent line by line and
 * a fast one in full batches. What waits is bounded, the input is read no faster than it is published. The first line
 * that is bad, and the first batch that fails, end it: nothing behind them is sent.
 */
import { SkeinError } from "../client/mod.ts";
import type { InputLine } from "./input_lines.ts";
import type { ReadItem } from "./publish_items.ts";

export interface PublishLinesOptions<Item> {
  readonly read: (text: string) => ReadItem<Item>;
  readonly send: (items: readonly Item[]) => Promise<readonly { readonly duplicate: boolean }[]>;
  /** Items of one batch. */
  readonly batchMax: number;
  /** Batches on their way at once; more than one, and their order is anybody's. */
  readonly inFlightMax: number;
  /** So many lines at the beginning are left out. */
  readonly skipLines: number;
  /** Told after each batch. */
  readonly onProgress: (progress: PublishProgress) => void;
}

export interface PublishProgress {
  readonly published: number;
  /** Part of `published`: the cluster knew their ids. */
  readonly duplicates: number;
  /** Up to this one all lines are published, or left out. */
  readonly line: number;
  /** How far that is into the input. */
  readonly bytes: number;
}

/** Bytes of lines in one batch; written as JSON they may be a few more. */
const BATCH_BYTES_MAX = 512 * 1024;

interface GatheredLine<Item> {
  readonly number: number;
  readonly endBytes: number;
  readonly lengthBytes: number;
  readonly item: Item;
}

interface Batch<Item> {
  readonly lines: readonly GatheredLine<Item>[];
  done: boolean;
}

export class LinePublisher<Item> {
  readonly #options: PublishLinesOptions<Item>;
  #gathered: GatheredLine<Item>[] = [];
  /** In the order of their lines. */
  readonly #onTheirWay: Batch<Item>[] = [];
  #published = 0;
  #duplicates = 0;
  #line: number;
  #bytes = 0;
  #inputEnded = false;
  #stopped = false;
  /** A bad line, or what reading threw: the end of what is sent. */
  #inputFault: unknown = null;
  /** Of the first batch that failed. */
  #failure: unknown = null;
  #changed = Promise.withResolvers<void>();

  constructor(options: PublishLinesOptions<Item>) {
    this.#options = options;
    this.#line = options.skipLines;
  }

  get progress(): PublishProgress {
    return {
      published: this.#published,
      duplicates: this.#duplicates,
      line: this.#line,
      bytes: this.#bytes,
    };
  }

  /**
   * Publishes to the end of the input, or until it is stopped.
   * @throws {SkeinError} by rejection, with its line where one is known; or what reading the input threw
   */
  async run(input: AsyncIterable<readonly InputLine[]>): Promise<void> {
    void this.#gather(input);
    const senders = Array.from({ length: this.#options.inFlightMax }, () => this.#sendAll());
    await Promise.all(senders);
    const error = this.#failure ?? this.#inputFault;
    if (error !== null) throw error;
  }

  /** Sends nothing further. What is on its way is waited for. */
  stop(): void {
    this.#stopped = true;
    this.#tell();
  }

  async #gather(input: AsyncIterable<readonly InputLine[]>): Promise<void> {
    try {
      for await (const lines of input) {
        for (const line of lines) this.#take(line);
        this.#tell();
        while (!this.#isOver() && this.#gathered.length >= this.#options.batchMax) {
          await this.#changed.promise;
        }
        if (this.#isOver()) return;
      }
    } catch (error) {
      this.#inputFault = error;
    } finally {
      this.#inputEnded = true;
      this.#tell();
    }
  }

  /** @throws {SkeinError} where the line is bad */
  #take({ number, text, endBytes }: InputLine): void {
    if (number <= this.#options.skipLines) {
      this.#bytes = endBytes;
      return;
    }
    const read: ReadItem<Item> = text === null
      ? { kind: "fault", fault: "too long, or no UTF-8" }
      : this.#options.read(text);
    if (read.kind === "fault") throw atLine("INVALID", number, read.fault);
    if (read.kind === "blank") return;
    this.#gathered.push({ number, endBytes, lengthBytes: text?.length ?? 0, item: read.item });
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      while (!this.#isOver() && this.#gathered.length === 0) await this.#changed.promise;
      const lines = this.#stopped ? [] : this.#nextLines();
      if (lines.length === 0) return;
      const batch = { lines, done: false };
      this.#onTheirWay.push(batch);
      this.#tell();
      try {
        await this.#send(lines);
        this.#finish(batch);
      } catch (error) {
        this.#failure ??= error;
        this.#stopped = true;
        this.#tell();
      }
    }
  }

  #isOver(): boolean {
    return this.#stopped || this.#inputEnded;
  }

  #nextLines(): readonly GatheredLine<Item>[] {
    let count = 0;
    let lengthBytes = 0;
    for (const line of this.#gathered) {
      lengthBytes += line.lengthBytes;
      if (count > 0 && lengthBytes > BATCH_BYTES_MAX) break;
      if (++count === this.#options.batchMax) break;
    }
    const lines = this.#gathered.slice(0, count);
    this.#gathered = this.#gathered.slice(count);
    return lines;
  }

  /** A batch that is too large for the peers is sent in halves. */
  async #send(lines: readonly GatheredLine<Item>[]): Promise<void> {
    try {
      const results = await this.#options.send(lines.map(({ item }) => item));
      this.#published += results.length;
      this.#duplicates += results.filter(({ duplicate }) => duplicate).length;
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      if (error.code === "PAYLOAD_TOO_LARGE" && lines.length > 1) {
        const half = Math.ceil(lines.length / 2);
        await this.#send(lines.slice(0, half));
        await this.#send(lines.slice(half));
        return;
      }
      this.#countPart(error);
      throw atItem(error, lines);
    }
  }

  /** Of a batch over several lanes or topics some may be published though others were not. */
  #countPart({ details: { results } }: SkeinError): void {
    if (!Array.isArray(results)) return;
    for (const result of results) {
      if (result?.success !== true) continue;
      this.#published++;
      if (result.duplicate === true) this.#duplicates++;
    }
  }

  #finish(batch: Batch<Item>): void {
    batch.done = true;
    while (this.#onTheirWay[0]?.done === true) {
      const last = this.#onTheirWay.shift()!.lines.at(-1)!;
      this.#line = last.number;
      this.#bytes = last.endBytes;
    }
    this.#options.onProgress(this.progress);
  }

  /** Wakes all that wait for something to change. */
  #tell(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }
}

/** The same error with the line of the item that it is about, where it is about one. */
function atItem<Item>(error: SkeinError, lines: readonly GatheredLine<Item>[]): SkeinError {
  if (error.code !== "INVALID" && error.code !== "PAYLOAD_TOO_LARGE") return error;
  const line = lines.length === 1 ? lines[0] : lines[placeIn(error.details)];
  return line === undefined ? error : atLine(error.code, line.number, error.message, error.details);
}

/** @returns which item of its batch the error is about; NaN where it says none */
function placeIn({ index, field }: SkeinError["details"]): number {
  if (typeof index === "number") return index;
  return Number((typeof field === "string" && /^messages\.(\d+)\b/.exec(field)?.[1]) || NaN);
}

function atLine(
  code: SkeinError["code"],
  line: number,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): SkeinError {
  return new SkeinError(code, `line ${line}: ${message}`, { ...details, line });
}
