/**
 * How the runtime is started for a peer. V8's young generation grows to 16 MiB a half by default; a quarter
 * of that keeps a loaded peer below 200 MB resident, for some percent of its throughput.
 */
export const RUNTIME_FLAGS: readonly string[] = ["--v8-flags=--max-semi-space-size=4"];
