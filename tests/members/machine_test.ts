import assert from "node:assert/strict";
import { isRefused } from "../../src/groups/refusal.ts";
import { LIMITS } from "../../src/limits.ts";
import { encodeMembersCommand, type MembersCommand } from "../../src/members/commands.ts";
import { ENDED_BOOTS_MAX, MembersMachine, REMOVED_MAX } from "../../src/members/machine.ts";
import { Random } from "../../src/random.ts";
import { testMachineConformance } from "../groups/machine_conformance.ts";
import { foundedMachine, idOf, infoOf, planOf } from "./peers.ts";

const CLUSTER_ID = "c".repeat(32);

const founded = (count = 3) => foundedMachine(count);

let index = 1;

/** Applies a command as it comes out of an envelope. */
function apply(
  machine: MembersMachine,
  command: MembersCommand,
  timeMs = 1_000,
  entryIndex = ++index,
) {
  const decoded = machine.decode(structuredClone(encodeMembersCommand(command)));
  assert.deepEqual(decoded, command);
  const outcome = machine.apply(decoded!, { group: 0, index: entryIndex, term: 1, timeMs });
  machine.checkInvariants();
  const refusal = isRefused(outcome.answer) ? outcome.answer.refused : null;
  return { refusal, kinds: outcome.effects.map((effect) => effect.kind), effects: outcome.effects };
}

function copyOf(machine: MembersMachine): MembersMachine {
  const copy = new MembersMachine();
  copy.restore(chunksOf(machine));
  return copy;
}

function chunksOf(machine: MembersMachine): Uint8Array[] {
  return [...{ [Symbol.iterator]: () => machine.snapshot() }];
}

Deno.test("the founders are members, with the plan's parameters", () => {
  const machine = founded();
  machine.checkInvariants();
  assert.equal(machine.clusterId, CLUSTER_ID);
  assert.deepEqual([machine.partitions, machine.replicas], [16, 3]);
  assert.deepEqual(machine.members().map(({ id }) => id), [idOf(1), idOf(2), idOf(3)]);
});

Deno.test("before the founding entry nothing is taken, and after it not another one", () => {
  const machine = new MembersMachine(planOf(3));
  assert.deepEqual([machine.members(), machine.clusterId], [[], null]);
  const early = apply(machine, { kind: "join", member: infoOf(4) });
  assert.equal(early.refusal!.code, "UNAVAILABLE");
  const { kinds } = apply(machine, { kind: "found", plan: planOf(3) }, 9);
  assert.deepEqual(kinds, ["memberJoined", "memberJoined", "memberJoined"]);
  assert.equal(machine.member(idOf(3))!.joinedAtMs, 9);
  assert.deepEqual(apply(machine, { kind: "found", plan: planOf(5) }).kinds, []);
  assert.equal(machine.members().length, 3);
});

Deno.test("a replica that joined and one that founded come to the same by the same entries", () => {
  const [founder, joiner] = [new MembersMachine(planOf(3)), new MembersMachine()];
  const commands: MembersCommand[] = [
    { kind: "join", member: infoOf(2, { bootId: "early" }) },
    { kind: "found", plan: planOf(3) },
    { kind: "join", member: infoOf(4) },
  ];
  commands.forEach((command, at) => {
    const [first, second] = [founder, joiner].map((machine) => apply(machine, command, 1_000, at));
    assert.deepEqual(first!.refusal, second!.refusal);
  });
  assert.deepEqual(chunksOf(joiner), chunksOf(founder));
});

Deno.test("join adds a member at its entry's group time; the same again changes nothing", () => {
  const machine = founded();
  assert.deepEqual(apply(machine, { kind: "join", member: infoOf(4) }, 7_000).kinds, [
    "memberJoined",
  ]);
  assert.equal(machine.member(idOf(4))!.joinedAtMs, 7_000);
  const again = apply(machine, { kind: "join", member: infoOf(4) }, 8_000);
  assert.deepEqual([again.refusal, again.kinds], [null, []]);
  const moved = infoOf(4, { addresses: ["10.0.0.4:7000"], zone: "b" });
  assert.deepEqual(apply(machine, { kind: "join", member: moved }, 9_000).kinds, ["memberUpdated"]);
  assert.deepEqual(machine.member(idOf(4)), {
    ...moved,
    joinedAtMs: 7_000,
    dead: false,
    draining: false,
  });
});

Deno.test("a new boot id ends the old boot, which stays owed until it is detached", () => {
  const machine = founded();
  const { effects } = apply(machine, { kind: "join", member: infoOf(2, { bootId: "later" }) });
  assert.deepEqual(effects[1], { kind: "memberBootChanged", peer: idOf(2), oldBootId: "boot-2" });
  assert.deepEqual(machine.endedBoots(), [{ peer: idOf(2), bootId: "boot-2" }]);
  assert.deepEqual(copyOf(machine).endedBoots(), machine.endedBoots());
  apply(machine, { kind: "detached", peer: idOf(2), bootId: "another" });
  assert.equal(machine.endedBoots().length, 1);
  apply(machine, { kind: "detached", peer: idOf(2), bootId: "boot-2" });
  assert.deepEqual(machine.endedBoots(), []);
});

