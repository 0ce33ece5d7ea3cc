import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { SkeinError } from "../../src/errors.ts";
import { Deadlines } from "../../src/groups/deadlines.ts";
import { decodeEnvelope } from "../../src/groups/envelope.ts";
import type { Group } from "../../src/groups/group.ts";
import { LeaderDirectory } from "../../src/groups/leader_directory.ts";
import { LeaderWatch } from "../../src/groups/leader_watch.ts";
import type { ProposalResult } from "../../src/groups/open_proposals.ts";
import { Proposer } from "../../src/groups/proposer.ts";
import { refuse } from "../../src/groups/refusal.ts";
import { LIMITS } from "../../src/limits.ts";
import { RequestError } from "../../src/net/transport.ts";
import { Random } from "../../src/random.ts";
import { ManualClock } from "../manual_clock.ts";

const OPTIONS = { timeoutMs: 1_000, request: null };

/** A proposer at a peer whose core, or whose leader elsewhere, is the test's. */
function manualProposer(leader = "self") {
  const clock = new ManualClock();
  const proposed: { payload: Uint8Array; settle: (result: ProposalResult) => void }[] = [];
  const refusals: RequestError[] = [];
  const state = { leader, ended: null as SkeinError | null, asked: 0 };
  const group = {
    raft: {
      get leader() {
        return state.leader;
      },
    },
    propose: (payload: Uint8Array, settle: (result: ProposalResult) => void) =>
      void proposed.push({ payload, settle }),
  } as unknown as Group;
  const deadlines = new Deadlines(clock);
  const proposer = new Proposer({
    self: "self",
    bootId: "boot",
    clock,
    random: new Random(1),
    transport: {
      request: () => {
        state.asked++;
        return Promise.reject(refusals.shift() ?? new RequestError("unreachable", "gone"));
      },
    },
    deadlines,
    directory: new LeaderDirectory({
      self: "self",
      clock,
      transport: { request: () => Promise.reject(new Error("nobody is asked")), peers: () => [] },
      deadlines,
      candidates: () => [],
      group: () => group,
      found() {},
    }),
    watch: new LeaderWatch(clock),
    leaderWaitMs: 400,
    group: () => group,
    ended: () => state.ended,
  });
  const propose = (command: unknown = 1) => proposer.propose(0, "tally", command, OPTIONS);
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs <= ms; passedMs += 10) {
      await new Promise<void>((done) => setImmediate(done));
      clock.advance(10);
    }
    await new Promise<void>((done) => setImmediate(done));
  };
  return { clock, proposed, refusals, state, propose, run };
}

function sequenceOf(payload: Uint8Array): readonly [number, number] {
  const envelope = decodeEnvelope(payload);
  assert.ok(envelope?.kind === "command" && envelope.request?.kind === "session");
  return [envelope.request.sequence, envelope.request.lowestOpen];
}

Deno.test("minted ids grow, and an answered one is not held open", async () => {
  const { proposed, propose, run } = manualProposer();
  for (const sequence of [1, 2, 3]) {
    const answer = propose();
    await run(0);
    const { payload, settle } = proposed[sequence - 1]!;
    assert.deepEqual(sequenceOf(payload), [sequence, sequence]);
    settle({ kind: "applied", answer: sequence });
    assert.equal(await answer, sequence);
  }
});

Deno.test("a machine's refusal is the caller's error", async () => {
  const { proposed, propose, run } = manualProposer();
  const answer = propose();
  await run(0);
  proposed[0]!.settle({ kind: "applied", answer: refuse("TOO_MANY_REQUESTS", "enough") });
  await assert.rejects(answer, { code: "TOO_MANY_REQUESTS", message: "enough" });
});

Deno.test("what the core refuses for the moment is tried again, with the same payload", async () => {
  const { proposed, propose, run } = manualProposer();
  const answer = propose();
  await run(0);
  proposed[0]!.settle({ kind: "refused", refusal: { ok: false, reason: "transferring" } });
  await run(50);
  assert.deepEqual(proposed[1]!.payload, proposed[0]!.payload);
  proposed[1]!.settle({ kind: "unknown" });
  await run(50);
  assert.deepEqual(proposed[2]!.payload, proposed[0]!.payload);
  proposed[2]!.settle({ kind: "applied", answer: "yes" });
  assert.equal(await answer, "yes");
});

Deno.test("a full log is the caller's to know", async () => {
  const { proposed, propose, run } = manualProposer();
  const answer = propose();
  await run(0);
  proposed[0]!.settle({ kind: "refused", refusal: { ok: false, reason: "busy" } });
  await assert.rejects(answer, { code: "TOO_MANY_REQUESTS" });
});

Deno.test("bytes and numbers of open writes are bounded, and given back", async () => {
  const { proposed, propose, run } = manualProposer();
  const large = new Uint8Array(LIMITS.commandBytesMax - 1_000);
  const fitting = Math.ceil(LIMITS.pendingProposalBytesMax / large.length);
  const answers = Array.from({ length: fitting }, () => propose(large));
  await run(0);
  await assert.rejects(propose(), { code: "TOO_MANY_REQUESTS" });
  for (const { settle } of proposed) settle({ kind: "applied", answer: null });
  await Promise.all(answers);
  const next = propose();
  await run(0);
  proposed.at(-1)!.settle({ kind: "applied", answer: "again" });
  assert.equal(await next, "again");
});

Deno.test("a command that is too large is refused, and holds nothing", async () => {
  const { proposed, propose } = manualProposer();
  const command = new Uint8Array(LIMITS.commandBytesMax + 1);
  for (let time = 0; time < 50; time++) {
    await assert.rejects(propose(command), { code: "PAYLOAD_TOO_LARGE" });
  }
  assert.equal(proposed.length, 0);
});

Deno.test("what another peer refuses is tried again where another leader may be, else told", async () => {
  const transient = ["NOT_LEADER", "NO_LEADER", "SHUTTING_DOWN", "STORAGE_FAILED", "UNAVAILABLE"];
  for (const code of transient) {
    const { refusals, state, propose, run } = manualProposer("other");
    refusals.push(
      new RequestError("refused", "no", code),
      new RequestError("refused", "no", "INVALID"),
    );
    const answer = assert.rejects(propose(), { code: "INVALID" });
    await run(100);
    await answer;
    assert.equal(state.asked, 2);
  }
  const final = { CONFLICT: "CONFLICT", NOT_A_CODE_HERE: "INTERNAL", toString: "INTERNAL" };
  for (const [code, told] of Object.entries(final)) {
    const { refusals, propose, run } = manualProposer("other");
    refusals.push(new RequestError("refused", "no", code));
    const answer = assert.rejects(propose(), { code: told });
    await run(0);
    await answer;
  }
});

Deno.test("whether a lost command happened stays unknown, even where the end is told otherwise", async () => {
  const { refusals, propose, run } = manualProposer("other");
  refusals.push(new RequestError("lost", "gone"), new RequestError("refused", "no", "INVALID"));
  const answer = assert.rejects(propose(), { code: "OUTCOME_UNKNOWN" });
  await run(100);
  await answer;
});

Deno.test("without a leader a caller waits so long and is told that there is none", async () => {
  const { clock, propose, run } = manualProposer("other");
  const answer = assert.rejects(propose(), { code: "NO_LEADER" });
  await run(390);
  assert.ok(clock.timers > 0);
  await run(100);
  await answer;
});
