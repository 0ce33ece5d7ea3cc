/**
 * One peer's state machine by itself: each rule that keeps a founder from promising or forgetting
 * too much, as the messages and writes that it answers with.
 */
import assert from "node:assert/strict";
import { Formation } from "../../src/members/formation.ts";
import type { FormationEffect } from "../../src/members/formation_effect.ts";
import type { FormationMessage } from "../../src/members/formation_message.ts";
import { EMPTY_RECORD, type FormationRecord } from "../../src/members/formation_record.ts";
import {
  abortBytes,
  commitBytes,
  type FormationPlan,
  makePlan,
  planName,
} from "../../src/members/plan.ts";
import { PLAN_TIMEOUT_MS, RETRY_MS } from "../../src/members/proposer.ts";
import type { Hello } from "../../src/net/transport.ts";
import { worldSigner } from "./formation_harness.ts";
import { idOf, infoOf } from "./peers.ts";

const PARAMETERS = { partitions: 16, replicas: 3, systemVoters: 3 };

function helloOf(number: number, changes: Partial<Hello> = {}): Hello {
  const { id: _id, ...info } = infoOf(number);
  return { ...info, clusterId: null, expect: 3, ...changes };
}

function planOf(proposer: number, members: number[], attempt = 1): FormationPlan {
  const name = { proposer: idOf(proposer), attempt };
  const clusterId = proposer.toString(16).padStart(32, "0");
  return makePlan(name, clusterId, members.map((member) => infoOf(member)), PARAMETERS);
}

function acceptedBy(plan: FormationPlan): FormationMessage {
  return { kind: "accepted", plan: planName(plan) };
}

function commitOf(plan: FormationPlan): FormationMessage {
  return { kind: "commit", plan, signature: worldSigner(plan.proposer).sign(commitBytes(plan)) };
}

/** A peer whose writes are durable when the test says so. */
class Subject {
  readonly formation: Formation;
  nowMs = 1_000;
  sent: { to: string; message: FormationMessage }[] = [];
  writes: FormationRecord[] = [];
  lines: string[] = [];
  formed = 0;

  constructor(number: number, record = EMPTY_RECORD, expect = 3) {
    this.formation = new Formation({
      self: idOf(number),
      hello: helloOf(number, { expect }),
      parameters: PARAMETERS,
      signer: worldSigner(idOf(number)),
      makeClusterId: () => number.toString(16).padStart(32, "0"),
      record,
    });
    this.#take(this.formation.start(this.nowMs));
  }

  meet(...numbers: number[]): void {
    for (const number of numbers) this.meetAs(helloOf(number), number);
  }

  meetAs(hello: Hello, number: number): void {
    this.#take(this.formation.met(idOf(number), hello, this.nowMs));
  }

  receive(from: number, message: FormationMessage): void {
    this.#take(this.formation.received(idOf(from), message, this.nowMs));
  }

  durable(): void {
    this.#take(this.formation.durable(this.nowMs));
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.#take(this.formation.tick(this.nowMs));
  }

  /** What was sent since the last call, as `kind to`. */
  takeSent(): string[] {
    const sent = this.sent.map(({ to, message }) =>
      `${message.kind} ${parseInt(to.slice(0, 2), 16)}`
    );
    this.sent = [];
    return sent;
  }

  get lastWrite(): string | undefined {
    return this.writes.at(-1)?.state.kind;
  }

  #take(effects: readonly FormationEffect[]): void {
    this.formation.checkInvariants();
    for (const effect of effects) {
      if (effect.kind === "send") this.sent.push(effect);
      else if (effect.kind === "makeDurable" || effect.kind === "commit") {
        this.writes.push(effect.record);
      } else if (effect.kind === "log") this.lines.push(effect.message);
      else if (effect.kind === "formed") this.formed++;
    }
  }
}

/** Peer 1, whose plan for 1, 2 and 3 is durable and sent. */
function proposer(): { subject: Subject; plan: FormationPlan } {
  const subject = new Subject(1);
  subject.meet(2, 3);
  subject.durable();
  assert.deepEqual(subject.takeSent(), ["plan 2", "plan 3"]);
  const { state } = subject.formation.record;
  assert.ok(state.kind === "held");
  return { subject, plan: state.plan };
}

Deno.test("a plan is sent, and accepted, only once it is durable", () => {
  const subject = new Subject(1);
  subject.meet(2, 3);
  assert.deepEqual([subject.lastWrite, subject.takeSent()], ["held", []]);
  const acceptor = new Subject(2);
  acceptor.meet(1);
  acceptor.receive(1, { kind: "plan", plan: planOf(1, [1, 2, 3]) });
  assert.deepEqual([acceptor.lastWrite, acceptor.takeSent()], ["held", []]);
  acceptor.durable();
  assert.deepEqual(acceptor.takeSent(), ["accepted 1"]);
});

