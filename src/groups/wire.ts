/**
 * Raft messages as they lie in frames between peers. One frame carries the messages of many groups:
 * `[[group, timeMs, fromReplica, toReplica, term, kind, …fields], …]`. The peers' identities are those
 * of the connection. `timeMs` is the group time of a sender that leads the group, else -1. What does not
 * have this form is dropped and counted: it comes from another version or from a bug over there.
 */
import type { Configuration, Entry, EntryKind, PeerId, Replica } from "../raft/entry.ts";
import type { SnapshotMeta } from "../raft/entry.ts";
import type { Envelope, MessageBody } from "../raft/message.ts";
import { unreachable } from "../assert.ts";

/** One group's message with what the host itself adds to it. */
export interface GroupMessage {
  readonly group: number;
  /** The sender's group time where it leads the group; -1 where it does not. */
  readonly timeMs: number;
  readonly envelope: Envelope;
}

const ENTRY_KINDS: readonly EntryKind[] = ["command", "configuration", "empty"];

/** @returns the array form of a message; payloads are shared, not copied */
export function encodeGroupMessage(message: GroupMessage): unknown[] {
  const { from, to, term, body } = message.envelope;
  return [message.group, message.timeMs, from.replica, to.replica, term, ...encodeBody(body)];
}

function encodeBody(body: MessageBody): unknown[] {
  switch (body.kind) {
    case "voteRequest":
      return [0, body.preVote, body.lastIndex, body.lastTerm, body.transfer];
    case "voteAnswer":
      return [1, body.preVote, body.granted];
    case "append":
      return [
        2,
        body.previousIndex,
        body.previousTerm,
        body.commitIndex,
        body.entries.map(encodeEntry),
      ];
    case "appendAnswer":
      return [3, body.accepted, body.index, body.hintIndex, body.hintTerm];
    case "heartbeat":
      return [4, body.commitIndex, body.round];
    case "heartbeatAnswer":
      return [5, body.round];
    case "hibernate":
      return [6, body.lastIndex];
    case "snapshotOffer":
      return [7, encodeSnapshot(body.snapshot)];
    case "snapshotChunk":
      return [8, encodeSnapshot(body.snapshot), body.offsetBytes, body.bytes];
    case "snapshotAnswer":
      return [
        9,
        body.index,
        body.snapshotTerm,
        body.checksum,
        body.nextOffsetBytes,
        body.refused,
      ];
    case "timeoutNow":
      return [10];
    default:
      return unreachable(body);
  }
}

/** An entry's index is not sent: it follows from its place. */
function encodeEntry(entry: Entry): unknown[] {
  return [entry.term, ENTRY_KINDS.indexOf(entry.kind), entry.timeMs, entry.payload];
}

function encodeSnapshot(snapshot: SnapshotMeta): unknown[] {
  const { index, term, timeMs, configuration, sizeBytes, checksum, values } = snapshot;
  const files = values.map((value) => [value.file, value.lengthBytes, value.checksum]);
  return [index, term, timeMs, encodeConfiguration(configuration), sizeBytes, checksum, files];
}

function encodeConfiguration(configuration: Configuration): unknown[] {
  const pairs = (replicas: readonly Replica[]) => replicas.map((r) => [r.peer, r.replica]);
  return [
    configuration.index,
    pairs(configuration.voters),
    pairs(configuration.votersOutgoing),
    pairs(configuration.learners),
    pairs(configuration.learnersNext),
  ];
}

/** Thrown inside this file only, where a value is not what the form asks for. */
class MalformedError extends Error {}

/**
 * @param from the authenticated sender
 * @param to this peer
 * @returns the message, or null where the value does not have the form
 */
