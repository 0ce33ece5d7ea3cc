import assert from "node:assert/strict";
import { Expiry } from "../../src/groups/expiry.ts";
import type { Group } from "../../src/groups/group.ts";
import type { ProposalResult } from "../../src/groups/open_proposals.ts";
import { ManualClock } from "../manual_clock.ts";

const TICK = new Uint8Array([1]);

/** A group with deadlines, whose tick entries are settled by the test. */
class DeadlineGroup {
  leads = true;
  deadlineMs: number | null = null;
  readonly machine: unknown;
  readonly proposed: ((result: ProposalResult) => void)[] = [];

  constructor(readonly clock: ManualClock, readonly aheadMs = 0) {
    this.machine = { tickPayload: TICK, nextDeadlineMs: () => this.deadlineMs };
  }

  timeMs(): number {
    return this.clock.monotonicMs() + this.aheadMs;
  }

  propose(payload: Uint8Array, settle: (result: ProposalResult) => void): void {
    assert.equal(payload, TICK);
    this.proposed.push(settle);
  }
}

function manualExpiry(count = 1) {
  const clock = new ManualClock();
  const groups = Array.from(
    { length: count },
    (_, place) => new DeadlineGroup(clock, place * 1_000),
  );
  const expiry = new Expiry(clock, () => groups as unknown as Group[]);
  return { clock, groups, group: groups[0]!, expiry };
}

Deno.test("at the deadline one tick entry is proposed, in group time", () => {
  const { clock, groups: [, ahead], expiry } = manualExpiry(2);
  ahead!.deadlineMs = 3_000;
  expiry.arm();
  clock.advance(1_999);
  assert.equal(ahead!.proposed.length, 0);
  clock.advance(60);
  assert.equal(ahead!.proposed.length, 1);
  clock.advance(10_000);
  assert.equal(ahead!.proposed.length, 1, "until it is settled there is no other");
});

Deno.test("an earlier deadline takes the timer's place; a later one is found when it fires", () => {
  const { clock, group, expiry } = manualExpiry();
  group.deadlineMs = 5_000;
  expiry.arm();
  group.deadlineMs = 1_000;
  expiry.arm();
  assert.equal(clock.timers, 1);
  clock.advance(500);
  group.deadlineMs = 2_000;
  expiry.arm();
  clock.advance(1_400);
  assert.equal(group.proposed.length, 0);
  clock.advance(200);
  assert.equal(group.proposed.length, 1);
});

Deno.test("whatever became of a tick entry, the next deadline is served", () => {
  const { clock, group, expiry } = manualExpiry();
  const refusal = { ok: false, reason: "transferring" } as const;
  const results: ProposalResult[] = [
    { kind: "applied", answer: null },
    { kind: "unknown" },
    { kind: "refused", refusal },
  ];
  for (const [round, result] of results.entries()) {
    group.deadlineMs = (round + 1) * 1_000;
    expiry.arm();
    clock.advance(1_050);
    assert.equal(group.proposed.length, round + 1);
    group.proposed[round]!(result);
  }
  clock.advance(60);
  assert.equal(group.proposed.length, 4, "the deadline of the refused one has still passed");
});

Deno.test("deadlines close together share an entry, and a passed one is not asked for in a tight loop", () => {
  const { clock, group, expiry } = manualExpiry();
  group.deadlineMs = -5;
  expiry.arm();
  for (let ms = 0; ms < 500; ms++) {
    clock.advance(1);
    group.proposed.at(-1)?.({ kind: "unknown" });
    expiry.arm();
  }
  assert.ok(group.proposed.length >= 5 && group.proposed.length <= 10);
});

Deno.test("only the leader's deadlines count, and none after the end", () => {
  const { clock, group, expiry } = manualExpiry();
  group.leads = false;
  group.deadlineMs = 100;
  expiry.arm();
  assert.equal(clock.timers, 0);
  group.leads = true;
  expiry.arm();
  group.leads = false;
  clock.advance(1_000);
  assert.equal(group.proposed.length, 0);
  group.leads = true;
  expiry.arm();
  expiry.stop();
  expiry.arm();
  clock.advance(1_000);
  assert.equal(group.proposed.length, 0);
  assert.equal(clock.timers, 0);
});
