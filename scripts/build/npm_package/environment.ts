/**
 * The environment that Deno is started with: the user's, less what would change how Deno itself behaves. One such
 * variable moves every listener to another address, another refuses to start over an unknown flag.
 */
import { EXECUTABLE_ENVIRONMENT } from "../../../src/cli/rights.ts";
import type { Environment } from "./become.ts";

/** Deno's variables that say what holds for the machine: where its cache is, whose certificates are trusted. */
const KEPT: ReadonlySet<string> = new Set(["DENO_DIR", "DENO_CERT", "DENO_TLS_CA_STORE"]);

/** Variables without Deno's prefix that it, or this program, heeds. */
const REMOVED: ReadonlySet<string> = new Set([
  "NODE_OPTIONS",
  "NODE_V8_COVERAGE",
  "NODE_CHANNEL_FD",
  "OTEL_DENO",
  // Of another copy of this program, which may have started us.
  EXECUTABLE_ENVIRONMENT,
]);

/** What is fixed: a program of a package does not look for a newer Deno over the network. */
const ADDED: Environment = { DENO_NO_UPDATE_CHECK: "1" };

/**
 * @param own the launcher's environment
 * @param args of skein. `lock run` hands its environment on to a command that is not ours: there it stays whole.
 */
export function runtimeEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Environment {
  const whole = args[0] === "lock" && args[1] === "run";
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (whole || isHarmless(name))) environment[name] = value;
  }
  return { ...environment, ...ADDED };
}

/** Windows tells no case in the names of variables. */
function isHarmless(name: string): boolean {
  const upper = name.toUpperCase();
  return KEPT.has(upper) || !(upper.startsWith("DENO_") || REMOVED.has(upper));
}
