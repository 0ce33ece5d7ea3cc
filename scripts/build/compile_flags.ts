/**
 * What a compiled executable runs with. Its permissions are fixed when it is built, for all commands and all paths
 * together; each command gives up what it does not need itself, `giveUpRights` in src/cli/.
 */
import { UNBOUNDED_FLAGS } from "../../src/cli/rights.ts";
import { RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";

export const COMPILE_FLAGS: readonly string[] = [...RUNTIME_FLAGS, ...UNBOUNDED_FLAGS];
