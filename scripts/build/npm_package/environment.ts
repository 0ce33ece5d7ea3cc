/** The environment that Deno is started with: the user's, less what would change how Deno itself behaves. */
import { COMMANDS_THAT_START_OTHERS, EXECUTABLE_ENVIRONMENT } from "../../../src/cli/rights.ts";
import { KEPT_RUNTIME_VARIABLES, RUNTIME_VARIABLES } from "../../../src/cli/runtime_variables.ts";
import type { Environment } from "./become.ts";

/** Deno's cache is the user's: this package has none of its own. */
const KEPT: ReadonlySet<string> = new Set(["DENO_DIR", ...KEPT_RUNTIME_VARIABLES]);

/** The last is of another copy of this program, which may have started us. */
const REMOVED: readonly string[] = [...RUNTIME_VARIABLES, EXECUTABLE_ENVIRONMENT];

/** What is fixed: a program of a package does not look for a newer Deno over the network. */
const ADDED: Environment = { DENO_NO_UPDATE_CHECK: "1" };

/**
 * @param own the launcher's environment
 * @param args of skein. What starts a command that is not ours hands its environment on: there it stays whole.
 */
export function runtimeEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Environment {
  const whole = COMMANDS_THAT_START_OTHERS.includes(args.slice(0, 2).join(" "));
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (whole || isHarmless(name))) environment[name] = value;
  }
  return { ...environment, ...ADDED };
}

/** Windows tells no case in the names of variables. */
function isHarmless(name: string): boolean {
  const upper = name.toUpperCase();
  const matches = (pattern: string) =>
    pattern.endsWith("*") ? upper.startsWith(pattern.slice(0, -1)) : upper === pattern;
  return KEPT.has(upper) || !REMOVED.some(matches);
}
