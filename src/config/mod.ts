/**
 * The door of the configuration: what the program loads, and what prints the documentation. The table itself
 * is in `settings.ts`.
 */
export type { Address, Advertised, Config, HttpAddress, PeerAddress, TlsFiles } from "./config.ts";
export { ConfigError, type ConfigProblem } from "./config.ts";
export { examineConfig, type Examined, loadConfig, loadSettings } from "./load.ts";
export { readPem, readTlsFiles } from "./tls_files.ts";
export type { SettingSources, Sources } from "./sources.ts";
export { formatAddress } from "./resolve.ts";
