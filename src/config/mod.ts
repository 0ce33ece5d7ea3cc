/**
 * The door of the configuration: what the program loads, and what prints the documentation. The table itself
 * is in `settings.ts`.
 */
export type { Address, Advertised, Config, HttpAddress, PeerAddress } from "./config.ts";
export { ConfigError, type ConfigProblem } from "./config.ts";
export { loadConfig } from "./load.ts";
export type { Sources } from "./sources.ts";
export { formatAddress, isLoopback } from "./resolve.ts";
