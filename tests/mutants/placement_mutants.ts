/** Mutants of placement: of what a partition's group needs next, and of who brings it about. */
import { type Mutant, test } from "./mutant.ts";

const PLACEMENT = test("tests/placement");

export const PLACEMENT_MUTANTS: readonly Mutant[] = [
  {
    name: "a replica goes before its successor has come",
    file: "src/placement/decide.ts",
    search: `if (missing.length > 0) return begin(view, peers, missing);`,
    replace: `if (missing.length > 0) return dropSurplus(view, peers) ?? begin(view, peers, missing);`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a learner votes before it has caught up",
    file: "src/placement/decide.ts",
    search: `const to = learners.find((peer) => isFit(view, peers, peer));`,
    replace: `const to = learners.find((peer) => isHealthy(view, peers, peer));`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a change may leave fewer than R - 1 healthy voters",
    file: "src/placement/decide.ts",
    search: `return after >= needed && after > voters.length / 2;`,
    replace: `return after > voters.length / 2;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a change may leave no healthy majority",
    file: "src/placement/decide.ts",
    search: `return after >= needed && after > voters.length / 2;`,
    replace: `return after >= needed;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a partition gets a second learner before the first has voted",
    file: "src/placement/decide.ts",
    search: `if (learners.length > 0) return complete(view, peers, learners);`,
    replace: `const completed = complete(view, peers, learners);
  if (completed !== null) return completed;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a voter that answers makes room, one that is gone stays",
    file: "src/placement/decide.ts",
    search: `return surplus.find((peer) => !isHealthy(view, peers, peer)) ??
    surplus.find`,
    replace: `return surplus.find`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "leadership is handed to a replica that lags",
    file: "src/placement/decide.ts",
    search: `return isVoter(view, peer) && isFit(view, peers, peer) && peers.takesLeadership(peer);`,
    replace: `return isVoter(view, peer) && peers.takesLeadership(peer);`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a leader is taken out without handing over",
    file: "src/placement/decide.ts",
    search: `const successor = from === view.leader ? successorOf(view, peers) : null;`,
    replace: `const successor: PeerId | null = null;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a learner that nobody wants any more is kept",
    file: "src/placement/decide.ts",
    search: `if (unwanted !== undefined) return`,
    replace: `if (unwanted !== undefined && learners.length > 1) return`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "one peer is sent any number of replicas at once",
    file: "src/placement/schedule.ts",
    search: `this.#of(target) >= PEER_MOVES_MAX`,
    replace: `this.#of(target) >= MOVES_MAX`,
    caughtBy: [PLACEMENT],
  },
];
