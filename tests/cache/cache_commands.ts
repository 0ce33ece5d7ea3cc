/** Random commands of the cache's machine, over few keys, so that they meet. */
import type { CacheCommand, WriteBackItem } from "../../src/cache/commands.ts";
import type { Random } from "../../src/random.ts";

export const KEYS: readonly string[] = ["a", "b", "ключ", "key-4", "key-5"];
const PEERS = ["one", "two", "three"];

/** @param known the term and group time that it is made for */
export function randomCacheCommand(
  random: Random,
  known: { readonly term: number; readonly timeMs: number },
): CacheCommand {
  const term = random.chance(0.05) ? known.term + 1 : known.term;
  const kind = random.integer(0, 10);
  if (kind <= 5) {
    const items = Array.from(
      { length: random.integer(1, 3) },
      () => item(random, known.timeMs, term),
    );
    return { kind: "writeBack", term, items };
  }
  if (kind <= 7) {
    const grant = { term, counter: random.integer(1, 60) };
    return { kind: "remove", term, key: random.pick(KEYS), grant };
  }
  if (kind === 8) return { kind: "enterHolder", term, peer: random.pick(PEERS) };
  if (kind === 9) {
    return { kind: "leaveHolders", term, peers: PEERS.filter(() => random.chance(0.3)) };
  }
  const grant = { term, counter: random.integer(1, 60) };
  const ttlMs = random.chance(0.3) ? random.integer(0, 400) : null;
  const value = new Uint8Array(random.chance(0.3) ? 1_100 : 7).fill(random.integer(0, 255));
  const ifVersion = random.pick([undefined, null, { ...grant, write: 1 }]);
  return { kind: "put", term, key: random.pick(KEYS), grant, value, ttlMs, ifVersion };
}

function item(random: Random, timeMs: number, term: number): WriteBackItem {
  const sizeBytes = random.chance(0.3) ? random.integer(1_025, 1_300) : random.integer(0, 40);
  return {
    key: random.pick(KEYS),
    version: {
      term: random.integer(1, term),
      counter: random.integer(1, 60),
      write: random.integer(1, 9),
    },
    value: new Uint8Array(sizeBytes).fill(random.integer(0, 255)),
    expiresMs: random.chance(0.3) ? timeMs + random.integer(0, 400) : null,
  };
}
