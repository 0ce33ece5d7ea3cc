/**
 * How far a move of a peer's state is: a bar on a terminal, and a line a second of a log elsewhere.
 */
import type { MoveProgress } from "../storage/log/move.ts";
import { openTerminalBar } from "./terminal_bar.ts";

export interface MoveBar {
  show(progress: MoveProgress): void;
  /** Leaves what is shown as it is. Resolves when nothing more is drawn. */
  end(): Promise<void>;
}

const FORMAT = "{bar} {percentage} % | {megabytes} of {megabytesTotal} MB | {files} of " +
  "{filesTotal} files | {eta_formatted} left";
const SHOWN_EVERY_MS = 1_000;
const NOTHING: MoveBar = { show() {}, end: () => Promise.resolve() };

/** @param json whether only documents are wanted where there is no terminal */
export function moveBar(json: boolean): MoveBar {
  if (Deno.stderr.isTerminal()) return terminalBar();
  return json ? NOTHING : logLines();
}

/** Drawn once it is known how much there is. */
function terminalBar(): MoveBar {
  let drawn: ReturnType<typeof openTerminalBar> | null = null;
  return {
    show(progress) {
      const { bytes, bytesTotal, files, filesTotal } = progress;
      const [megabytes, megabytesTotal] = [bytes, bytesTotal].map((size) =>
        (size / 1e6).toFixed(1)
      );
      const values = { megabytes: megabytes!, megabytesTotal: megabytesTotal!, files, filesTotal };
      drawn ??= openTerminalBar(FORMAT, bytesTotal, values);
      void drawn.then((bar) => bar?.show(bytes, values));
    },
    async end() {
      (await drawn)?.end();
    },
  };
}

function logLines(): MoveBar {
  let shownMs = performance.now();
  return {
    show({ file, files, filesTotal, bytes, bytesTotal }) {
      if (performance.now() - shownMs < SHOWN_EVERY_MS) return;
      shownMs = performance.now();
      console.error(
        `skein: ${files} of ${filesTotal} files, ${bytes} of ${bytesTotal} bytes, now ${file}`,
      );
    },
    end: NOTHING.end,
  };
}
