/**
 * How far a long command is, in a line that is drawn anew on a terminal's standard error. Elsewhere there is none.
 * Drawn by cli-progress.
 */
import process from "node:process";

/** What a line shows beside the bar, by the names in its format. */
export type BarValues = Readonly<Record<string, string | number>>;

export interface TerminalBar {
  show(value: number, values: BarValues): void;
  /** Leaves the line as it is. */
  end(): void;
}

const FRAMES_PER_SECOND = 10;

/**
 * @param format of cli-progress: `{bar} {percentage} % | {count}`
 * @param total what `value` is in the end
 * @param values for the first line
 * @returns the bar, drawn already; null where standard error is no terminal
 */
export async function openTerminalBar(
  format: string,
  total: number,
  values: BarValues,
): Promise<TerminalBar | null> {
  if (!Deno.stderr.isTerminal()) return null;
  const { Presets, SingleBar } = await import("cli-progress");
  const bar = new SingleBar({
    format,
    stream: process.stderr,
    barsize: 30,
    fps: FRAMES_PER_SECOND,
    // Signals are heard elsewhere.
    gracefulExit: false,
  }, Presets.shades_classic);
  bar.start(total, 0, values);
  return {
    show: (value, shown) => bar.update(value, shown),
    end: () => bar.stop(),
  };
}