Deno.test("only when all have accepted is a plan committed, and only then told, once durable", () => {
  const { subject, plan } = proposer();
  subject.receive(2, acceptedBy(plan));
  subject.receive(2, acceptedBy(plan));
  subject.receive(9, acceptedBy(plan));
  assert.equal(subject.lastWrite, "held");
  subject.receive(3, acceptedBy(plan));
  assert.deepEqual([subject.lastWrite, subject.takeSent(), subject.formed], ["formed", [], 0]);
  subject.durable();
  assert.deepEqual([subject.takeSent(), subject.formed], [["commit 2", "commit 3"], 1]);
});

Deno.test("an abort is told only once it is durable", () => {
  const { subject } = proposer();
  subject.pass(PLAN_TIMEOUT_MS);
  assert.deepEqual([subject.lastWrite, subject.takeSent()], ["empty", []]);
  subject.durable();
  assert.deepEqual(subject.takeSent(), ["abort 2", "abort 3"]);
});

Deno.test("who accepted an earlier plan has not accepted the next", () => {
  const { subject, plan } = proposer();
  subject.receive(2, acceptedBy(plan));
  subject.pass(PLAN_TIMEOUT_MS);
  subject.durable();
  subject.pass(RETRY_MS);
  subject.durable();
  assert.equal(subject.formation.record.attempts, 2);
  subject.takeSent();
  subject.receive(2, acceptedBy(plan));
  assert.deepEqual(subject.takeSent(), ["abort 2"], "the earlier plan was aborted");
  subject.receive(3, { kind: "accepted", plan: { proposer: idOf(1), attempt: 2 } });
  assert.equal(subject.lastWrite, "held");
  subject.receive(2, { kind: "accepted", plan: { proposer: idOf(1), attempt: 2 } });
  assert.equal(subject.lastWrite, "formed");
});

Deno.test("a peer with another N is not counted, and refuses plans of another N", () => {
  const subject = new Subject(1);
  subject.meet(2);
  subject.meetAs(helloOf(3, { expect: 4 }), 3);
  subject.pass(60_000);
  assert.deepEqual(subject.writes, []);
  const acceptor = new Subject(2, EMPTY_RECORD, 4);
  acceptor.meet(1);
  acceptor.receive(1, { kind: "plan", plan: planOf(1, [1, 2, 3]) });
  assert.deepEqual([acceptor.takeSent(), acceptor.writes], [["refused 1"], []]);
});

Deno.test("a plan counts only from its proposer, and only for its members", () => {
  const acceptor = new Subject(2);
  acceptor.meet(1, 3);
  acceptor.writes = [];
  acceptor.receive(3, { kind: "plan", plan: planOf(1, [1, 2, 3]) });
  acceptor.receive(1, { kind: "plan", plan: planOf(1, [1, 3, 4]) });
  assert.deepEqual([acceptor.takeSent(), acceptor.writes], [[], []]);
});

Deno.test("a founder holds one plan: a second is refused, naming the first", () => {
  const acceptor = new Subject(3);
  acceptor.meet(1, 2);
  acceptor.receive(2, { kind: "plan", plan: planOf(2, [2, 3, 4]) });
  acceptor.durable();
  acceptor.takeSent();
  acceptor.receive(1, { kind: "plan", plan: planOf(1, [1, 2, 3]) });
  const [refused] = acceptor.sent;
  assert.ok(refused?.message.kind === "refused");
  assert.deepEqual([refused.to, refused.message.holding], [
    idOf(1),
    { proposer: idOf(2), attempt: 1 },
  ]);
  assert.equal(acceptor.writes.length, 1);
  // Not even a later plan of the same proposer: it has to abort the first.
  acceptor.receive(2, { kind: "plan", plan: planOf(2, [2, 3, 4], 2) });
  assert.equal(acceptor.writes.length, 1);
});

Deno.test("a proposer whose earlier plan is still held sends its abort, and the plan again", () => {
  const { subject, plan } = proposer();
  subject.pass(PLAN_TIMEOUT_MS);
  subject.durable();
  subject.pass(RETRY_MS);
  subject.durable();
  subject.takeSent();
  const current = { proposer: idOf(1), attempt: 2 };
  const holding = planName(plan);
  subject.receive(2, { kind: "refused", plan: current, reason: "holds another plan", holding });
  assert.deepEqual(subject.takeSent(), ["abort 2", "plan 2"]);
});

Deno.test("a proposer gives way to a lower identity's plan, in one write, and not to a higher one's", () => {
  const own = planOf(2, [2, 3, 4]);
  const subject = new Subject(2, { attempts: 1, state: { kind: "held", plan: own } });
  subject.meet(1, 3);
  subject.takeSent();
  subject.receive(3, { kind: "plan", plan: planOf(3, [2, 3, 4]) });
  assert.deepEqual([subject.takeSent(), subject.writes], [["refused 3"], []]);
  const lower = planOf(1, [1, 2, 3]);
  subject.receive(1, { kind: "plan", plan: lower });
  assert.deepEqual(subject.writes, [{ attempts: 1, state: { kind: "held", plan: lower } }]);
  assert.deepEqual(subject.takeSent(), []);
  subject.durable();
  assert.deepEqual(subject.takeSent(), ["abort 3", "abort 4", "accepted 1"]);
});

