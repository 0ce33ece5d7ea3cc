/** Wrong edits of the cache's rules, in the order of what keeps it right; a cluster in the simulator shows most of them. */
import { cacheSim, type Mutant, test } from "./mutant.ts";

export const CACHE_SIM_MUTANTS: readonly Mutant[] = [
  {
    name: "a home grants without its home lease",
    file: "src/cache/home.ts",
    search:
      `    return isOwnLive(this.leasedFrom, this.#times.homeMs, momentOf(this.#edges.clock));`,
    replace: `    return this.leasedFrom !== null;`,
    caughtBy: [test("tests/cache/home_lease_test.ts")],
  },
  {
    name: "the home's own lines live without its home lease",
    file: "src/cache/peer_lease.ts",
    search: `    this.#end = endOf(own.leasedFrom, this.#times.homeMs);
    return lasts`,
    replace: `    this.#end = endOf({ monotonicMs, wallMs }, this.#times.homeMs);
    return lasts`,
    caughtBy: [test("tests/cache/lines_leases_test.ts")],
  },
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
    name: "a renewal counts from its answer",
    file: "src/cache/lease_keeper.ts",
    search: `    const sent = this.#sent.get(serial);
    if (sent !== undefined`,
    replace: `    const sent = this.#sent.has(serial) ? this.#now() : undefined;
    if (sent !== undefined`,
    caughtBy: [test("tests/cache/lines_leases_test.ts")],
  },
  {
    name: "a write-back is committed in whatever term",
    file: "src/cache/machine.ts",
    search: `    if (command.term !== term) {`,
    replace: `    if (command.term > term) {`,
    caughtBy: [test("tests/cache/machine_test.ts")],
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
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a recall for a grant that has not arrived is forgotten",
    file: "src/cache/line.ts",
    search: `    if (line.ask !== null) next = { ...next, ask: killedBy(line.ask, grant) };`,
    replace: ``,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "a new home grants before all lease holders have reported",
    file: "src/cache/home_term.ts",
    search: `  const isRebuilt = leaseHolders.length === 0;`,
    replace: `  const isRebuilt = leaseHolders.length >= 0;`,
    caughtBy: [test("tests/cache/home_lease_test.ts")],
  },
  {
    name: "a peer has a lease that is not in the replicated set",
    file: "src/cache/home_sessions.ts",
    search: `    if (this.#holders.has(peer)) return this.#lease(peer, message);`,
    replace: `    if (this.#holders.has(peer) || true) return this.#lease(peer, message);`,
    caughtBy: [cacheSim(20)],
  },
  {
    name: "an evicted dirty line is forgotten before it is confirmed",
    file: "src/cache/line.ts",
    search: `      line: { ...NO_LINE, owed: { grant: grant!, content: written, sentMs: nowMs } },
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "nothing" }],`,
    replace: `      line: NO_LINE,
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "nothing" }],`,
    caughtBy: [test("tests/cache/line_test.ts")],
  },
  {
    name: "a durable write is answered before it is committed",
    file: "src/cache/lines.ts",
    search: `        if (!write.durable || !answer.ok) resolve(answer);`,
    replace: `        if (write.durable || !answer.ok) resolve(answer);`,
    caughtBy: [cacheSim(20)],
  },
];
