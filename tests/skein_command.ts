/**
 * The one way in which tests start Skein as a process. By default that is the source under the Deno that runs the
 * test, with the rights of that command line and no others; SKEIN_TEST_EXECUTABLE names a built file to start in
 * its place, SKEIN_TEST_DENO another Deno for the source. Nothing of the surroundings leaks in: neither SKEIN_
 * variables nor the names that settings go by. A peer keeps its state where `tested_state.ts` says.
 */
import { fileURLToPath } from "node:url";
import { launchFlags } from "../src/cli/launch_flags.ts";
import { stateEnvironment } from "./tested_state.ts";

const PROGRAM = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");
const MAIN = `${PROGRAM}/src/main.ts`;

/** What a process needs of the surroundings: HOME and XDG_CACHE_HOME for files that unpack themselves. */
const KEPT_ENVIRONMENT = ["PATH", "HOME", "XDG_CACHE_HOME"];

/** And Deno, where it runs the source. */
const KEPT_FOR_SOURCE = ["DENO_DIR", "DENO_COVERAGE_DIR"];

export interface CommandOptions {
  /** Beside what is kept of the surroundings, and the user after whom owners are named. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdout?: "null" | "piped";
  /** Nothing where absent. */
  readonly stdin?: "null" | "piped";
  /** Its output and its errors go to a terminal, all of which is then standard output: by `script` of util-linux. */
  readonly onTerminal?: boolean;
  /** What it is started by, such as what enters another machine's network; its last word begins a program. */
  readonly startedBy?: readonly string[];
}

/** The built file that is tested, null where it is the source. @throws where both variables are set */
export function testedExecutable(): string | null {
  const executable = Deno.env.get("SKEIN_TEST_EXECUTABLE") ?? null;
  if (executable !== null && Deno.env.has("SKEIN_TEST_DENO")) {
    throw new Error("an executable brings its own Deno: SKEIN_TEST_EXECUTABLE or SKEIN_TEST_DENO");
  }
  return executable;
}

/** The command line, not started yet: standard error piped, standard input and output as asked. */
export function skeinCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Deno.Command {
  const { environment = {}, stdout = "piped", stdin = "null", onTerminal = false } = options;
  const executable = testedExecutable();
  const kept = executable === null ? [...KEPT_ENVIRONMENT, ...KEPT_FOR_SOURCE] : KEPT_ENVIRONMENT;
  const surroundings = kept.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const env = {
    ...Object.fromEntries(surroundings),
    USER: "ann",
    NO_COLOR: "1",
    ...stateEnvironment(args, environment),
    ...environment,
  };
  const rights = launchFlags({
    args,
    environment: env,
    readFile: (path) => Deno.readTextFileSync(path),
    programFolder: PROGRAM,
  });
  const source = ["run", "--no-check", "--quiet", ...rights, MAIN];
  const program = executable ?? Deno.env.get("SKEIN_TEST_DENO") ?? Deno.execPath();
  const words = [
    ...options.startedBy ?? [],
    program,
    ...(executable === null ? source : []),
    ...args,
  ];
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const [called, ...given] = onTerminal ? ["script", "-qec", quoted, "/dev/null"] : words;
  return new Deno.Command(called!, {
    args: given,
    env,
    clearEnv: true,
    stdin,
    stdout,
    stderr: "piped",
  });
}
