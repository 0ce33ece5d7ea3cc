/** Made-up members for the tests of this folder. */
import type { MemberInfo } from "../../src/members/member_info.ts";
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
  return { ...infoOf(number), joinedAtMs: 0, dead: false, ...changes };
}

export function replicaOf(number: number, replica = 1): Replica {
  return { peer: idOf(number), replica };
}
