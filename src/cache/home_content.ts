/**
 * What a home grants: the committed value of a key, from the machine's state or from a value file.
 */
import type { CacheReplica } from "./cache_edges.ts";
import type { Content } from "./line.ts";

/** A value may move while it is read, and again. */
const READS_MAX = 5;

const NOTHING: Content = { version: null, value: null, expiresMs: null };

/**
 * @returns what the key has now, at once where it needs no file; null where it changes too fast to be read
 * @throws {StorageFailedError | StorageCorruptError} by rejection
 */
export function contentOf(
  replica: CacheReplica,
  key: string,
  timeMs: number,
): Content | Promise<Content | null> {
  const stored = replica.cache.read(key, timeMs);
  // A value whose time is over is none.
  if (stored === null) return NOTHING;
  const { version, expiresMs, inline } = stored;
  if (inline !== null) return { version, value: inline, expiresMs };
  return readContent(replica, key, timeMs);
}

async function readContent(
  { cache, values }: CacheReplica,
  key: string,
  timeMs: number,
): Promise<Content | null> {
  for (let reads = 0; reads < READS_MAX; reads++) {
    const stored = cache.read(key, timeMs);
    if (stored === null) return NOTHING;
    const { version, expiresMs, inline, reference } = stored;
    if (inline !== null) return { version, value: inline, expiresMs };
    const [value] = await values.read([reference!]);
    // Null: it lies elsewhere by now.
    if (value !== null && value !== undefined) return { version, value, expiresMs };
  }
  return null;
}
