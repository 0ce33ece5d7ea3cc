/**
 * What a compiled executable runs with. Its permissions are fixed when it is built, for all commands and all paths
 * together; each command gives up what it does not need itself, `giveUpRights` in src/cli/.
 */
import { fixedFlags, RIGHTS } from "../../src/cli/rights.ts";
import { RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";

/** Nobody knows yet which data, configuration and keys it will be pointed at, nor where it will lie itself. */
const UNBOUNDED = ["--allow-read", "--allow-write", "--allow-ffi"];

export const COMPILE_FLAGS: readonly string[] = [
  ...RUNTIME_FLAGS,
  ...fixedFlags(RIGHTS.map(({ name }) => name)),
  ...UNBOUNDED,
  // Deno allows code from some hosts unless told not to.
  "--deny-import",
];
