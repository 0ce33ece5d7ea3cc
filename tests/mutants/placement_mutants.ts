/** Mutants of placement: of what a partition's group needs next, and of who brings it about. */
import { type Mutant, sim, test } from "./mutant.ts";

const PLACEMENT = test("tests/placement");

export const PLACEMENT_MUTANTS: readonly Mutant[] = [
  {
    name: "a replica goes before its successor has come",
    file: "src/placement/decide.ts",
    search: `if (missing.length > 0) return begin(view, peers, missing);`,
    replace:
      `if (missing.length > 0) return dropSurplus(view, peers) ?? begin(view, peers, missing);`,
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
    search:
      `return isVoter(view, peer) && isFit(view, peers, peer) && peers.takesLeadership(peer);`,
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
  {
    name: "a change is made whatever the configuration is by now",
    file: "src/raft/leader.ts",
    search: `if (isUnderWay || change.expectedIndex !== configuration.index) {`,
    replace: `if (isUnderWay) {`,
    caughtBy: [test("tests/raft"), PLACEMENT],
  },
  {
    name: "a report of other members is believed",
    file: "src/placement/picture.ts",
    search: `if (report.revision !== null && report.revision !== revision) continue;`,
    replace: `if (report.revision !== null && report.revision < 0) continue;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "of two that say they lead a partition the last one is believed",
    file: "src/placement/picture.ts",
    search: `if (other === undefined || other.term < group.term) {`,
    replace: `if (other === undefined || other.term > 0) {`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a member is removed though a partition would lose its majority",
    file: "src/placement/removal.ts",
    search: `if (others.length <= replicas.length / 2) needed.push(partition);`,
    replace: `if (others.length === 0) needed.push(partition);`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "leadership goes to a peer that has answered only once",
    file: "src/placement/peer_watch.ts",
    search: `nowMs - sinceMs >= this.#steadyMs &&`,
    replace: `nowMs - sinceMs >= 0 &&`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a driver that was replaced is believed",
    file: "src/placement/reporter.ts",
    search: `if (this.#heard !== null && term < this.#heard.term) return;`,
    replace: `if (this.#heard !== null && term < 0) return;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "what lies elsewhere than it should is not compared again when members change",
    file: "src/placement/reporter.ts",
    search: `for (const group of this.#leads) this.#changed.add(group);`,
    replace: ``,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a partition is changed while a change of it is awaited",
    file: "src/placement/schedule.ts",
    search: `if (isBusy(view.group)) continue;`,
    replace: `if (isBusy(view.group) && busy > 1_000) continue;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "what was asked in an older term is acted on",
    file: "src/placement/driver.ts",
    search: `if (!this.#leads() || this.#term() !== term || wanted === null) return null;`,
    replace: `if (!this.#leads() || wanted === null) return null;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "who was removed is not asked what it leads",
    file: "src/placement/driver.ts",
    search:
      `return known.has(id) || hello.clusterId === members.clusterId || hello.clusterId === null;`,
    replace: `return known.has(id);`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a member is given a vote while its removal is under way",
    file: "src/placement/departures.ts",
    search: `else if (concerns(step, peer)) return true;`,
    replace: `else if (concerns(step, peer)) return false;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a removal is decided in the midst of a move",
    file: "src/placement/departures.ts",
    search: `return [...underWay].some((step) => concerns(step, peer)) ||`,
    replace: `return [...underWay].length > 1_000 ||`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "a member is removed on the strength of one that may go as well",
    file: "src/placement/driver.ts",
    search: `return this.#member(peer) !== null && !this.#departures.mayGo(peer, nowMs) &&`,
    replace: `return nowMs > 0 &&`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "partitions are taken to lie where they should while their leader does not answer",
    file: "src/placement/picture.ts",
    search: `const complete = hidden === 0 && all.every(isOurs) && hasAnswered;`,
    replace: `const complete = hidden === 0 && all.every(isOurs) && leaders.length > 0;`,
    caughtBy: [PLACEMENT],
  },
  {
    name: "partitions are never led by those who should",
    file: "src/placement/decide.ts",
    search: `if (to === null || to === view.leader || !mayLead(view, peers, to)) return null;`,
    replace: `if (to !== null) return null;`,
    caughtBy: [sim()],
  },
  {
    name: "a peer that was removed goes by its old list of members",
    file: "src/peer/system.ts",
    search: `this.members.find(this.#edges.self) === null ? null : this.members.wanted();`,
    replace: `this.members.wanted();`,
    caughtBy: [test("tests/sim/removed_peer_test.ts")],
  },
];
