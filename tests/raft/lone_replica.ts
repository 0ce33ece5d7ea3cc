/**
 * One replica among peers that are played by the test: what they say is stepped into it by hand, and what
 * it answers is looked at.
 */
import { strict as assert } from "node:assert";
import type { Entry, PeerId } from "../../src/raft/entry.ts";
import type { Envelope, MessageBody } from "../../src/raft/message.ts";
import { Random } from "../../src/random.ts";
import { Disk, founding, payloadOf, ReplicaHarness, SETTINGS } from "./replica_harness.ts";

/** One replica of a group of these voters, with a log whose entries have these terms, from index 2 on. */
export function replicaOf(peers: string, terms: readonly number[] = [], term = terms.at(-1) ?? 1) {
  const disk = new Disk(founding(...peers));
  disk.hardState = { term, votedFor: null, commitIndex: 1 };
  disk.entries = terms.map((entryTerm, at) => entry(at + 2, entryTerm));
  return new ReplicaHarness({ peer: "a", replica: 1 }, disk, SETTINGS, new Random(5));
}

export function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: payloadOf(`${index}/${term}`) };
}

export function from(peer: PeerId, term: number, body: MessageBody): Envelope {
  return { from: { peer, replica: 1 }, to: { peer: "a", replica: 1 }, term, body };
}

export function append(
  previousIndex: number,
  previousTerm: number,
  entries: readonly Entry[] = [],
) {
  return { kind: "append", previousIndex, previousTerm, commitIndex: 0, entries } as const;
}

export function voteRequest(lastIndex: number, lastTerm: number): MessageBody {
  return { kind: "voteRequest", preVote: false, lastIndex, lastTerm, transfer: false };
}

export const voteGranted = { kind: "voteAnswer", preVote: false, granted: true } as const;
export const voteRefused = { kind: "voteAnswer", preVote: false, granted: false } as const;

export function accepted(index: number): MessageBody {
  return { kind: "appendAnswer", accepted: true, index, hintIndex: 0, hintTerm: 0 };
}

/** The messages of this kind that the replica sends now. */
export function sent<K extends MessageBody["kind"]>(replica: ReplicaHarness, kind: K) {
  return replica.work().flatMap(({ to, body }) =>
    body.kind === kind ? [{ to: to.peer, body: body as Extract<MessageBody, { kind: K }> }] : []
  );
}

/** Makes it the leader of the next term, by the votes of these. */
export function elect(replica: ReplicaHarness, ...voters: readonly PeerId[]): void {
  replica.raft.campaign(true);
  replica.work();
  for (const peer of voters) replica.raft.step(from(peer, replica.raft.term, voteGranted));
  assert.equal(replica.raft.role, "leader");
  replica.work();
}
