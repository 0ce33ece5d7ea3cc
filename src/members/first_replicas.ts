/**
 * Where each partition lies when its cluster begins: the plan says so itself, so that founders of two versions
 * of the ring found the same groups. It is written as one letter a replica, the place of its peer among the
 * plan's members, and the partitions one behind the other; each begins with its preferred leader.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import { placePartitions } from "../ring/placement.ts";
import { Ring } from "../ring/ring.ts";
import type { MemberInfo } from "./member_info.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
assert(LIMITS.membersMax <= LETTERS.length, "every member has a letter");

/** What the letters are read by. */
export interface FirstReplicas {
  /** In the order in which the letters count them. */
  readonly members: readonly Pick<MemberInfo, "id">[];
  readonly partitions: number;
  readonly replicas: number;
  readonly firstReplicas: string;
}

/** @returns where the ring wants the partitions among these founders */
export function placeFirstReplicas(
  members: readonly MemberInfo[],
  partitions: number,
  replicas: number,
): string {
  const ring = new Ring(members.map(({ id, name, zone }) => ({ id, name, zone, weight: 1 })));
  const letters = new Map(members.map(({ id }, place) => [id, LETTERS[place]!]));
  return placePartitions({ ring, partitions, replicas }).map(({ leader, replicas }) => {
    const others = replicas.filter((peer) => peer !== leader);
    return [leader!, ...others].map(({ id }) => letters.get(id)!).join("");
  }).join("");
}

/** @returns the peers that a partition begins at, its preferred leader first */
export function firstReplicasOf(plan: FirstReplicas, partition: number): readonly PeerId[] {
  const each = replicasEach(plan);
  const letters = plan.firstReplicas.slice((partition - 1) * each, partition * each);
  return [...letters].map((letter) => plan.members[LETTERS.indexOf(letter)]!.id);
}

/** Whether each partition has its replicas, at different members. */
export function areFirstReplicas(plan: FirstReplicas): boolean {
  const { members, partitions, firstReplicas } = plan;
  const each = replicasEach(plan);
  if (firstReplicas.length !== partitions * each) return false;
  for (let from = 0; from < firstReplicas.length; from += each) {
    const places = [...firstReplicas.slice(from, from + each)].map((one) => LETTERS.indexOf(one));
    if (places.some((place) => place < 0 || place >= members.length)) return false;
    if (new Set(places).size !== each) return false;
  }
  return true;
}

function replicasEach({ members, replicas }: FirstReplicas): number {
  return Math.min(replicas, members.length);
}
