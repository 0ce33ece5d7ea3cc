/** Mutants of the host of groups: time, request ids, snapshots, sleep, forming. */
import { type Mutant, sim, test } from "./mutant.ts";

const GROUPS = test("tests/groups");
const SCRIPTED = test("tests/sim/scripted_test.ts");

export const GROUPS_MUTANTS: readonly Mutant[] = [
  {
    name: "acknowledged before fsync",
    file: "src/groups/storage_work.ts",
    search: `storage.append(written.records).then(() => {`,
    replace: `void storage.append(written.records);
    Promise.resolve().then(() => {`,
    caughtBy: [sim()],
  },
  {
    name: "a refusal for the sake of one is everybody's who shared its entry",
    file: "src/groups/shared_sender.ts",
    search: `      if (parts.length > 1 && this.#concernsSome(error)) {`,
    replace: `      if (parts.length < 1 && this.#concernsSome(error)) {`,
    caughtBy: [test("tests/groups/shared_sender_test.ts"), test("tests/queue/service_test.ts")],
  },
  {
    name: "a proposal of unknown fate is called refused",
    file: "src/groups/open_proposals.ts",
    search: `for (const { proposal } of logged) proposal.settle({ kind: "unknown" });`,
    replace: `const refusal = { ok: false, reason: "notLeader", leader: null } as const;
    for (const { proposal } of logged) proposal.settle({ kind: "refused", refusal });`,
    caughtBy: [GROUPS, SCRIPTED],
  },
  {
    name: "request table ignored",
    file: "src/groups/group_machine.ts",
    search: `const outcome = envelope.request === null`,
    replace: `const outcome = envelope.request !== undefined`,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "request ids of different requests not told apart",
    file: "src/groups/request_table.ts",
    search: `if (known.digest !== digest) return reused(\`request id \${caller.id}\`);`,
    replace: ``,
    caughtBy: [GROUPS],
  },
  {
    name: "request table missing from snapshots",
    file: "src/groups/request_table.ts",
    search: `if (isCallerRow(known)) this.#loadCaller(known);`,
    replace: `if (isCallerRow(known)) continue;`,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "group time from the local clock",
    file: "src/groups/group_machine.ts",
    search: `this.#timeMs = Math.max(this.#timeMs, entry.timeMs);`,
    replace: `this.#timeMs = entry.timeMs;`,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "a new leader's time begins anew",
    file: "src/groups/group_clock.ts",
    search: `if (timeMs > this.read(nowMs)) this.heard(timeMs, nowMs);`,
    replace: ``,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "group time runs ahead",
    file: "src/groups/group_clock.ts",
    search: `Math.max(0, nowMs - this.#atMs)`,
    replace: `2 * Math.max(0, nowMs - this.#atMs)`,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "commands applied before what is due has expired",
    file: "src/groups/group_machine.ts",
    search: `const expired = this.#expire(context);`,
    replace: `const expired: readonly Effect[] = [];`,
    caughtBy: [GROUPS, sim()],
  },
  {
    name: "no tick entry at a deadline",
    file: "src/groups/expiry.ts",
    search: `      group.propose(group.machine.tickPayload, () => {`,
    replace:
      `      ((_payload: Uint8Array, _settled: () => void) => {})(group.machine.tickPayload, () => {`,
    caughtBy: [sim()],
  },
  {
    name: "a sleeping group is never woken",
    file: "src/groups/peer_heartbeats.ts",
    search: `if (elapsedMs >= this.#patienceMs) this.#edges.wake(group, elapsedMs);`,
    replace: ``,
    caughtBy: [sim()],
  },
  {
    name: "a snapshot is referenced before it is applied",
    file: "src/groups/snapshots.ts",
    search: `const index = group.appliedIndex;`,
    replace: `const index = group.raft.lastIndex;`,
    caughtBy: [sim()],
  },
  {
    name: "reads do not wait for apply",
    file: "src/groups/group.ts",
    search: `this.#restoring === null && this.raft.appliedIndex >= index) settle(true);`,
    replace: `index >= 0) settle(true);`,
    caughtBy: [GROUPS, SCRIPTED],
  },
  {
    name: "an uninitialised founder comes to be by a message",
    file: "src/groups/replicas.ts",
    search: `to.replica > FOUNDING_REPLICA`,
    replace: `to.replica >= FOUNDING_REPLICA`,
    caughtBy: [GROUPS, sim()],
  },
];
