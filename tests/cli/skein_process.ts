/**
 * Runs the real command line as a process of its own, as scripts do. Nothing of the surroundings leaks in: neither
 * SKEIN_ variables nor the names that settings go by.
 */
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** No command that a test waits for may take longer; one that does has exit code 137. */
const DEADLINE_MS = 20_000;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param environment beside PATH, HOME and USER */
export async function skein(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = skeinCommand(args, environment).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The same, not started yet: for tests that send signals. */
export function skeinCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Deno.Command {
  const kept = ["PATH", "HOME", "DENO_DIR", "DENO_COVERAGE_DIR"]
    .flatMap((name) => Deno.env.has(name) ? [[name, Deno.env.get(name)!]] : []);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", "--quiet", MAIN, ...args],
    env: { ...Object.fromEntries(kept), USER: "ann", NO_COLOR: "1", ...environment },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
