/**
 * Gives up the rights of this process that its command needs no more, for good: Deno hands none back without asking,
 * and with --no-prompt it does not ask. What a bug, or a library that turned against us, could do is then as
 * little as what the command does itself.
 */
import { assert } from "../assert.ts";
import { ENVIRONMENT_NAMES, type Moment, RIGHTS, rightsOf, SYSTEM_CALLS } from "./rights.ts";
import type { RightName } from "./rights.ts";

const MOMENTS: readonly Moment[] = ["started", "called", "begun", "ended"];

/**
 * @param words the command's, as the table has them
 * @param moment what has come: a right that is needed until then, or until an earlier one, is given up
 * @throws {Error} where the runtime does not take a right back
 */
export function giveUpRights(words: readonly string[], moment: Moment): void {
  const rights = rightsOf(words);
  for (const { name } of RIGHTS) {
    if (MOMENTS.indexOf(rights[name] ?? "started") <= MOMENTS.indexOf(moment)) giveUp(name);
  }
}

function giveUp(name: RightName): void {
  const [whole, ...parts] = descriptorsOf(name);
  assert(whole !== undefined, "a right has a descriptor");
  Deno.permissions.revokeSync(whole);
  const kept = [whole, ...parts].find((each) =>
    Deno.permissions.querySync(each).state === "granted"
  );
  if (kept === undefined) return;
  throw new Error(`cannot give up the right ${JSON.stringify(kept)}: Deno grants it all the same`);
}

/** The whole right, and what a launcher may have granted of it: a part is not seen in the whole. */
function descriptorsOf(name: RightName): Deno.PermissionDescriptor[] {
  switch (name) {
    case "env":
      return [{ name }, ...ENVIRONMENT_NAMES.map((variable) => ({ name, variable }))];
    case "sys":
      return [{ name }, ...SYSTEM_CALLS.map((kind) => ({ name, kind }))];
    case "read":
    case "write":
    case "ffi":
      return [{ name }, { name, path: "." }, { name, path: import.meta.dirname ?? "." }];
    case "run":
      return [{ name }, { name, command: Deno.execPath() }];
    case "net":
      return [{ name }];
  }
}
