/**
 * When to stop: SIGTERM and Ctrl-C ask for a clean stop, and asking again ends the process at once. Windows has no
 * SIGTERM; Ctrl-Break and the closing of the console ask there as well. Under a task runner one Ctrl-C arrives twice
 * within a millisecond, once from the terminal and once from the runner, so only what comes more than half a
 * second after the first counts as asking again.
 */

/** A signal within this time of the first one is the same Ctrl-C. */
const SAME_KEY_PRESS_MS = 500;

const STOP_SIGNALS = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK", "SIGHUP"] as const
  : ["SIGINT", "SIGTERM"] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number] | "SIGHUP";

export class StopRequests {
  #firstMs: number | null = null;

  /**
   * @param nowMs any clock that does not go back
   * @returns what this signal asks for
   */
  signalled(nowMs: number): "stop" | "again" | "nothing" {
    if (this.#firstMs === null) {
      this.#firstMs = nowMs;
      return "stop";
    }
    return nowMs - this.#firstMs > SAME_KEY_PRESS_MS ? "again" : "nothing";
  }
}

export interface StopHandlers {
  stop(signal: StopSignal): void;
  stopNow(signal: StopSignal): void;
}

/**
 * Listens for the signals until the function that it gives back is called.
 * @param also what means the same to this command
 */
export function onStopSignals(
  handlers: StopHandlers,
  also: readonly "SIGHUP"[] = [],
): () => void {
  const requests = new StopRequests();
  const signals = new Set<StopSignal>([...STOP_SIGNALS, ...also]);
  const listeners = [...signals].map((signal) => {
    const listener = () => {
      const asked = requests.signalled(performance.now());
      if (asked === "stop") handlers.stop(signal);
      if (asked === "again") handlers.stopNow(signal);
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
  };
}

/** The number of the signal, for an exit code of 128 + n. */
export const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGBREAK: 21,
};
