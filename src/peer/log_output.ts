/**
 * Where the log's lines go: standard error, or a file that can be opened anew. Nothing that goes wrong there harms
 * the peer: a line that cannot be written is counted, an outage is told once on standard error, and its end in
 * the log. A line stands there whole, or its beginning on a line of its own.
 */
const LINE_FEED = 10;
/** The owner writes it, their group may read it: a log names resources, owners and addresses. */
const FILE_MODE = 0o640;

/** What can take bytes at once; `writeSync` may take less than all. */
export interface Writer {
  writeSync(bytes: Uint8Array): number;
}

export interface OutputOptions {
  /** In the words of a person, for what is told of it. */
  readonly name: string;
  /** Where an outage is told; null: nowhere, for it is this that failed. */
  readonly tell: ((message: string) => void) | null;
}

export class LogOutput {
  #writer: Writer;
  readonly #options: OutputOptions;
  readonly #encoder = new TextEncoder();
  #linesLost = 0;
  /** What was lost since the last line that was written; null where nothing was. */
  #outage: { lines: number; readonly reason: string } | null = null;
  /** The last line was not written to its end. */
  #torn = false;

  constructor(writer: Writer, options: OutputOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Lines that could not be written since the start. */
  get linesLost(): number {
    return this.#linesLost;
  }

  /**
   * Writes a line, or counts it as lost. Never throws.
   * @param line with its line feed
   * @returns what was lost before this one, where it is the first that could be written again
   */
  write(line: string): { readonly lines: number; readonly reason: string } | null {
    const bytes = this.#encoder.encode(line);
    try {
      if (this.#torn) this.#writeAll(Uint8Array.of(LINE_FEED));
      this.#writeAll(bytes);
    } catch (error) {
      this.#lose((error as Error).message);
      return null;
    }
    const outage = this.#outage;
    this.#outage = null;
    return outage;
  }

  /** What is written from now on goes there. The one before is the caller's to close. */
  replace(writer: Writer): void {
    this.#writer = writer;
    this.#torn = false;
  }

  #writeAll(bytes: Uint8Array): void {
    // A pipe may take less than the whole line at once, and a disk that gets full.
    for (let written = 0; written < bytes.length;) {
      const taken = this.#writer.writeSync(bytes.subarray(written));
      if (taken === 0) throw new Error("it takes no more");
      written += taken;
      this.#torn = written < bytes.length;
    }
  }

  #lose(reason: string): void {
    this.#linesLost++;
    if (this.#outage !== null) {
      this.#outage.lines++;
      return;
    }
    this.#outage = { lines: 1, reason };
    const { name, tell } = this.#options;
    tell?.(`cannot write the log to ${name}: ${reason}; until it can, lines are lost, and counted`);
  }
}

/**
 * Opens a log's file to be appended to; makes it where there is none.
 * @throws {Error} where it can be neither
 */
export function openLogFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, create: true, mode: FILE_MODE });
  } catch (error) {
    const { message } = error as Error;
    const text = `cannot open the log file ${JSON.stringify(path)}: ${message}`;
    throw new Error(text, { cause: error });
  }
}
