/**
 * Variables of the environment that change how the runtime behaves: one moves every listener to another address, another
 * refuses to start over an unknown flag. Whoever set them meant another program. Launchers keep them from the runtime,
 * and `lock run` and `queue worker` hand them on to their command all the same. Pure: launchers in other languages have it too.
 */

/** A star at the end stands for anything. */
export const RUNTIME_VARIABLES: readonly string[] = [
  "DENO_*",
  "NODE_CHANNEL_FD",
  "NODE_DEBUG",
  "NODE_OPTIONS",
  "NODE_PATH",
  "NODE_UNIQUE_ID",
  "NODE_V8_COVERAGE",
  "OTEL_DENO",
];

/** Of these, what holds for the whole machine: whose certificates are trusted. */
export const KEPT_RUNTIME_VARIABLES: readonly string[] = ["DENO_CERT", "DENO_TLS_CA_STORE"];
