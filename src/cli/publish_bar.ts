/**
 * How far publishing is, in a line that is drawn anew on a terminal's standard error: how many, rate, and where the
 * length of the input is known how much of it is done. Elsewhere there is none. Drawn by cli-progress.
 */
import process from "node:process";
import type { PublishProgress } from "./publish_lines.ts";

export interface PublishBar {
  show(progress: PublishProgress): void;
  /** Leaves the line as it is. */
  end(): void;
}

const NO_BAR: PublishBar = { show() {}, end() {} };
const FRAMES_PER_SECOND = 10;
const WITH_LENGTH = "{bar} {percentage} % | {count} {what} | {rate}/s | {eta_formatted} left";
const WITHOUT_LENGTH = "{count} {what} | {rate}/s";

/**
 * @param what is published: `messages`
 * @param lengthBytes of the input; null: nobody knows
 * @returns the bar, drawn already; one that shows nothing where standard error is no terminal
 */
export async function openPublishBar(
  what: string,
  lengthBytes: number | null,
): Promise<PublishBar> {
  if (!Deno.stderr.isTerminal()) return NO_BAR;
  const { Presets, SingleBar } = await import("cli-progress");
  const startedMs = performance.now();
  const bar = new SingleBar({
    format: lengthBytes === null ? WITHOUT_LENGTH : WITH_LENGTH,
    stream: process.stderr,
    barsize: 30,
    fps: FRAMES_PER_SECOND,
    // Signals are heard elsewhere.
    gracefulExit: false,
  }, Presets.shades_classic);
  const shown = ({ published }: Pick<PublishProgress, "published">) => {
    const seconds = (performance.now() - startedMs) / 1000;
    return { what, count: published, rate: seconds > 0 ? Math.round(published / seconds) : 0 };
  };
  bar.start(lengthBytes ?? 1, 0, shown({ published: 0 }));
  return {
    show: (progress) => bar.update(lengthBytes === null ? 0 : progress.bytes, shown(progress)),
    end: () => bar.stop(),
  };
}
