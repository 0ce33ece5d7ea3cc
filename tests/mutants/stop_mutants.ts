/** Mutants of the planned stop: of draining, handing over, and what becomes of those who call meanwhile. */
import { type Mutant, test } from "./mutant.ts";

export const STOP_MUTANTS: readonly Mutant[] = [
  {
    name: "a peer that drains calls itself ready",
    file: "src/peer/core.ts",
    search: `if (this.draining) reasons.push("the peer is stopping");`,
    replace: ``,
    caughtBy: [test("tests/peer/core_test.ts")],
  },
  {
    name: "a leader keeps what it leads until it is gone",
    file: "src/peer/core.ts",
    search: `const kept = await handOver(this.#generation, this.#edges);`,
    replace: `const kept: ReadonlySet<number> = new Set([0]);`,
    caughtBy: [test("tests/sim/planned_stop_test.ts")],
  },
  {
    name: "what a draining peer is handed ends with it",
    file: "src/peer/core.ts",
    search: `await handOver(this.#generation, this.#edges, kept);`,
    replace: `await Promise.resolve(kept);`,
    caughtBy: [test("tests/sim/planned_stop_test.ts")],
  },
  {
    name: "what nobody took is offered a second time",
    file: "src/peer/hand_over.ts",
    search: `return !kept.has(group) && generation`,
    replace: `return generation`,
    caughtBy: [test("tests/peer/hand_over_test.ts")],
  },
  {
    name: "a command that meets a hand-over is refused",
    file: "src/groups/proposer.ts",
    search: `    case "transferring":
      return { kind: "retry", unsure: false, noLeader: false };
    case "busy":`,
    replace: `    case "transferring":
    case "busy":`,
    caughtBy: [test("tests/sim/planned_stop_test.ts")],
  },
  {
    name: "a command is appended during a hand-over",
    file: "src/raft/leader.ts",
    search: `return this.#transfer.isUnderWay ? { ok: false, reason: "transferring" } : null;`,
    replace: `return null;`,
    caughtBy: [test("tests/raft")],
  },
  {
    name: "a successor that is gone is waited for",
    file: "src/groups/group_changes.ts",
    search: `if (!transport.peers().some(({ id }) => id === to)) {`,
    replace: `if (transport.peers().some(({ id }) => id === "")) {`,
    caughtBy: [test("tests/sim/planned_stop_test.ts")],
  },
  {
    name: "who waits at a peer that stops is told at its end",
    file: "src/peer/core.ts",
    search: `this.#generation.system?.drain(), `,
    replace: ``,
    caughtBy: [test("tests/peer/core_test.ts")],
  },
  {
    name: "a nameless waiter is left in the queue by a peer that stops",
    file: "src/locks/service.ts",
    search: `throw request === null ? await this.#takeBack(command) : error;`,
    replace: `throw error;`,
    caughtBy: [test("tests/locks/drain_test.ts")],
  },
  {
    name: "a named waiter loses its place when its peer stops",
    file: "src/locks/service.ts",
    search: `throw request === null ? await this.#takeBack(command) : error;`,
    replace: `throw await this.#takeBack(command);`,
    caughtBy: [test("tests/locks/drain_test.ts")],
  },
  {
    name: "requests in flight are not waited for",
    file: "src/http/ending.ts",
    search: `await Promise.race([this.#inFlight.emptied(), over.promise]);`,
    replace: ``,
    caughtBy: [test("tests/http/ending_test.ts")],
  },
  {
    name: "answers of a draining peer keep their connection",
    file: "src/http/endpoint.ts",
    search: `if (peer.draining) response.headers.set("connection", "close");`,
    replace: ``,
    caughtBy: [test("tests/http/ending_test.ts")],
  },
];
