/**
 * What one home knows of keys in Redis: the value, under which version, and since when. What has no place is forgotten,
 * oldest first, and told: no line of it may stay, or two readers of one value would see two versions.
 */
import { LIMITS } from "../../limits.ts";
import type { Content } from "../line.ts";

export interface Known {
  readonly content: Content;
  /** Monotonic time, not after it was so. */
  readonly sinceMs: number;
}

export class KnownValues {
  readonly #forgotten: (key: string) => void;
  /** In the order of `sinceMs`. */
  readonly #known = new Map<string, Known>();
  #bytes = 0;

  constructor(forgotten: (key: string) => void) {
    this.#forgotten = forgotten;
  }

  get size(): number {
    return this.#known.size;
  }

  get(key: string): Known | undefined {
    return this.#known.get(key);
  }

  set(key: string, known: Known): void {
    this.delete(key);
    this.#known.set(key, known);
    this.#bytes += bytesOf(key, known);
    while (this.#known.size > LIMITS.cacheFrontKeysMax || this.#bytes > LIMITS.cacheFrontBytesMax) {
      const [oldest] = this.#known.keys();
      if (oldest === undefined || oldest === key) return;
      this.delete(oldest);
      this.#forgotten(oldest);
    }
  }

  delete(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    this.#bytes -= bytesOf(key, known);
  }

  clear(): void {
    this.#known.clear();
    this.#bytes = 0;
  }

  /** Forgets what was known at this time already. @returns its keys */
  takeUntil(sinceMs: number): readonly string[] {
    const keys: string[] = [];
    for (const [key, known] of this.#known) {
      if (known.sinceMs > sinceMs) break;
      keys.push(key);
    }
    for (const key of keys) this.delete(key);
    return keys;
  }
}

function bytesOf(key: string, { content: { value } }: Known): number {
  return key.length + (value?.length ?? 0);
}
