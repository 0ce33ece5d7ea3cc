import assert from "node:assert/strict";
import { decodeEnvelope, encodeEnvelope, TICK_PAYLOAD } from "../../src/groups/envelope.ts";
import { encode } from "../../src/codec/msgpack.ts";
import { GroupMachine } from "../../src/groups/group_machine.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { errorOf, refuse } from "../../src/groups/refusal.ts";
import type { EntryKind } from "../../src/raft/entry.ts";
import { type TallyEffect, TallyMachine } from "./tally_machine.ts";

class Driver {
  #index = 1;
  constructor(readonly group: GroupMachine) {}

  entry(payload: Uint8Array, timeMs: number, kind: EntryKind = "command") {
    const applied = this.group.apply({ index: ++this.#index, term: 3, kind, timeMs, payload });
    this.group.checkInvariants();
    return applied;
  }

  command(body: unknown, timeMs = 0, request: RequestKey | null = null, machine = "tally") {
    return this.entry(encodeEnvelope(machine, request, body), timeMs);
  }
}

function driver(...names: string[]): Driver {
  const machines = (names.length === 0 ? ["tally"] : names).map((name) => new TallyMachine(name));
  return new Driver(new GroupMachine(7, machines));
}

const NOTHING = new Uint8Array(0);
const id: RequestKey = { kind: "caller", principal: "ann", id: "x" };

Deno.test("group time is the latest stamp so far, and never goes back", () => {
  const group = driver();
  assert.equal(group.entry(NOTHING, 500, "empty").context.timeMs, 500);
  assert.equal(group.command(["add", "a", 1], 300).context.timeMs, 500);
  assert.equal(group.entry(NOTHING, 700, "configuration").context.timeMs, 700);
  assert.deepEqual(group.entry(TICK_PAYLOAD, 650).context, {
    group: 7,
    index: 5,
    term: 3,
    timeMs: 700,
  });
});

Deno.test("every kind of entry ends what is due before it does anything else", () => {
  const group = driver();
  for (const kind of ["empty", "configuration"] as const) {
    group.command(["wait", "", 10], group.group.timeMs);
    assert.equal(group.entry(NOTHING, group.group.timeMs + 10, kind).effects.length, 1);
  }
  group.command(["wait", "", 10], group.group.timeMs);
  assert.equal(group.entry(TICK_PAYLOAD, group.group.timeMs + 10).effects.length, 1);
  group.command(["wait", "", 10], group.group.timeMs);
  const { answer, effects } = group.command(["add", "a", 1], group.group.timeMs + 10);
  assert.equal(answer, 1);
  assert.equal(effects.length, 1);
});

Deno.test("the machine with the earlier deadline expires first", () => {
  const two = driver("one", "two");
  two.command(["wait", "", 20], 0, null, "one");
  two.command(["wait", "", 10], 0, null, "two");
  assert.equal(two.group.nextDeadlineMs(), 10);
  const effects = two.entry(TICK_PAYLOAD, 30).effects as readonly TallyEffect[];
  assert.deepEqual(effects.map(({ by }) => by), ["two", "one"]);
  assert.equal(two.group.nextDeadlineMs(), null);
});

Deno.test("the same request executes once, and its wait's end is its answer", () => {
  const group = driver();
  assert.equal(group.command(["add", "a", 1], 0, id).answer, 1);
  assert.equal(group.command(["add", "a", 1], 0, id).answer, 1);
  assert.equal(group.command(["add", "a", 1], 0).answer, 2);
  const other = { ...id, id: "y" } as RequestKey;
  assert.equal(group.command(["wait", "", 50], 0, other).answer, "waiting");
  assert.equal(group.command(["wait", "", 50], 20, other).answer, "waiting");
  group.entry(TICK_PAYLOAD, 50);
  assert.equal(group.command(["wait", "", 50], 60, other).answer, "ended at 50");
});

Deno.test("another request under the same id is refused, also at another machine", () => {
  const group = driver("tally", "other");
  group.command(["add", "a", 1], 0, id);
  for (const machine of ["tally", "other"]) {
    const body = machine === "tally" ? ["add", "a", 2] : ["add", "a", 1];
    const error = errorOf(group.command(body, 0, id, machine).answer);
    assert.equal(error?.code, "REQUEST_ID_REUSED");
  }
});

Deno.test("a refused request is not remembered", () => {
  const group = driver();
  assert.equal(errorOf(group.command(["refuse"], 0, id).answer)?.code, "TOO_MANY_REQUESTS");
  assert.equal(group.command(["add", "a", 1], 0, id).answer, 1);
});

Deno.test("what this version does not know is answered, never fatal", () => {
  const group = driver();
  const payloads = [
    NOTHING,
    new Uint8Array([0xc1]),
    encode("text"),
    encode([1, null, null]),
    encode(["tally", null]),
    encode(["tally", [], ["add", "a", 1]]),
    encode(["tally", ["s", "b", -1, 0], ["add", "a", 1]]),
    encode(["tally", ["s", "b", 1.5, 0], ["add", "a", 1]]),
    encodeEnvelope("nobody", null, ["add", "a", 1]),
    encodeEnvelope("tally", null, ["subtract", "a", 1]),
    encodeEnvelope("tally", id, { "deep": [[[]]] }),
  ];
  for (const payload of payloads) {
    assert.equal(errorOf(group.entry(payload, 0).answer)?.code, "INVALID");
  }
  assert.equal(group.command(["add", "a", 1]).answer, 1, "nothing of it was executed");
});

Deno.test("an envelope comes back as it went in", () => {
  const session: RequestKey = {
    kind: "session",
    session: "s",
    bootId: "b",
    sequence: 2 ** 40,
    lowestOpen: 3,
  };
  for (const request of [null, id, session]) {
    const body = ["add", "ü", 5, new Uint8Array([1, 2])];
    const envelope = decodeEnvelope(encodeEnvelope("tally", request, body));
    assert.deepEqual(envelope, { kind: "command", machine: "tally", request, body });
  }
  assert.deepEqual(decodeEnvelope(TICK_PAYLOAD), { kind: "tick" });
});

Deno.test("a refusal becomes the error that its caller sees", () => {
  const error = errorOf(refuse("CONFLICT", "no", { why: 1 }));
  assert.deepEqual([error?.code, error?.message, error?.details], ["CONFLICT", "no", { why: 1 }]);
  assert.equal(
    errorOf({ refused: { code: "OF_ANOTHER_VERSION", message: "no" } })?.code,
    "INTERNAL",
  );
  for (const answer of [null, 1, "refused", { kind: "granted" }]) {
    assert.equal(errorOf(answer), null);
  }
});

Deno.test("a snapshot may be cut at any byte, and misses no byte unseen", () => {
  const group = driver("one", "two");
  group.command(["add", "a", 1], 40, id, "one");
  group.command(["wait", "", 10], 40, null, "two");
  const bytes = new Uint8Array(chunksOf(group.group).flatMap((chunk) => [...chunk]));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const copy = driver("one", "two");
    copy.group.restore([bytes.slice(0, cut), new Uint8Array(0), bytes.slice(cut)]);
    assert.equal(copy.group.timeMs, 40);
    assert.equal(copy.group.nextDeadlineMs(), 50);
    assert.equal(copy.command(["add", "a", 1], 40, id, "one").answer, 1);
    if (cut === bytes.length) continue;
    assert.throws(() => driver("one", "two").group.restore([bytes.slice(0, cut)]));
  }
});

Deno.test("sections may be many frames long, and change while they are pulled", () => {
  const group = driver("one", "two");
  for (let n = 0; n < 8_000; n++) {
    group.group.apply({
      index: n + 2,
      term: 1,
      kind: "command",
      timeMs: 0,
      payload: encodeEnvelope(n % 2 === 0 ? "one" : "two", null, ["add", nameOf(n), 1]),
    });
  }
  const chunks: Uint8Array[] = [];
  const snapshot = group.group.snapshot();
  for (let step, n = 0; (step = snapshot.next()).done !== true; n++) {
    chunks.push(step.value);
    for (let k = 0; k < 500; k++) {
      const name = nameOf((n * 500 + k * 7) % 8_000);
      group.command(["add", name, 100], 0, null, k % 2 === 0 ? "one" : "two");
    }
  }
  assert.ok(chunks.length > 4);
  const copy = driver("one", "two");
  copy.group.restore(chunks);
  for (let n = 0; n < 8_000; n++) {
    const machine = n % 2 === 0 ? "one" : "two";
    assert.equal(copy.command(["add", nameOf(n), 0], 0, null, machine).answer, 1);
  }
});

Deno.test("a snapshot with state of an unknown machine is refused; a machine it lacks begins empty", () => {
  const both = driver("one", "two");
  both.command(["add", "a", 1], 0, null, "two");
  assert.throws(() => driver("one").group.restore(chunksOf(both.group)), /two/);
  const one = driver("one");
  one.command(["add", "a", 5], 0, null, "one");
  both.group.restore(chunksOf(one.group));
  assert.equal(both.command(["add", "a", 0], 0, null, "two").answer, 0);
  assert.equal(both.command(["add", "a", 0], 0, null, "one").answer, 5);
});

/** Long, so that a section has several chunks. */
function nameOf(number: number): string {
  return `name-${number}`.padEnd(100, ".");
}

function chunksOf(group: GroupMachine): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const snapshot = group.snapshot();
  for (let step; (step = snapshot.next()).done !== true;) chunks.push(step.value);
  return chunks;
}