Deno.test("a refusal because of a lower identity's plan ends the own one, a higher one's does not", () => {
  const plan = planOf(2, [2, 3, 4]);
  const subject = new Subject(2, { attempts: 1, state: { kind: "held", plan } });
  subject.meet(3, 4);
  const refused = { kind: "refused", plan: planName(plan), reason: "holds another plan" } as const;
  subject.receive(3, { ...refused, holding: { proposer: idOf(4), attempt: 1 } });
  assert.deepEqual(subject.writes, []);
  subject.receive(9, { ...refused, holding: { proposer: idOf(1), attempt: 1 } });
  assert.deepEqual(subject.writes, [], "the refusal of a stranger");
  subject.receive(3, { ...refused, holding: { proposer: idOf(1), attempt: 1 } });
  assert.equal(subject.lastWrite, "empty");
});

Deno.test("a peer that is formed, joining or joined refuses every plan", () => {
  const own = planOf(2, [2, 3, 4]);
  const states: FormationRecord["state"][] = [
    { kind: "formed", plan: own, signature: new Uint8Array(64) },
    { kind: "joining", clusterId: own.clusterId },
    { kind: "joined", clusterId: own.clusterId },
  ];
  for (const state of states) {
    const subject = new Subject(2, { attempts: 1, state });
    subject.meet(1);
    subject.receive(1, { kind: "plan", plan: planOf(1, [1, 2, 3]) });
    assert.deepEqual([subject.takeSent(), subject.writes], [["refused 1"], []], state.kind);
  }
});

Deno.test("a commit is taken only for the plan that is held, from whoever brings it", () => {
  const plan = planOf(1, [1, 2, 3]);
  const empty = new Subject(2);
  empty.receive(1, commitOf(plan));
  assert.deepEqual(empty.writes, []);
  assert.match(empty.lines[0]!, /its data does not hold it/);
  const holder = new Subject(2, { attempts: 0, state: { kind: "held", plan } });
  holder.receive(3, commitOf(planOf(1, [1, 2, 3], 2)));
  assert.deepEqual(holder.writes, []);
  holder.receive(3, commitOf(plan));
  assert.equal(holder.lastWrite, "formed");
  holder.durable();
  assert.deepEqual([holder.takeSent(), holder.formed], [["committed 3"], 1]);
});

Deno.test("a commit whose plan was altered on the way is not the proposer's", () => {
  const plan = planOf(1, [1, 2, 3]);
  const holder = new Subject(2, { attempts: 0, state: { kind: "held", plan } });
  const { signature } = commitOf(plan) as { signature: Uint8Array };
  holder.receive(3, { kind: "commit", plan: { ...plan, partitions: 32 }, signature });
  assert.deepEqual(holder.writes, []);
});

Deno.test("an abort ends only the plan that it names", () => {
  const plan = planOf(1, [1, 2, 3], 2);
  const holder = new Subject(2, { attempts: 0, state: { kind: "held", plan } });
  const abortOf = (attempt: number): FormationMessage => {
    const name = { proposer: idOf(1), attempt };
    return { kind: "abort", plan: name, signature: worldSigner(idOf(1)).sign(abortBytes(name)) };
  };
  holder.receive(1, abortOf(1));
  assert.deepEqual(holder.writes, []);
  holder.receive(3, abortOf(2));
  assert.equal(holder.lastWrite, "empty");
});

Deno.test("a crash resumes with the same plan: the proposer sends it again, the acceptor asks", () => {
  const plan = planOf(1, [1, 2, 3]);
  const record: FormationRecord = { attempts: 1, state: { kind: "held", plan } };
  const resumed = new Subject(1, record);
  resumed.meet(2, 3);
  assert.deepEqual([resumed.writes, resumed.takeSent()], [[], ["plan 2", "plan 3"]]);
  const acceptor = new Subject(2, { ...record, attempts: 0 });
  assert.match(acceptor.lines[0]!, /only its proposer can end it: peer-1/);
  acceptor.meet(1);
  assert.deepEqual(acceptor.takeSent(), ["accepted 1"]);
});

Deno.test("an empty peer ties itself to a cluster, durably, before it asks to be added", () => {
  const subject = new Subject(5, EMPTY_RECORD, 0);
  const clusterId = "c".repeat(32);
  const effects = subject.formation.met(idOf(1), helloOf(1, { clusterId }), subject.nowMs);
  assert.deepEqual(effects.map((effect) => effect.kind), ["makeDurable"]);
  const next = subject.formation.durable(subject.nowMs);
  assert.deepEqual(next, [{ kind: "join", through: idOf(1), clusterId }]);
});
