/**
 * Reads a body of server-sent events. However it ends, cut off in the middle of an event too, what came whole was given
 * and nothing else: a reader goes on behind that.
 */

/** Of an event that came whole its data, lines joined. Comments and other fields are left out. */
type Data = string;

/**
 * @param body is cancelled when the reader goes away
 * @param silenceMsMax a body in which nothing comes for so long, not even a comment, is taken for dead
 * @param signal ends it. Given here as well as to `fetch`: that of the answer to a request, which is made of several, may
 * be forgotten by the runtime while the body is still read
 * @returns as many together as came together; ends where the body does
 */
export async function* serverSentData(
  body: ReadableStream<Uint8Array>,
  silenceMsMax: number,
  signal?: AbortSignal,
): AsyncGenerator<readonly Data[], void, undefined> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", cancel);
  const decoder = new TextDecoder();
  /** The beginning of a line whose end has not come yet. */
  let rest = "";
  let lines: string[] = [];
  try {
    while (signal?.aborted !== true) {
      const bytes = await nextPiece(reader, silenceMsMax);
      if (bytes === null) return;
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop()!;
      const whole: Data[] = [];
      for (const part of parts) {
        const line = part.endsWith("\r") ? part.slice(0, -1) : part;
        if (line.startsWith("data:")) lines.push(line.slice(line[5] === " " ? 6 : 5));
        else if (line === "" && lines.length > 0) {
          whole.push(lines.join("\n"));
          lines = [];
        }
      }
      if (whole.length > 0) yield whole;
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
}

/** @returns null where there is no further one, for whatever reason */
async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  silenceMsMax: number,
): Promise<Uint8Array | null> {
  const silence = Promise.withResolvers<null>();
  const timer = setTimeout(() => silence.resolve(null), silenceMsMax);
  const reading = reader.read().then(({ value }) => value ?? null, () => null);
  const piece = await Promise.race([reading, silence.promise]);
  clearTimeout(timer);
  return piece;
}
