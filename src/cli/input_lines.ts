/**
 * Lines of standard input, however long the input is: they come as fast as they are taken, and a line is held in memory
 * only up to its bound. Each has its number and where it ends, so that people can be told of one, or go on behind it.
 */
export interface InputLine {
  /** From 1. */
  readonly number: number;
  /** Null: longer than the bound, or no UTF-8. */
  readonly text: string | null;
  /** Bytes of the input up to its end, line feed included. */
  readonly endBytes: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * @param input in pieces of any size
 * @param lineBytesMax a longer line is told of and not kept
 * @returns the lines, as many together as came together; the last one too where it does not end
 */
export async function* readLines(
  input: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<readonly InputLine[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  /** The beginning of a line whose end has not come yet. */
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let number = 0;
  let endBytes = 0;

  const endLine = (tail: Uint8Array): InputLine => {
    const isLong = restBytes + tail.length > lineBytesMax;
    const text = isLong ? null : decode(decoder, [...rest, tail]);
    rest = [];
    restBytes = 0;
    number++;
    return { number, text, endBytes };
  };

  for await (const piece of input) {
    const lines: InputLine[] = [];
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      endBytes += end + 1 - start;
      lines.push(endLine(piece.subarray(start, end)));
      start = end + 1;
    }
    const tail = piece.subarray(start);
    endBytes += tail.length;
    // Of a line that is too long already nothing further is kept.
    if (restBytes <= lineBytesMax && tail.length > 0) rest.push(tail.slice());
    restBytes += tail.length;
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) yield [endLine(new Uint8Array())];
}

/** @returns null for what is no UTF-8 */
function decode(decoder: TextDecoder, parts: readonly Uint8Array[]): string | null {
  const bytes = parts.length === 1 ? parts[0]! : joined(parts);
  const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
  try {
    return decoder.decode(bytes.subarray(0, end));
  } catch {
    return null;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
