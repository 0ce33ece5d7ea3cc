/**
 * Whether a message makes sense by itself. What comes from the network is another program's word: a
 * message that no correct replica sends is dropped before any role sees it, so that the roles may rely on
 * what is checked here.
 */
import { LIMITS } from "../limits.ts";
import { decodeConfiguration } from "./configuration.ts";
import { type SnapshotMeta, type SnapshotValues, transferBytes } from "./entry.ts";
import type { Append, Envelope, MessageBody } from "./message.ts";

/** @returns false when this must be dropped */
export function isWellFormed(envelope: Envelope): boolean {
  const { from, to, term, body } = envelope;
  return isCount(term) && term > 0 && isCount(from.replica) && from.replica > 0 &&
    isCount(to.replica) && isBodyWellFormed(body, term);
}

function isBodyWellFormed(body: MessageBody, term: number): boolean {
  switch (body.kind) {
    case "append":
      return isAppendWellFormed(body, term);
    case "appendAnswer":
      return isCount(body.index) && isCount(body.hintIndex) && isCount(body.hintTerm);
    case "heartbeat":
      return isCount(body.commitIndex) && isCount(body.round);
    case "heartbeatAnswer":
      return isCount(body.round);
    case "voteRequest":
      return isCount(body.lastIndex) && isCount(body.lastTerm) && body.lastTerm < term;
    case "voteAnswer":
    case "timeoutNow":
      return true;
    case "hibernate":
      return isCount(body.lastIndex);
    case "snapshotOffer":
      return isSnapshotWellFormed(body.snapshot, term);
    case "snapshotChunk":
      return isSnapshotWellFormed(body.snapshot, term) && isCount(body.offsetBytes) &&
        body.offsetBytes + body.bytes.length <= transferBytes(body.snapshot);
    case "snapshotAnswer":
      return isCount(body.index) && isCount(body.nextOffsetBytes);
    default:
      // Of a newer version, or garbage that a codec let through.
      return false;
  }
}

/** Entries follow each other without a gap, in terms that do not fall and are not of the future. */
function isAppendWellFormed(append: Append, term: number): boolean {
  const { previousIndex, previousTerm, commitIndex, entries } = append;
  if (!isCount(previousIndex) || !isCount(previousTerm) || !isCount(commitIndex)) return false;
  let index = previousIndex;
  let termBefore = previousTerm;
  for (const entry of entries) {
    if (entry.index !== ++index || !isCount(entry.term) || entry.term < termBefore) return false;
    if (!isCount(entry.timeMs)) return false;
    if (entry.kind === "configuration" && decodeConfiguration(entry) === null) return false;
    termBefore = entry.term;
  }
  return termBefore <= term && Number.isSafeInteger(index);
}

function isSnapshotWellFormed(snapshot: SnapshotMeta, term: number): boolean {
  return isCount(snapshot.index) && snapshot.index > 0 && isCount(snapshot.term) &&
    snapshot.term <= term && isCount(snapshot.timeMs) && isCount(snapshot.sizeBytes) &&
    snapshot.configuration.voters.length > 0 && areValuesWellFormed(snapshot.values) &&
    isCount(transferBytes(snapshot));
}

function areValuesWellFormed(values: readonly SnapshotValues[]): boolean {
  let last = 0;
  for (const { file, lengthBytes, checksum } of values) {
    if (!isCount(file) || file <= last || !isCount(lengthBytes) || lengthBytes === 0) return false;
    if (!isCount(checksum)) return false;
    last = file;
  }
  return values.length <= LIMITS.valueFilesMax;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
