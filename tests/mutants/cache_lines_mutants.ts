/** Mutants of a peer's lines: of its leases, of what waits, what is written back and what goes. */
import { type Mutant, test } from "./mutant.ts";

const LINES = [test("tests/cache/lines_test.ts"), test("tests/cache/lines_leases_test.ts")];

export const CACHE_LINES_MUTANTS: readonly Mutant[] = [
  {
    name: "a home that is not rebuilt covers lines of an older one",
    file: "src/cache/peer_lease.ts",
    search: `(this.#isRebuilt && this.#isLive(monotonicMs, wallMs));`,
    replace: `this.#isLive(monotonicMs, wallMs);`,
    caughtBy: LINES,
  },
  {
    name: "a lease that began because its home spoke first is renewed by nobody",
    file: "src/cache/lease_keeper.ts",
    search: `    this.#lookAgain();
    // First, so that`,
    replace: `    // First, so that`,
    caughtBy: LINES,
  },
  {
    name: "messages of older homes are heard",
    file: "src/cache/lease_keeper.ts",
    search: `if (term < lease.term) return null;`,
    replace: ``,
    caughtBy: LINES,
  },
  {
    name: "the home's own lines lapse while its lease is out",
    file: "src/cache/peer_lease.ts",
    search: `const isOver = this.#session !== null && this.#ownHome() === null &&`,
    replace: `const isOver = this.#session !== null &&`,
    caughtBy: LINES,
  },
  {
    name: "an answer from before the present lease ends it",
    file: "src/cache/peer_lease.ts",
    search: `return this.#session === null ? this.#report === null : serial > this.#sessionSerial;`,
    replace: `return this.#session === null ? this.#report === null : true;`,
    caughtBy: LINES,
  },
  {
    name: "lines are asked for under a session that is being replaced",
    file: "src/cache/peer_lease.ts",
    search: `return this.#session !== null && this.#report === null;`,
    replace: `return this.#session !== null;`,
    caughtBy: LINES,
  },
  {
    name: "a lease that covers no line at the moment is given up",
    file: "src/cache/lease_keeper.ts",
    search: `if (unused < UNUSED_RENEWALS) return true;`,
    replace: `if (unused < 1) return true;`,
    caughtBy: LINES,
  },
  {
    name: "who waits for a line is served after what follows its grant",
    file: "src/cache/line_steps.ts",
    search: `return this.#edges.wake(slot);`,
    replace: `return queueMicrotask(() => this.#edges.wake(slot));`,
    caughtBy: LINES,
  },
  {
    name: "a durable write is answered as soon as its line has it",
    file: "src/cache/lines.ts",
    search: `if (!write.durable || !answer.ok) resolve(answer);`,
    replace: `if (write.durable || !answer.ok) resolve(answer);`,
    caughtBy: LINES,
  },
  {
    name: "a line takes writes however old the unconfirmed ones are",
    file: "src/cache/lines.ts",
    search: `unconfirmedMaxMs: flushIntervalMs * UNCONFIRMED_INTERVALS,`,
    replace: `unconfirmedMaxMs: flushIntervalMs * UNCONFIRMED_INTERVALS * 100,`,
    caughtBy: LINES,
  },
  {
    name: "that a clean line went is told after the line is asked for again",
    file: "src/cache/line_steps.ts",
    search: `    this.#sendRidingOf(partition);
    this.#edges.post.toHome(message, partition.lease.home);`,
    replace: `    this.#edges.post.toHome(message, partition.lease.home);`,
    caughtBy: LINES,
  },
  {
    name: "a value whose time is over is read",
    file: "src/cache/line_uses.ts",
    search: `return expiresMs !== null && expiresMs <= this.#timeMs(partition);`,
    replace: `return expiresMs !== null && expiresMs < 0;`,
    caughtBy: LINES,
  },
  {
    name: "the line that was granted first goes, however often it is read",
    file: "src/cache/line_table.ts",
    search: `  touch(slot: LineSlot): void {
    this.#recent.push(slot);`,
    replace: `  touch(slot: LineSlot): void {
    if (!slot.listed) this.#recent.push(slot);`,
    caughtBy: LINES,
  },
  {
    name: "a peer that stops does not wait for its write-backs",
    file: "src/cache/lines.ts",
    search:
      `await Promise.all([this.#writeBacks.all(timeoutMs), this.#keeper.answered(timeoutMs)]);`,
    replace:
      `void Promise.all([this.#writeBacks.all(timeoutMs), this.#keeper.answered(timeoutMs)]);`,
    caughtBy: LINES,
  },
];
