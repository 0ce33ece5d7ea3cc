/** What peers tell each other of what their caches stand in front of. */
import assert from "node:assert/strict";
import { cacheFrontInWords } from "../../src/peer/cache_front_of.ts";
import { load } from "../config/said.ts";

function wordsOf(url: string, more: Readonly<Record<string, string>> = {}): string {
  return cacheFrontInWords(load({ flags: { "cache-redis": url, ...more } }));
}

Deno.test("what has to be alike at every peer is told, and no secret", () => {
  assert.equal(cacheFrontInWords(load({})), "");
  const words = wordsOf("redis://ann:secret@one/2", { "cache-redis-prefix": "app:" });
  assert.equal(words, 'a Redis (prefix "app:", database 2, write back)');
  const same = { "cache-redis-prefix": "app:", "cache-redis-line-ttl": "5" };
  assert.equal(wordsOf("rediss://two:7000/2", same), words);
  assert.notEqual(wordsOf("redis://one/2"), words);
  assert.notEqual(wordsOf("redis://one/3", same), words);
  assert.notEqual(wordsOf("redis://one/2", { ...same, "cache-redis-write": "through" }), words);
});
