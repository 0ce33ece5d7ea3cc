/**
 * Walks over the text of a JSON value and tells where its parts lie, so that a message's data can be stored and
 * delivered as the very bytes that were sent. Only for text that `JSON.parse` has taken: it checks nothing.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const SPACE = 0x20;

const decoder = new TextDecoder();

/** From the first byte to the one behind the last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export class JsonCursor {
  readonly #bytes: Uint8Array;
  #at: number;

  /** @param bytes JSON in UTF-8; the cursor stands before its value */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    // A byte order mark is no white space, but JSON.parse never saw it.
    this.#at = bytes[0] === 0xef ? 3 : 0;
    this.#skipSpace();
  }

  get isAtArray(): boolean {
    return this.#bytes[this.#at] === OPENING_BRACKET;
  }

  get isAtObject(): boolean {
    return this.#bytes[this.#at] === OPENING_BRACE;
  }

  /** Steps into the object or array that the cursor stands before. */
  enter(): void {
    this.#at++;
  }

  /**
   * Steps before the value of the next field of the object that was entered.
   * @returns its key; null behind the last one, and then the cursor has left the object
   */
  nextKey(): string | null {
    if (!this.#nextPart(CLOSING_BRACE)) return null;
    const start = this.#at;
    this.#skipString();
    const end = this.#at;
    this.#skipSpace();
    this.#at++; // the colon
    this.#skipSpace();
    return keyOf(this.#bytes, start, end);
  }

  /** Steps before the next element of the array that was entered; false behind the last one. */
  nextElement(): boolean {
    return this.#nextPart(CLOSING_BRACKET);
  }

  /** Steps behind the value that the cursor stands before. */
  skipValue(): Span {
    const start = this.#at;
    switch (this.#bytes[start]) {
      case QUOTE:
        this.#skipString();
        break;
      case OPENING_BRACE:
      case OPENING_BRACKET:
        this.#skipContainer();
        break;
      default:
        this.#skipWord();
    }
    return { start, end: this.#at };
  }

  #nextPart(closing: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] === COMMA) {
      this.#at++;
      this.#skipSpace();
    }
    if (this.#bytes[this.#at] !== closing) return true;
    this.#at++;
    return false;
  }

  /** Brackets and braces match, so that it is enough to count them all alike. */
  #skipContainer(): void {
    let depth = 0;
    do {
      switch (this.#bytes[this.#at]) {
        case QUOTE:
          this.#skipString();
          continue;
        case OPENING_BRACE:
        case OPENING_BRACKET:
          depth++;
          break;
        case CLOSING_BRACE:
        case CLOSING_BRACKET:
          depth--;
      }
      this.#at++;
    } while (depth > 0);
  }

  #skipString(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    this.#at = at + 1;
  }

  /** A number, true, false or null. */
  #skipWord(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (at < bytes.length && !isEndOfWord(bytes[at]!)) at++;
    this.#at = at;
  }

  #skipSpace(): void {
    while (this.#bytes[this.#at]! <= SPACE) this.#at++;
  }
}

function isEndOfWord(byte: number): boolean {
  return byte <= SPACE || byte === COMMA || byte === CLOSING_BRACE || byte === CLOSING_BRACKET;
}

/** @param start that of the opening quote; `end` is behind the closing one */
function keyOf(bytes: Uint8Array, start: number, end: number): string {
  let key = "";
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at]!;
    if (byte === BACKSLASH || byte > 0x7f) {
      return JSON.parse(decoder.decode(bytes.subarray(start, end)));
    }
    key += String.fromCharCode(byte);
  }
  return key;
}
