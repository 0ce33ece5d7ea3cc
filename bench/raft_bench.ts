/**
 * How fast the core is alone: three replicas in one process, messages handed over as values, writes
 * durable at once. So it measures the protocol and nothing of disk, network or codec.
 *
 *     deno bench -A bench/raft_bench.ts
 */
import { EMPTY_CONFIGURATION } from "../src/raft/configuration.ts";
import type { Configuration, Entry, Replica } from "../src/raft/entry.ts";
import type { Envelope } from "../src/raft/message.ts";
import { Raft } from "../src/raft/raft.ts";
import { LIMITS } from "../src/limits.ts";
import { Random } from "../src/random.ts";

const COMMAND = new Uint8Array(100);

class Trio {
  readonly rafts: Raft[] = [];

  constructor(count = 3) {
    const peers = ["a", "b", "c", "d", "e"].slice(0, count);
    const voters = peers.map((peer): Replica => ({ peer, replica: 1 }));
    const configuration = { ...EMPTY_CONFIGURATION, index: 1, voters };
    for (const self of voters) this.rafts.push(newRaft(self, configuration));
  }

  get leader(): Raft {
    return this.rafts.find(({ role }) => role === "leader")!;
  }

  elect(at: number): void {
    this.rafts[at]!.campaign(true);
    this.settle();
  }

  /** Hands everything over until nothing moves. */
  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const raft of this.rafts) {
        if (!raft.hasReady()) continue;
        moved = true;
        const ready = raft.ready();
        for (const envelope of ready.messages) this.#deliver(envelope);
        if (ready.persist !== null) raft.persisted(ready.persist.token);
        const last = ready.committed.at(-1);
        if (last !== undefined) raft.applied(last.index);
      }
    }
  }

  #deliver(envelope: Envelope): void {
    this.rafts[envelope.to.peer.charCodeAt(0) - 97]!.step(envelope);
  }
}

function newRaft(self: Replica, configuration: Configuration): Raft {
  return new Raft({
    self,
    log: {
      hardState: { term: 1, votedFor: null, commitIndex: 1 },
      snapshot: null,
      configuration,
      terms: [],
      lastIndex: 1,
      lastTimeMs: 0,
      configurationEntries: [],
    },
    electionTicksMin: 20,
    electionTicksMax: 40,
    heartbeatTicks: 3,
    hibernateHeartbeats: 0,
    ...LIMITS,
    random: new Random(self.peer.charCodeAt(0)),
  });
}

const PROPOSALS = 100;
for (const batch of [1, 64, 512]) {
  const trio = new Trio();
  trio.elect(0);
  const payloads = new Array<Uint8Array>(batch).fill(COMMAND);
  Deno.bench({
    name: `commit ${PROPOSALS * batch} entries of 100 B on 3 replicas, ${batch} a proposal`,
    group: "commit",
    fn: () => {
      for (let round = 0; round < PROPOSALS; round++) {
        trio.leader.propose(payloads, 0);
        trio.settle();
      }
    },
  });
}

Deno.bench({
  name: "propose 64 entries 100 times, one Ready",
  group: "propose",
  fn: (context) => {
    const trio = new Trio(1);
    trio.elect(0);
    const payloads = new Array<Uint8Array>(64).fill(COMMAND);
    context.start();
    for (let round = 0; round < PROPOSALS; round++) trio.leader.propose(payloads, 0);
    trio.leader.ready();
    context.end();
  },
});

Deno.bench({
  name: "step an append of 64 entries, with its Ready and write",
  group: "step",
  fn: (context) => {
    const follower = newRaft({ peer: "b", replica: 1 }, new Trio().rafts[0]!.configuration);
    const appends = Array.from({ length: PROPOSALS }, (_, at) => appendOf(2 + at * 64, 64));
    context.start();
    for (const append of appends) {
      follower.step(append);
      const { persist, committed } = follower.ready();
      if (persist !== null) follower.persisted(persist.token);
      if (committed.length > 0) follower.applied(committed.at(-1)!.index);
    }
    context.end();
  },
});

{
  const trio = new Trio();
  trio.elect(0);
  let context = 0;
  Deno.bench({
    name: "read index, a heartbeat round for 64 reads",
    group: "read",
    fn: () => {
      for (let read = 0; read < 64; read++) trio.leader.readIndex(context++);
      trio.settle();
    },
  });
}

{
  const trio = new Trio();
  let turn = 0;
  Deno.bench({
    name: "an election among 3, by transfer of leadership",
    group: "election",
    fn: () => {
      if (turn === 0) trio.elect(0);
      turn++;
      trio.leader.transferLeadership("abc"[turn % 3]!);
      trio.settle();
    },
  });
}

Deno.bench({
  name: "an election among 3, by timeout, with pre-vote",
  group: "election",
  fn: () => {
    const trio = new Trio();
    while (trio.rafts.every(({ role }) => role !== "leader")) {
      for (const raft of trio.rafts) raft.tick();
      trio.settle();
    }
  },
});

function appendOf(firstIndex: number, count: number): Envelope {
  const entries = Array.from({ length: count }, (_, at): Entry => ({
    index: firstIndex + at,
    term: 2,
    kind: "command",
    timeMs: 0,
    payload: COMMAND,
  }));
  const previousTerm = firstIndex === 2 ? 1 : 2;
  return {
    from: { peer: "a", replica: 1 },
    to: { peer: "b", replica: 1 },
    term: 2,
    body: {
      kind: "append",
      previousIndex: firstIndex - 1,
      previousTerm,
      commitIndex: firstIndex - 1,
      entries,
    },
  };
}
