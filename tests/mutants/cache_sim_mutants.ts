/** Wrong edits of the cache that any cluster shows in the simulator which is much used and often disturbed. */
import { cacheSim, type Mutant } from "./mutant.ts";

export const CACHE_SIM_MUTANTS: readonly Mutant[] = [
  {
    name: "another's lease is over while it lasts",
    file: "src/cache/lease_times.ts",
    search: `  const peerOverMs = electionTimeoutMs * OTHERS_CLOCK;`,
    replace: `  const peerOverMs = electionTimeoutMs * 0.5;`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a peer uses its lines for ever",
    file: "src/cache/peer_lease.ts",
    search: `  return monotonicMs < end.monotonicMs && wallMs < end.wallMs;`,
    replace: `  return end.monotonicMs > -Infinity || monotonicMs + wallMs < 0;`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "invalidations are not awaited",
    file: "src/cache/directory.ts",
    search: `    if (awaited.length > 0 || !exact || removing) return false;`,
    replace: `    if (!exact || removing) return false;`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a grant does not wait for the write-back before it",
    file: "src/cache/directory.ts",
    search: `    if (writes.length > 0) return false;`,
    replace: ``,
    caughtBy: [cacheSim(8, "moved home")],
  },
  {
    name: "a recall for a grant that has not arrived is forgotten",
    file: "src/cache/line.ts",
    search: `    if (line.ask !== null) next = { ...next, ask: killedBy(line.ask, grant) };`,
    replace: ``,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a peer has a lease that is not in the replicated set",
    file: "src/cache/home_sessions.ts",
    search: `    if (this.#holders.has(peer)) return this.#lease(peer, message);`,
    replace: `    if (this.#holders.has(peer) || true) return this.#lease(peer, message);`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a durable write is answered before it is committed",
    file: "src/cache/lines.ts",
    search: `        if (!write.durable || !answer.ok) resolve(answer);`,
    replace: `        if (write.durable || !answer.ok) resolve(answer);`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "every caller who misses gets a fill token",
    file: "src/cache/fill_tokens.ts",
    search: `    if (found === undefined) {`,
    replace: `    if (found === undefined || this.#waiters >= 0) {`,
    caughtBy: [cacheSim(20)],
  },
];
