/**
 * `deno bench bench/locks_bench.ts`: the locks machine without Raft, storage or network. What is measured is
 * the cost that each lock operation has on every replica, and the deadlock search in large wait-for graphs.
 */
import { decodeEnvelope, encodeEnvelope } from "../src/groups/envelope.ts";
import { GroupMachine } from "../src/groups/group_machine.ts";
import type { RequestKey } from "../src/groups/groups.ts";
import type { ApplyContext } from "../src/groups/machine.ts";
import { encodeLockCommand, type LockCommand } from "../src/locks/commands.ts";
import type { LockMode } from "../src/locks/locks.ts";
import { LockMachine, LOCKS_MACHINE } from "../src/locks/machine.ts";
import { LockState } from "../src/locks/lock_state.ts";
import { WaitForGraph } from "../src/locks/wait_for_graph.ts";
import { LockService } from "../src/locks/service.ts";
import { SILENT } from "../src/logger.ts";

const PEER = "5e".repeat(32);
const BOOT = "b007".repeat(4);
const CLIENTS = 32;
const PAIRS = 1_000;

function acquire(resource: string, owner: string, serial: number, waitMs = 0): LockCommand {
  const attachment = { peer: PEER, bootId: BOOT, serial };
  const mode: LockMode = "exclusive";
  return { kind: "acquire", resource, owner, mode, waitMs, ttlMs: 30_000, attachment };
}

function session(sequence: number): RequestKey {
  const lowestOpen = Math.max(1, sequence - CLIENTS);
  return { kind: "session", session: "5e5e5e5e5e5e5e5e/0", bootId: BOOT, sequence, lowestOpen };
}

/** Acquire and release in turn by 32 clients, each of a lock of its own. */
function pairs(first: number, keyed: boolean): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const key = (sequence: number) => keyed ? session(sequence) : null;
  for (let pair = 0; pair < PAIRS; pair++) {
    const sequence = first + 2 * pair;
    const [resource, owner] = [`resource-${pair % CLIENTS}`, `owner-${pair % CLIENTS}`];
    const release: LockCommand = { kind: "release", resource, owner, token: null };
    const commands = [acquire(resource, owner, sequence), release];
    commands.forEach((command, place) =>
      payloads.push(
        encodeEnvelope(LOCKS_MACHINE, key(sequence + place), encodeLockCommand(command)),
      )
    );
  }
  return payloads;
}

for (const keyed of [true, false]) {
  const group = new GroupMachine(0, [new LockMachine()]);
  let index = 1;
  let sequence = 1;
  Deno.bench({
    name: `${PAIRS} × acquire + release through the envelope${keyed ? ", with request ids" : ""}`,
    group: "apply",
    fn(bench) {
      const payloads = pairs(sequence, keyed);
      sequence += payloads.length;
      bench.start();
      for (const payload of payloads) {
        group.apply({ index: ++index, term: 1, kind: "command", timeMs: index, payload });
      }
      bench.end();
    },
  });
}

Deno.bench({
  name: `${PAIRS} × acquire + release, the machine alone`,
  group: "apply",
  fn(bench) {
    const machine = new LockMachine();
    const commands: LockCommand[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      const [resource, owner] = [`resource-${pair % CLIENTS}`, `owner-${pair % CLIENTS}`];
      commands.push(acquire(resource, owner, pair));
      commands.push({ kind: "release", resource, owner, token: null });
    }
    let index = 1;
    bench.start();
    for (const command of commands) machine.apply(command, context(++index));
    bench.end();
  },
});

function context(index: number): ApplyContext {
  return { group: 0, index, term: 1, timeMs: index };
}

const WAITERS = 10_000;

/** Owner k holds lock k and waits for lock k + 1; the last one waits for nobody. */
function chain(): LockState {
  const state = new LockState();
  for (let at = 0; at < WAITERS; at++) {
    hold(state, `lock-${at}`, `owner-${at}`, "exclusive", at + 1);
  }
  for (let at = 0; at < WAITERS - 1; at++) {
    wait(state, `lock-${at + 1}`, `owner-${at}`, "exclusive", WAITERS + at + 1);
  }
  return state;
}

/** All wait for one lock, and each of them holds another one. */
function crowd(mode: LockMode): LockState {
  const state = new LockState();
  hold(state, "hot", "holder", "exclusive", 1);
  for (let at = 0; at < WAITERS; at++) {
    hold(state, `lock-${at}`, `owner-${at}`, "exclusive", at + 2);
    const turn = mode === "shared" && at % 2 === 1 ? "exclusive" : mode;
    wait(state, "hot", `owner-${at}`, turn, WAITERS + at + 2);
  }
  return state;
}

function hold(
  state: LockState,
  resource: string,
  name: string,
  mode: LockMode,
  sequence: number,
): void {
  const lock = state.change(resource);
  const owner = state.ownerFor(name);
  const times = { acquiredMs: 0, deadlineMs: 1e6, ttlMs: 1e6 };
  state.addGrant({ lock, owner, mode, token: sequence, sequence, attachments: [], ...times });
}

function wait(
  state: LockState,
  resource: string,
  name: string,
  mode: LockMode,
  sequence: number,
): void {
  const lock = state.change(resource);
  const attachment = { peer: PEER, bootId: BOOT, serial: sequence };
  const times = { sinceMs: 0, deadlineMs: 1e6, ttlMs: 1e6 };
  const owner = state.ownerFor(name);
  state.addWaiter({ lock, owner, mode, sequence, attachments: [attachment], ...times }, lock.last);
}

const graphs: [string, LockState, string][] = [
  ["a chain", chain(), "owner-0"],
  ["one lock, exclusive", crowd("exclusive"), `owner-${WAITERS - 1}`],
  ["one lock, both modes", crowd("shared"), `owner-${WAITERS - 1}`],
];
for (const [name, state, start] of graphs) {
  const graph = new WaitForGraph();
  const owner = state.owner(start)!;
  Deno.bench({
    name: `search among ${WAITERS} waiters: ${name}`,
    group: "deadlock search",
    fn() {
      if (graph.findCycle(owner) !== null) throw new Error("there is no cycle");
    },
  });
}

const READS = 10_000;
const readable = new LockMachine();
for (let at = 0; at < 1_000; at++) {
  readable.apply(acquire(`resource-${at}`, "owner", at), context(at + 2));
}
Deno.bench({
  name: `${READS} × status, the machine`,
  group: "status",
  fn() {
    for (let at = 0; at < READS; at++) {
      if (readable.lock(`resource-${at % 1_000}`) === undefined) throw new Error("it is held");
    }
  },
});

const service = new LockService({
  groups: { listen() {}, timeMs: () => 5_000 } as never,
  machine: readable,
  clock: {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    timer: () => ({ cancel() {} }),
  },
  logger: SILENT,
  peer: PEER,
  bootId: BOOT,
});
Deno.bench({
  name: `${READS} × status, the service`,
  group: "status",
  async fn() {
    for (let at = 0; at < READS; at++) {
      await service.status(`resource-${at % 1_000}`, { stale: true });
    }
  },
});

const body = encodeLockCommand(acquire("resource-1", "owner-1", 1));
const payload = encodeEnvelope(LOCKS_MACHINE, session(40), body);
Deno.bench({
  name: "encode an envelope",
  group: "envelope",
  fn() {
    encodeEnvelope(LOCKS_MACHINE, session(40), body);
  },
});
Deno.bench({
  name: "decode an envelope",
  group: "envelope",
  fn() {
    decodeEnvelope(payload);
  },
});
