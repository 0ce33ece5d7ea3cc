/**
 * The settings of the cache: how much one peer holds in its own lines, and how often it writes back what was written
 * to them. Each peer may hold as much as it likes; what is past it goes, least recently used first.
 */
import { LIMITS } from "../limits.ts";
import { integer, seconds, size } from "./formats.ts";
import { setting } from "./setting.ts";

const MIB = 1024 * 1024;
const TIB = 1024 * 1024 * MIB;

export const CACHE_SETTINGS = {
  cacheMaxEntries: setting({
    section: "Services",
    flag: "cache-max-entries",
    placeholder: "N",
    environment: [{ name: "CACHE_MAX_SIZE" }],
    format: integer(1, 100_000_000),
    default: "1000",
    shared: true,
    help: "lines that this peer's cache holds; past it the least recently used go",
  }),
  cacheMaxBytes: setting({
    section: "Services",
    flag: "cache-max-bytes",
    placeholder: "SIZE",
    environment: [{ name: "CACHE_MAX_BYTES" }],
    format: size(2 * LIMITS.bodyBytesMax, TIB),
    default: "256MiB",
    shared: true,
    help: "bytes of them; past it the least recently used go",
  }),
  cacheFlushInterval: setting({
    section: "Services",
    flag: "cache-flush-interval",
    placeholder: "SECONDS",
    environment: [{ name: "CACHE_FLUSH_INTERVAL" }],
    format: seconds(0.01, 10),
    default: "0.1",
    shared: true,
    help: "seconds between write-backs; a peer that is lost loses those of two at most",
  }),
};
