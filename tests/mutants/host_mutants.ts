/** Mutants of what surrounds the cores: replicas that end, sleep, forwarding, failures. */
import { type Mutant, test } from "./mutant.ts";

export const HOST_MUTANTS: readonly Mutant[] = [
  {
    name: "a replica heeds configurations from before it was added",
    file: "src/groups/group.ts",
    search: `if (index <= this.replica || this.raft.configuration.index > index) return;`,
    replace: `if (this.raft.configuration.index > index) return;`,
    caughtBy: [test("tests/groups/replicas_test.ts")],
  },
  {
    name: "a snapshot is referenced behind its replica's tombstone",
    file: "src/groups/snapshots.ts",
    search: `if (group.ended || (newer !== null && newer.index >= index)) return newer;`,
    replace: `if (newer !== null && newer.index >= index) return newer;`,
    caughtBy: [test("tests/groups/replicas_test.ts")],
  },
  {
    name: "what comes before all groups are back is heard",
    file: "src/groups/host.ts",
    search: `if (this.#stopped || !this.#started) return;`,
    replace: `if (this.#stopped) return;`,
    caughtBy: [test("tests/groups/host_test.ts")],
  },
  {
    name: "entries are applied before the snapshot found at start is loaded",
    file: "src/groups/group.ts",
    search: `this.#restoring = found;`,
    replace: `this.#restoring = null;`,
    caughtBy: [test("tests/groups/host_test.ts")],
  },
  {
    name: "a leader that wakes unheard sleeps again before it can step down",
    file: "src/groups/replicas.ts",
    search: `Math.max(HIBERNATE_HEARTBEATS_MIN, Math.ceil(electionTicksMax / heartbeatTicks) + 1)`,
    replace: `Math.min(HIBERNATE_HEARTBEATS_MIN, electionTicksMax)`,
    caughtBy: [test("tests/groups/sleep_test.ts")],
  },
  {
    name: "an echo to a former run of the peer counts",
    file: "src/groups/peer_heartbeats.ts",
    search: `if (bootId !== this.#edges.bootId) return true;`,
    replace: `if (typeof bootId !== "string") return true;`,
    caughtBy: [test("tests/groups/peer_heartbeats_test.ts")],
  },
  {
    name: "time is heard from a peer that does not lead",
    file: "src/groups/group.ts",
    search: `const fromLeader = timeMs >= 0 && this.raft.leader === envelope.from.peer &&`,
    replace: `const fromLeader = timeMs >= 0 &&`,
    caughtBy: [test("tests/groups/group_time_test.ts")],
  },
  {
    name: "a command at a former leader waits for it",
    file: "src/groups/forwarder.ts",
    search: `if (lane.group !== group || lane.leader === leader) continue;`,
    replace: `if (lane.leader !== null) continue;`,
    caughtBy: [test("tests/groups/forwarder_test.ts")],
  },
  {
    name: "a truncation leaves an older write its credit",
    file: "src/groups/write_batch.ts",
    search: `write.lastIndex = Math.min(write.lastIndex, truncateFrom - 1);`,
    replace: ``,
    caughtBy: [test("tests/groups/write_batch_test.ts")],
  },
  {
    name: "a tombstone is forgotten",
    file: "src/groups/replicas.ts",
    search: `      to.replica >= (this.#tombstones.get(id) ?? 0);`,
    replace: `      to.replica >= 0;`,
    caughtBy: [test("tests/groups/replicas_test.ts")],
  },
  {
    name: "a sole voter waits for others when it comes back",
    file: "src/groups/host.ts",
    search: `      group.raft.campaign(true);
    }
    this.#markDirty(group);`,
    replace: `    }
    this.#markDirty(group);`,
    caughtBy: [test("tests/groups/host_test.ts")],
  },
  {
    name: "one voter of several stands at once when it comes back",
    file: "src/raft/configuration.ts",
    search: `[...voters, ...votersOutgoing].every((voter)`,
    replace: `[...voters, ...votersOutgoing].some((voter)`,
    caughtBy: [test("tests/groups/host_test.ts")],
  },
  {
    name: "the outgoing voters are not asked whether a voter is alone",
    file: "src/raft/configuration.ts",
    search: `[...voters, ...votersOutgoing].every((voter)`,
    replace: `voters.every((voter)`,
    caughtBy: [test("tests/raft/configuration_test.ts")],
  },
];
