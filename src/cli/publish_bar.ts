/**
 * How far publishing is, on a terminal: how many, rate, and where the length of the input is known how much of it is
 * done.
 */
import type { PublishProgress } from "./publish_lines.ts";
import { openTerminalBar } from "./terminal_bar.ts";

export interface PublishBar {
  show(progress: PublishProgress): void;
  /** Leaves the line as it is. */
  end(): void;
}

const NO_BAR: PublishBar = { show() {}, end() {} };
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
  const startedMs = performance.now();
  const shown = (published: number) => {
    const seconds = (performance.now() - startedMs) / 1000;
    return { what, count: published, rate: seconds > 0 ? Math.round(published / seconds) : 0 };
  };
  const format = lengthBytes === null ? WITHOUT_LENGTH : WITH_LENGTH;
  const bar = await openTerminalBar(format, lengthBytes ?? 1, shown(0));
  if (bar === null) return NO_BAR;
  return {
    show: ({ published, bytes }) => bar.show(lengthBytes === null ? 0 : bytes, shown(published)),
    end: () => bar.end(),
  };
}
