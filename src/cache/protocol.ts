/**
 * The cache's protocol, whole and pure: a line at a peer, an entry at the home, and what each knows of leases and
 * terms. Nothing here does I/O or reads a clock; `tests/cache/` explores what all of it does together.
 */
export * from "./directory.ts";
export * from "./directory_entry.ts";
export * from "./home_term.ts";
export * from "./inventory.ts";
export * from "./line.ts";
export * from "./line_events.ts";
export * from "./version.ts";