Deno.test("draining is an entry: kept over restarts of the member, and undone by another", () => {
  const machine = founded();
  const on = apply(machine, { kind: "drain", peer: idOf(2), draining: true });
  assert.deepEqual(on.effects, [{ kind: "memberDraining", peer: idOf(2), draining: true }]);
  assert.deepEqual(apply(machine, { kind: "drain", peer: idOf(2), draining: true }).kinds, []);
  apply(machine, { kind: "join", member: infoOf(2, { bootId: "later" }) });
  assert.equal(machine.member(idOf(2))!.draining, true);
  assert.equal(copyOf(machine).member(idOf(2))!.draining, true);
  apply(machine, { kind: "drain", peer: idOf(2), draining: false });
  assert.equal(machine.member(idOf(2))!.draining, false);
  const unknown = apply(machine, { kind: "drain", peer: idOf(9), draining: true });
  assert.equal(unknown.refusal!.code, "NOT_FOUND");
});

Deno.test("the last living member that does not drain may not", () => {
  const machine = founded();
  apply(machine, { kind: "markDead", peer: idOf(1), bootId: "boot-1" });
  apply(machine, { kind: "drain", peer: idOf(2), draining: true });
  const { refusal } = apply(machine, { kind: "drain", peer: idOf(3), draining: true });
  assert.equal(refusal!.code, "CONFLICT");
  assert.match(refusal!.message, /no living member but peer-3/);
  assert.equal(machine.member(idOf(3))!.draining, false);
  assert.equal(apply(machine, { kind: "drain", peer: idOf(1), draining: true }).refusal, null);
});

Deno.test("the revision rises with every entry that changes the members, and with no other", () => {
  const machine = founded();
  const changing: MembersCommand[] = [
    { kind: "join", member: infoOf(4) },
    { kind: "markDead", peer: idOf(4), bootId: "boot-4" },
    { kind: "markAlive", peer: idOf(4) },
    { kind: "drain", peer: idOf(4), draining: true },
    { kind: "remove", peer: idOf(4) },
  ];
  for (const command of changing) {
    const before = machine.revision;
    apply(machine, command);
    assert.ok(machine.revision > before, command.kind);
    assert.equal(copyOf(machine).revision, machine.revision);
  }
  const { revision } = machine;
  apply(machine, { kind: "markAlive", peer: idOf(3) });
  apply(machine, { kind: "drain", peer: idOf(4), draining: true });
  assert.equal(machine.revision, revision);
});

Deno.test("names are unique: the second is refused, by the name of the first", () => {
  const machine = founded();
  const before = chunksOf(machine);
  const { refusal, kinds } = apply(machine, {
    kind: "join",
    member: infoOf(4, { name: "peer-2" }),
  });
  assert.equal(refusal!.code, "CONFLICT");
  assert.match(refusal!.message, /the name peer-2 belongs to the member 02020202/);
  assert.deepEqual(kinds, []);
  assert.deepEqual(chunksOf(machine), before, "a refusal leaves no trace");
  assert.ok(apply(machine, { kind: "join", member: infoOf(3, { name: "peer-2" }) }).refusal);
  assert.equal(
    apply(machine, { kind: "join", member: infoOf(3, { name: "other" }) }).refusal,
    null,
  );
});

Deno.test("a removed identity never comes back, its name may", () => {
  const machine = founded();
  assert.deepEqual(apply(machine, { kind: "remove", peer: idOf(3) }).kinds, ["memberRemoved"]);
  assert.equal(machine.member(idOf(3)), null);
  assert.deepEqual(machine.endedBoots(), [{ peer: idOf(3), bootId: "boot-3" }]);
  const back = apply(machine, { kind: "join", member: infoOf(3, { name: "new" }) });
  assert.match(back.refusal!.message, /was removed from the cluster.*empty data directory/);
  assert.match(
    apply(copyOf(machine), { kind: "join", member: infoOf(3) }).refusal!.message,
    /removed/,
  );
  assert.equal(
    apply(machine, { kind: "join", member: infoOf(4, { name: "peer-3" }) }).refusal,
    null,
  );
  assert.equal(apply(machine, { kind: "remove", peer: idOf(3) }).refusal!.code, "NOT_FOUND");
});

Deno.test("the last member cannot be removed", () => {
  const machine = founded(1);
  assert.equal(apply(machine, { kind: "remove", peer: idOf(1) }).refusal!.code, "CONFLICT");
});

