/** Made-up members and clusters of them, for the tests of this folder. */
import { MembersMachine } from "../../src/members/machine.ts";
import type { MemberInfo } from "../../src/members/member_info.ts";
import { type FormationPlan, makePlan } from "../../src/members/plan.ts";
import type { Member } from "../../src/members/state.ts";
import type { Replica } from "../../src/raft/entry.ts";

/** @param number 1, 2, …; equal numbers give equal identities, in ascending order */
export function idOf(number: number): string {
  return number.toString(16).padStart(2, "0").repeat(32);
}

export function infoOf(number: number, changes: Partial<MemberInfo> = {}): MemberInfo {
  return {
    id: idOf(number),
    name: `peer-${number}`,
    addresses: [`127.0.0.1:${7_000 + number}`],
    httpUrl: `http://127.0.0.1:${8_000 + number}`,
    zone: "",
    bootId: `boot-${number}`,
    version: "0.1.0",
    ...changes,
  };
}

export function memberOf(number: number, changes: Partial<Member> = {}): Member {
  return { ...infoOf(number), joinedAtMs: 0, dead: false, draining: false, ...changes };
}

export function replicaOf(number: number, replica = 1): Replica {
  return { peer: idOf(number), replica };
}

/** The plan of peer 1 for peers 1 .. `count`. */
export function planOf(count: number): FormationPlan {
  const members = Array.from({ length: count }, (_, index) => infoOf(index + 1));
  const parameters = { partitions: 16, replicas: 3, systemVoters: 3 };
  return makePlan({ proposer: idOf(1), attempt: 1 }, "c".repeat(32), members, parameters);
}

/** A founder's machine that has applied the founding entry of `planOf(count)`. */
export function foundedMachine(count: number): MembersMachine {
  const plan = planOf(count);
  const machine = new MembersMachine(plan);
  machine.apply({ kind: "found", plan }, { group: 0, index: 3, term: 2, timeMs: 5 });
  return machine;
}
