/**
 * The environment as it was before a launcher sealed it. The self-extracting executable takes out what would change
 * how its runtime starts (the variables of Deno and Node, the home directory with its settings of npm) and puts in its
 * own. A command that is started under a lock, or for a message, has a right to what its caller set.
 */
import { EXECUTABLE_ENVIRONMENT } from "./rights.ts";
import { RUNTIME_VARIABLES } from "./runtime_variables.ts";

/** Names, with blanks between them: each that was taken out or replaced, whether it was set or not. */
const NAMES = "SKEIN_OUTER_ENVIRONMENT";
/** Before the name of one that was set; there its value is. */
const VALUE_PREFIX = "SKEIN_OUTER_";

/** What has to be allowed so that it can be given back: patterns, as --allow-env takes them. */
export const OUTER_ENVIRONMENT: readonly string[] = [
  `${VALUE_PREFIX}*`,
  ...RUNTIME_VARIABLES,
  "HOME",
];

/** Gives back what a launcher took out of this process's environment; without such a launcher does nothing. */
export function restoreOuterEnvironment(): void {
  const names = Deno.env.get(NAMES);
  if (names === undefined) return;
  for (const name of new Set(names.split(" "))) {
    const value = Deno.env.get(VALUE_PREFIX + name);
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
    Deno.env.delete(VALUE_PREFIX + name);
  }
  Deno.env.delete(NAMES);
  // It is how this copy is started again; the command may be another one, which would start this in its place.
  Deno.env.delete(EXECUTABLE_ENVIRONMENT);
}
