/**
 * What to say where Deno refuses something for want of a right: what was tried, and how it is allowed. Deno's own
 * words tell people to start Deno with other flags, but who starts it is a launcher.
 */

/** As Deno words its refusals, wherever they come from: its own API, Node's, or the loading of a module. */
const REFUSAL = /^Requires (\w+) access(?: to (.+?))?, run again with the --allow-/;

const HOW_PATHS =
  "allowed: what a flag, the environment or the file of --config names, and defaults";
const HOW_OTHERS = "the command does not ask for it, or has given it up";

/** @returns one sentence; null where the error, and whatever caused it, is something else */
export function notAllowed(error: unknown): string | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    const [found, right = "", what = "anything"] = REFUSAL.exec(each.message) ?? [];
    if (found === undefined) continue;
    return right === "read" || right === "write"
      ? `not allowed to ${right} ${what}; ${HOW_PATHS}`
      : `not allowed (${right}): ${what}; ${HOW_OTHERS}`;
  }
  return null;
}
