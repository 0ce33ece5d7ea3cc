/** Runs the real command line as a process of its own, as scripts do, to its end. */
import { skeinCommand } from "../skein_command.ts";

/** No command that a test waits for may take longer; one that does has exit code 137. */
const DEADLINE_MS = 20_000;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * @param environment beside what `skeinCommand` gives
 * @param input of its standard input; none where absent
 */
export async function skein(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input?: string | Uint8Array<ArrayBuffer>,
): Promise<Ended> {
  const stdin = input === undefined ? "null" : "piped";
  const child = skeinCommand(args, { environment, stdin }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const ended = child.output();
  if (input !== undefined) {
    // It may end without having read all of it.
    await new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  }
  const { code, stdout, stderr } = await ended;
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