Deno.test("dead is an entry that names the boot: one that came back meanwhile is not dead", () => {
  const machine = founded();
  const stale = { kind: "markDead", peer: idOf(2), bootId: "earlier" } as const;
  assert.equal(apply(machine, stale).refusal!.code, "CONFLICT");
  const dead = apply(machine, { ...stale, bootId: "boot-2" });
  assert.deepEqual(dead.effects, [{ kind: "memberDead", peer: idOf(2), bootId: "boot-2" }]);
  assert.deepEqual(machine.endedBoots(), [{ peer: idOf(2), bootId: "boot-2" }]);
  assert.deepEqual(apply(machine, { ...stale, bootId: "boot-2" }).kinds, []);
  assert.deepEqual(apply(machine, { kind: "markAlive", peer: idOf(2) }).kinds, ["memberAlive"]);
  assert.deepEqual(apply(machine, { kind: "markAlive", peer: idOf(2) }).kinds, []);
});

Deno.test("a dead member that registers again is alive", () => {
  const machine = founded();
  apply(machine, { kind: "markDead", peer: idOf(2), bootId: "boot-2" });
  const { kinds } = apply(machine, { kind: "join", member: infoOf(2, { bootId: "later" }) });
  assert.deepEqual(kinds, ["memberUpdated", "memberAlive", "memberBootChanged"]);
  assert.equal(machine.member(idOf(2))!.dead, false);
});

Deno.test("a boot that registers is not owed any more: it lives", () => {
  const machine = founded();
  apply(machine, { kind: "join", member: infoOf(2, { bootId: "later" }) });
  apply(machine, { kind: "join", member: infoOf(2) });
  assert.deepEqual(machine.endedBoots(), [{ peer: idOf(2), bootId: "later" }]);
});

Deno.test("past membersMax a join is refused, an update is not", () => {
  const machine = founded();
  for (let number = 4; number <= LIMITS.membersMax; number++) {
    assert.equal(apply(machine, { kind: "join", member: infoOf(number) }).refusal, null);
  }
  const { refusal } = apply(machine, { kind: "join", member: infoOf(LIMITS.membersMax + 1) });
  assert.match(refusal!.message, /has 64 members already/);
  assert.equal(apply(machine, { kind: "join", member: infoOf(4, { zone: "b" }) }).refusal, null);
});

Deno.test("what is remembered of former members and boots is bounded", () => {
  const machine = founded();
  for (let boot = 0; boot <= ENDED_BOOTS_MAX; boot++) {
    apply(machine, { kind: "join", member: infoOf(2, { bootId: `again-${boot}` }) });
  }
  assert.equal(machine.endedBoots().length, ENDED_BOOTS_MAX);
  for (let number = 0; number <= REMOVED_MAX; number++) {
    const id = number.toString(16).padStart(64, "f");
    apply(machine, { kind: "join", member: { ...infoOf(4), id } });
    apply(machine, { kind: "remove", peer: id });
  }
  assert.equal(apply(machine, { kind: "remove", peer: idOf(3) }).refusal, null);
});

Deno.test("what is no command is not decoded", () => {
  const machine = founded();
  const info = infoOf(4);
  const bodies = [
    null,
    "join",
    [],
    ["join"],
    ["join", null],
    ["unheard-of", idOf(1)],
    ["remove", "not an identity"],
    ["markDead", idOf(1)],
    ["markDead", idOf(1), 5],
    ["join", { ...info, name: "" }],
    ["join", { ...info, name: "a\u0000b" }],
    ["join", { ...info, name: "n".repeat(LIMITS.nameBytesMax + 1) }],
    ["join", { ...info, addresses: "127.0.0.1:1" }],
    ["join", { ...info, addresses: Array(17).fill("127.0.0.1:1") }],
    ["join", { ...info, id: idOf(1).toUpperCase().replaceAll("0", "A") }],
    ["join", { ...info, bootId: 5 }],
  ];
  for (const body of bodies) assert.equal(machine.decode(body), null, JSON.stringify(body));
});

testMachineConformance("members", {
  make: () => new MembersMachine(),
  body: (random) => encodeMembersCommand(anyCommand(random)),
});

function anyCommand(random: Random): MembersCommand {
  const number = random.integer(1, 8);
  const peer = idOf(number);
  const bootId = `boot-${random.integer(1, 8)}`;
  switch (random.integer(0, 5)) {
    case 0:
      return { kind: "remove", peer };
    case 1:
      return { kind: "markDead", peer, bootId };
    case 2:
      return { kind: "markAlive", peer };
    case 3:
      return { kind: "detached", peer, bootId };
    default:
      return {
        kind: "join",
        member: infoOf(number, { bootId, name: `peer-${random.integer(1, 9)}` }),
      };
  }
}
