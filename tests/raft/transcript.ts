/**
 * What the core says, in words that a person can read: one line for each message and for each thing that
 * a Ready asks for. Replica ids other than 1 are shown behind the peer's name.
 */
import { decodeConfiguration } from "../../src/raft/configuration.ts";
import type { Configuration, Entry, Replica, SnapshotMeta } from "../../src/raft/entry.ts";
import type { Envelope, MessageBody } from "../../src/raft/message.ts";
import type { Persist, Ready } from "../../src/raft/ready.ts";
import { textOf } from "./replica_harness.ts";

export function showReplica({ peer, replica }: Replica): string {
  return replica === 1 ? peer : `${peer}#${replica}`;
}

export function showConfiguration(configuration: Configuration): string {
  const { index, voters, votersOutgoing, learners, learnersNext } = configuration;
  const names = (replicas: readonly Replica[]) => replicas.map(showReplica).join(" ");
  let text = `${index}: voters ${names(voters) || "none"}`;
  if (votersOutgoing.length > 0) text += `, outgoing ${names(votersOutgoing)}`;
  if (learners.length > 0) text += `, learners ${names(learners)}`;
  if (learnersNext.length > 0) text += `, next learners ${names(learnersNext)}`;
  return text;
}

/** index/term and what the entry is. */
export function showEntry(entry: Entry): string {
  const position = `${entry.index}/${entry.term}`;
  if (entry.kind === "command") return `${position} "${textOf(entry)}"`;
  if (entry.kind === "empty") return `${position} empty`;
  return `${position} configuration ${showConfiguration(decodeConfiguration(entry)!)}`;
}

export function showSnapshot({ index, term, sizeBytes }: SnapshotMeta): string {
  return `snapshot ${index}/${term} of ${sizeBytes} bytes`;
}

export function showEnvelope({ from, to, term, body }: Envelope): string {
  return `${showReplica(from)} > ${showReplica(to)}  t${term} ${showBody(body)}`;
}

function showBody(body: MessageBody): string {
  switch (body.kind) {
    case "voteRequest":
      return `${
        body.preVote ? "pre-vote" : "vote"
      }? log ends at ${body.lastIndex}/${body.lastTerm}` +
        (body.transfer ? ", asked to stand" : "");
    case "voteAnswer":
      return `${body.preVote ? "pre-vote" : "vote"} ${body.granted ? "granted" : "refused"}`;
    case "append": {
      const entries = body.entries.map(showEntry).join(", ");
      const after = `${body.previousIndex}/${body.previousTerm}`;
      return `append after ${after}, commit ${body.commitIndex}: ${entries || "nothing"}`;
    }
    case "appendAnswer":
      return body.accepted
        ? `accepted to ${body.index}`
        : `refused after ${body.index}, try ${body.hintIndex}/${body.hintTerm}`;
    case "heartbeat":
      return `heartbeat ${body.round}, commit ${body.commitIndex}`;
    case "heartbeatAnswer":
      return `echo ${body.round}`;
    case "hibernate":
      return `hibernate at ${body.lastIndex}`;
    case "snapshotOffer":
      return `offer ${showSnapshot(body.snapshot)}`;
    case "snapshotChunk":
      return `chunk of snapshot ${body.snapshot.index}: ${body.bytes.length} bytes at ${body.offsetBytes}`;
    case "snapshotAnswer":
      return body.refused
        ? `snapshot ${body.index} refused`
        : `snapshot ${body.index}: have ${body.nextOffsetBytes} bytes`;
    case "timeoutNow":
      return "stand now";
  }
}

/**
 * One line for each thing that the Ready of `replica` holds, messages excepted.
 * @param former the configuration that was shown last; it is not shown again
 */
export function showReady(
  replica: Replica,
  ready: Ready,
  former: Configuration | null,
): readonly string[] {
  const lines: string[] = [];
  const { status, persist, restore, committed, fetches, reads, readsLost } = ready;
  if (status !== null) {
    const leader = status.role === "leader" ? "" : `, leader ${status.leader ?? "unknown"}`;
    lines.push(`is ${status.role} of term ${status.term}${leader}`);
    const { configuration } = status;
    if (configuration !== former) lines.push(`configuration ${showConfiguration(configuration)}`);
  }
  if (persist !== null) lines.push(`write ${persist.token}: ${showPersist(persist)}`);
  if (restore !== null) lines.push(`restore ${showSnapshot(restore)}`);
  if (committed.length > 0) lines.push(`commit ${committed.map(showEntry).join(", ")}`);
  for (const { fromIndex, toIndex } of fetches) {
    lines.push(`fetch entries ${fromIndex} to ${toIndex - 1}`);
  }
  for (const { snapshot, offsetBytes } of ready.snapshotReads) {
    lines.push(`read ${showSnapshot(snapshot)} at ${offsetBytes}`);
  }
  for (const { snapshot, offsetBytes, bytes } of ready.snapshotChunks) {
    const what = bytes.length === 0
      ? "ask for"
      : `store ${bytes.length} bytes at ${offsetBytes} of`;
    lines.push(`${what} ${showSnapshot(snapshot)}`);
  }
  for (const { context, index } of reads) lines.push(`read ${context} is safe at ${index}`);
  for (const context of readsLost) lines.push(`read ${context} is lost`);
  return lines.map((line) => `${showReplica(replica)}: ${line}`);
}

function showPersist({ hardState, truncateFrom, entries, snapshot }: Persist): string {
  const parts: string[] = [];
  if (truncateFrom !== null) parts.push(`truncate from ${truncateFrom}`);
  if (entries.length > 0) parts.push(`entries ${entries.map(showEntry).join(", ")}`);
  if (hardState !== null) {
    const { term, votedFor, commitIndex } = hardState;
    parts.push(`term ${term}, vote ${votedFor ?? "none"}, commit ${commitIndex}`);
  }
  if (snapshot !== null) parts.push(`begin after ${showSnapshot(snapshot)}`);
  return parts.join("; ");
}