export function decodeGroupMessage(value: unknown, from: PeerId, to: PeerId): GroupMessage | null {
  try {
    const fields = list(value);
    return {
      group: count(fields[0]),
      timeMs: integer(fields[1]),
      envelope: {
        from: { peer: from, replica: count(fields[2]) },
        to: { peer: to, replica: count(fields[3]) },
        term: count(fields[4]),
        body: decodeBody(count(fields[5]), fields),
      },
    };
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
}

/** @param fields the whole message; the body's own fields begin at 6 */
function decodeBody(kind: number, fields: readonly unknown[]): MessageBody {
  switch (kind) {
    case 0:
      return {
        kind: "voteRequest",
        preVote: flag(fields[6]),
        lastIndex: count(fields[7]),
        lastTerm: count(fields[8]),
        transfer: flag(fields[9]),
      };
    case 1:
      return { kind: "voteAnswer", preVote: flag(fields[6]), granted: flag(fields[7]) };
    case 2:
      return decodeAppend(fields);
    case 3:
      return {
        kind: "appendAnswer",
        accepted: flag(fields[6]),
        index: count(fields[7]),
        hintIndex: count(fields[8]),
        hintTerm: count(fields[9]),
      };
    case 4:
      return { kind: "heartbeat", commitIndex: count(fields[6]), round: count(fields[7]) };
    case 5:
      return { kind: "heartbeatAnswer", round: count(fields[6]) };
    case 6:
      return { kind: "hibernate", lastIndex: count(fields[6]) };
    case 7:
      return { kind: "snapshotOffer", snapshot: decodeSnapshot(fields[6]) };
    case 8:
      return {
        kind: "snapshotChunk",
        snapshot: decodeSnapshot(fields[6]),
        offsetBytes: count(fields[7]),
        bytes: bytes(fields[8]),
      };
    case 9:
      return {
        kind: "snapshotAnswer",
        index: count(fields[6]),
        snapshotTerm: count(fields[7]),
        checksum: count(fields[8]),
        nextOffsetBytes: count(fields[9]),
        refused: flag(fields[10]),
      };
    case 10:
      return { kind: "timeoutNow" };
    default:
      throw new MalformedError();
  }
}

function decodeAppend(fields: readonly unknown[]): MessageBody {
  const previousIndex = count(fields[6]);
  const entries = list(fields[9]).map((value, place): Entry => {
    const entry = list(value);
    const kind = ENTRY_KINDS[count(entry[1])];
    if (kind === undefined) throw new MalformedError();
    return {
      index: previousIndex + 1 + place,
      term: count(entry[0]),
      kind,
      timeMs: count(entry[2]),
      payload: bytes(entry[3]),
    };
  });
  return {
    kind: "append",
    previousIndex,
    previousTerm: count(fields[7]),
    commitIndex: count(fields[8]),
    entries,
  };
}

function decodeSnapshot(value: unknown): SnapshotMeta {
  const fields = list(value);
  return {
    index: count(fields[0]),
    term: count(fields[1]),
    timeMs: count(fields[2]),
    configuration: decodeConfiguration(fields[3]),
    sizeBytes: count(fields[4]),
    checksum: count(fields[5]),
    // Former versions know no value files.
    values: fields[6] === undefined ? [] : list(fields[6]).map((value) => {
      const [file, lengthBytes, checksum] = list(value);
      return { file: count(file), lengthBytes: count(lengthBytes), checksum: count(checksum) };
    }),
  };
}

function decodeConfiguration(value: unknown): Configuration {
  const fields = list(value);
  const replicas = (part: unknown): Replica[] =>
    list(part).map((pair) => {
      const [peer, replica] = list(pair);
      if (typeof peer !== "string") throw new MalformedError();
      return { peer, replica: count(replica) };
    });
  return {
    index: count(fields[0]),
    voters: replicas(fields[1]),
    votersOutgoing: replicas(fields[2]),
    learners: replicas(fields[3]),
    learnersNext: replicas(fields[4]),
  };
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new MalformedError();
  return value;
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new MalformedError();
  return value as number;
}

function count(value: unknown): number {
  const number = integer(value);
  if (number < 0) throw new MalformedError();
  return number;
}

function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw new MalformedError();
  return value;
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new MalformedError();
  return value;
}
