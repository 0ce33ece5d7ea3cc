/** Mutants of the locks: exclusion, tokens, order, deadlocks, cancelling. */
import { type Mutant, sim, test } from "./mutant.ts";

const LOCKS = test("tests/locks");

export const LOCKS_MUTANTS: readonly Mutant[] = [
  {
    name: "fencing token not increased",
    file: "src/locks/lock_rules.ts",
    search: `token: this.#state.nextToken++,`,
    replace: `token: this.#state.nextToken,`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "next token missing from snapshots",
    file: "src/locks/machine.ts",
    search: `    this.#state.nextToken = nextToken;`,
    replace: `    void nextToken;`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "exclusive granted beside shared",
    file: "src/locks/lock_rules.ts",
    search: `return mode === "shared" && holder.mode === "shared";`,
    replace: `return holder.mode === "shared";`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "first come, first served broken",
    file: "src/locks/lock_rules.ts",
    search: `const free = lock.first === null && this.#compatible(lock, command.mode);`,
    replace: `const free = this.#compatible(lock, command.mode);`,
    caughtBy: [LOCKS],
  },
  {
    name: "the oldest waiter of a cycle is the victim",
    file: "src/locks/lock_rules.ts",
    search: `cycle.reduce((a, b) => a.sequence > b.sequence ? a : b)`,
    replace: `cycle.reduce((a, b) => a.sequence < b.sequence ? a : b)`,
    caughtBy: [LOCKS],
  },
  {
    name: "deadlocks not searched",
    file: "src/locks/lock_rules.ts",
    search: `const cycle = this.#graph.findCycle(owner);`,
    replace: `const cycle = ((): ReturnType<WaitForGraph["findCycle"]> => null)();`,
    caughtBy: [LOCKS],
  },
  {
    name: "an upgrade keeps its token",
    file: "src/locks/lock_rules.ts",
    search: `return held === "exclusive" || wanted === "shared";`,
    replace: `return held === "exclusive" || wanted !== undefined;`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "asking again does not refresh the lease",
    file: "src/locks/lock_rules.ts",
    search: `    this.#state.setDeadline(grant, context.timeMs + ttlMs);
    return grant;`,
    replace: `    return grant;`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "cancel releases another attachment's grant",
    file: "src/locks/machine.ts",
    search: `if (grant === undefined || !isAttached(grant, attachment)) return`,
    replace: `if (grant === undefined) return`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "a late attempt takes the place of the one that was told of the grant",
    file: "src/locks/machine.ts",
    search: `grant.attachments = [...attachments, command.attachment];`,
    replace: `grant.attachments = [command.attachment];`,
    caughtBy: [LOCKS],
  },
  {
    name: "a stale token releases",
    file: "src/locks/machine.ts",
    search: `return token === null || token === grant.token ? grant : null;`,
    replace: `return grant;`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "leases never end",
    file: "src/locks/machine.ts",
    search: `if (due === null || due.deadlineMs > context.timeMs) return effects;`,
    replace: `if (due === null || due.deadlineMs > 0) return effects;`,
    caughtBy: [LOCKS, sim()],
  },
  {
    name: "a retry is granted a grant that has ended",
    file: "src/locks/machine.ts",
    search: `if (grant === null) return LEASE_EXPIRED;`,
    replace: `if (grant === null) return { answer: former, effects: [] };`,
    caughtBy: [LOCKS],
  },
  {
    name: "detach forgets the boot id",
    file: "src/locks/machine.ts",
    search: `(one: Attachment) => one.peer === peer && one.bootId === bootId;`,
    replace: `(one: Attachment) => one.peer === peer;`,
    caughtBy: [LOCKS],
  },
];
