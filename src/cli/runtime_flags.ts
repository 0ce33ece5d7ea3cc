/**
 * How the runtime is started, whatever it is allowed: by launchers, and by this program when it starts itself.
 */
import { BUILD } from "../build_info.ts";

/**
 * V8's young generation grows to 16 MiB a half by default; a quarter of that keeps a loaded peer below 200 MB
 * resident, for some percent of its throughput.
 */
const MEMORY_FLAGS = ["--v8-flags=--max-semi-space-size=4"];

/**
 * As a package among the packages of somebody else's project: what deno.json says in our source is said here, theirs
 * is not looked at, and packages are found as Node finds them.
 */
export const NPM_FLAGS: readonly string[] = [
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--node-modules-dir=manual",
  "--unstable-no-legacy-abort",
  "--unstable-lazy-dynamic-imports",
  "--unstable-net",
];

export const RUNTIME_FLAGS: readonly string[] = [
  ...MEMORY_FLAGS,
  ...BUILD?.form === "npm" ? NPM_FLAGS : [],
];
