/**
 * `skein status --watch` and `skein cache watch`: the same again and again until somebody stops it. In place on a terminal
 * where that is wanted; else one after the other. A peer that does not answer is said so, and asked again.
 */
import { SkeinError } from "../errors.ts";
import { onStopSignals } from "./stop_signals.ts";

const INTERVAL_MS = 1_000;

const HOME = "\x1b[H";
const CLEAR = "\x1b[2J";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export interface Watched {
  /** @returns what there is to see, in the form that was asked for; null: nothing new */
  look(): Promise<string | null>;
  /** @returns what is shown where nobody answers; null: nothing new */
  failed(error: SkeinError): string | null;
}

/**
 * @param inPlace for a terminal: each look takes the place of the one before
 * @param intervalMs from the end of a look to the next one
 */
export async function watch(
  watched: Watched,
  inPlace: boolean,
  intervalMs = INTERVAL_MS,
): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    stopped.resolve();
  };
  const unlisten = onStopSignals({ stop, stopNow: stop });
  if (inPlace) write(CLEAR);
  try {
    while (!isStopped) {
      const text = await Promise.race([looked(watched), stopped.promise]);
      if (text === undefined) return;
      if (text !== null && inPlace) repaint(text);
      if (text !== null && !inPlace) console.log(text);
      await pause(intervalMs, stopped.promise);
    }
  } finally {
    unlisten();
  }
}

async function looked({ look, failed }: Watched): Promise<string | null> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    return failed(error);
  }
}

async function pause(intervalMs: number, stopped: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => timer = setTimeout(resolve, intervalMs));
  await Promise.race([over, stopped]);
  clearTimeout(timer);
}

/** What does not fit the terminal is left out, so that the top stays where it is. */
function repaint(text: string): void {
  const size = Deno.consoleSize();
  // A terminal that does not tell its size says that it has none.
  const [rows, columns] = [size.rows || Infinity, size.columns || Infinity];
  const lines = text.split("\n").slice(0, Math.max(1, rows - 1));
  const cut = lines.map((line) => line.slice(0, columns) + CLEAR_LINE);
  write(`${HOME}${cut.join("\n")}\n${CLEAR_BELOW}`);
}

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
