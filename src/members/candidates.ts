/**
 * Whom an empty peer may form a cluster with, among those it has met. Every peer that has met the same
 * peers finds the same candidates in the same order, so they agree whose turn it is without a word.
 */
import type { Hello } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { type MemberInfo, memberInfo, parseMemberInfo } from "./member_info.ts";

export interface Candidates {
  /** In ascending order of identity, this peer among them unless its name is another's. */
  readonly members: readonly MemberInfo[];
  /** A peer of lower identity that has this peer's name already; null where there is none. */
  readonly namesake: PeerId | null;
}

/**
 * @param self this peer
 * @param met the peers that are connected now
 * @param isBusy whether a peer has said lately that it can not take part
 * @returns the empty peers that wait for as many as this one does; of two with one name only the lower counts
 */
export function findCandidates(
  self: { readonly id: PeerId; readonly hello: Hello },
  met: ReadonlyMap<PeerId, Hello>,
  isBusy: (peer: PeerId) => boolean,
): Candidates {
  const all = new Map(met).set(self.id, self.hello);
  const byName = new Map<string, MemberInfo>();
  for (const id of [...all.keys()].sort()) {
    const hello = all.get(id)!;
    if (hello.clusterId !== null || hello.expect !== self.hello.expect || isBusy(id)) continue;
    const member = parseMemberInfo(memberInfo({ id, hello }));
    if (member !== null && !byName.has(member.name)) byName.set(member.name, member);
  }
  const holder = byName.get(self.hello.name)?.id ?? self.id;
  return { members: [...byName.values()], namesake: holder === self.id ? null : holder };
}

/** The clusters that the met peers belong to. */
export function clustersMet(met: ReadonlyMap<PeerId, Hello>): ReadonlySet<string> {
  const clusters = new Set<string>();
  for (const hello of met.values()) if (hello.clusterId !== null) clusters.add(hello.clusterId);
  return clusters;
}
