/** Mutants of the Raft core: each breaks one sentence of the papers. */
import { type Mutant, sim, test } from "./mutant.ts";

const RAFT = test("tests/raft");

export const RAFT_MUTANTS: readonly Mutant[] = [
  {
    name: "vote not persisted",
    file: "src/raft/replica_state.ts",
    search: `    this.#votedFor = peer;
    this.log.hardStateChanged();`,
    replace: `    this.#votedFor = peer;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "term not persisted",
    file: "src/raft/replica_state.ts",
    search: `    this.#votedFor = null;
    this.log.hardStateChanged();`,
    replace: `    this.#votedFor = null;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "promises leave before they are durable",
    file: "src/raft/replica_state.ts",
    search: `if (token <= this.log.durableToken) this.outbox.send`,
    replace: `if (token < Infinity) this.outbox.send`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "promises of an older term are kept",
    file: "src/raft/outbox.ts",
    search: `if (envelope.term === term) this.messages.push(envelope);`,
    replace: `this.messages.push(envelope);`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "two votes in one term",
    file: "src/raft/voting.ts",
    search: `(state.votedFor === null || state.votedFor === candidate.peer) &&`,
    replace: `(true || state.votedFor === candidate.peer) &&`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "vote for a candidate whose log is behind",
    file: "src/raft/voting.ts",
    search: `    (state.leader === null || state.leader === candidate.peer) &&
    state.log.isUpToDate(request.lastIndex, request.lastTerm);`,
    replace: `    (state.leader === null || state.leader === candidate.peer);`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "logs compared by length alone",
    file: "src/raft/raft_log.ts",
    search:
      `return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);`,
    replace: `return lastTerm >= 0 && lastIndex >= this.lastIndex;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "candidate counts its own vote at once",
    file: "src/raft/candidate.ts",
    search: `if (this.isPre) this.#count(state.self.peer, true);`,
    replace: `this.#count(state.self.peer, true);`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "leader stickiness skipped",
    file: "src/raft/raft.ts",
    search: `return !(this.#behaviour instanceof Leader) && !this.#state.timer.leaderIsFresh;`,
    replace: `return true;`,
    caughtBy: [RAFT],
  },
  {
    name: "entry of an older term committed by counting",
    file: "src/raft/leader.ts",
    search: `if (agreedIndex <= log.commitIndex || log.term(agreedIndex) !== term) return;`,
    replace: `if (agreedIndex <= log.commitIndex || term < 0) return;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "leader counts its own copy before it is durable",
    file: "src/raft/leader.ts",
    search: `    const { durableIndex } = this.#state.log;
    if (durableIndex <= self.matchIndex) return;`,
    replace: `    const durableIndex = this.#state.log.lastIndex;
    if (durableIndex <= self.matchIndex) return;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "learner counted as a voter",
    file: "src/raft/tracker.ts",
    search: `    configuration.learners.forEach(place);`,
    replace: `    this.#voters = [...this.#voters, ...configuration.learners.map(place)];`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "joint quorum uses only the incoming set",
    file: "src/raft/quorum.ts",
    search: `return Math.min(incoming, majorityValue(votersOutgoing, valueOf));`,
    replace: `return incoming;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "joint election uses only the incoming set",
    file: "src/raft/quorum.ts",
    search: `return incoming === "won" && outgoing === "won" ? "won" : "pending";`,
    replace: `return incoming;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "half is a majority",
    file: "src/raft/quorum.ts",
    search: `return Math.floor(size / 2) + 1;`,
    replace: `return Math.ceil(size / 2);`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "replica ids not compared",
    file: "src/raft/raft.ts",
    search: `if (to.replica !== self.replica && !isFirst) return false;`,
    replace: `if (to.replica < 0 && !isFirst) return false;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "a former self of a peer is heard",
    file: "src/raft/raft.ts",
    search: `return known === null || from.replica >= known.replica;`,
    replace: `return known === null || from.replica > 0;`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "append accepted without the previous entry",
    file: "src/raft/follower.ts",
    search: `if (log.term(previousIndex) !== append.previousTerm) {`,
    replace: `if (previousIndex > log.lastIndex) {`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "commit index beyond what agrees",
    file: "src/raft/follower.ts",
    search: `log.commitTo(Math.min(append.commitIndex, agreedIndex));`,
    replace: `log.commitTo(Math.min(append.commitIndex, log.lastIndex));`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "truncation lets a write in flight count",
    file: "src/raft/write_tracker.ts",
    search:
      `    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, index);`,
    replace: ``,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "ReadIndex without a quorum round",
    file: "src/raft/leader.ts",
    search: `if (this.tracker.isSole && this.#hasCommitted) {`,
    replace: `if (this.#hasCommitted) {`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "ReadIndex before the term's first commit",
    file: "src/raft/leader.ts",
    search: `if (this.#hasCommitted) this.#reads.begin(round, log.commitIndex);`,
    replace: `this.#reads.begin(round, log.commitIndex);`,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "check-quorum skipped",
    file: "src/raft/leader.ts",
    search: `if (!this.tracker.hasActiveQuorum(this.#state.ticks)) {`,
    replace: `if (this.#state.ticks < 0) {`,
    caughtBy: [RAFT],
  },
  {
    name: "a removed configuration is not brought back",
    file: "src/raft/replica_state.ts",
    search: `    this.configurations.truncateFrom(index);`,
    replace: ``,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "in-flight window not freed",
    file: "src/raft/progress.ts",
    search: `    this.inflights.freeTo(index);`,
    replace: ``,
    caughtBy: [RAFT, sim()],
  },
  {
    name: "a follower that lost its tail is not believed",
    file: "src/raft/progress.ts",
    search: `      this.matchIndex = Math.min(this.matchIndex, nextIndex - 1);`,
    replace: ``,
    caughtBy: [RAFT],
  },
  {
    name: "a follower does not say that it lacks what is committed",
    file: "src/raft/follower.ts",
    search: `    else this.#refuse(from, heartbeat.commitIndex, log.lastTerm);`,
    replace: ``,
    caughtBy: [RAFT],
  },
];
