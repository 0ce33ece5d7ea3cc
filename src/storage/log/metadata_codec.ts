/**
 * Configurations and snapshot descriptions as bytes: msgpack arrays, so that fields have places and not
 * names. They are small and rare; everything frequent has its own form in `record_codec.ts`. What does not have
 * the right shape throws `MalformedError`: its checksum was right, so this program did not write it.
 */
import { decode, encode } from "@msgpack/msgpack";
import type { Configuration, Replica, SnapshotMeta, SnapshotValues } from "../../raft/entry.ts";
import { MalformedError } from "./byte_buffer.ts";

/** A value file as the log's reference to a snapshot names it. */
export interface NamedValueFile extends SnapshotValues {
  /** Its number at this replica. */
  readonly localFile: number;
}

/** Former versions kept no checksums of value files: opening computes them. */
export const UNKNOWN_CHECKSUM = -1;

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return encode(configurationFields(configuration));
}

export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return configurationOf(decode(bytes));
}

/** @param valueFiles the numbers of the snapshot's value files at this replica */
export function encodeSnapshotMeta(
  snapshot: SnapshotMeta,
  valueFiles: readonly number[],
): Uint8Array {
  return encode([
    snapshot.index,
    snapshot.term,
    snapshot.timeMs,
    configurationFields(snapshot.configuration),
    snapshot.sizeBytes,
    snapshot.checksum,
    snapshot.values.map((value, place) => [
      value.file,
      value.lengthBytes,
      value.checksum,
      valueFiles[place],
    ]),
  ]);
}

export function decodeSnapshotMeta(
  bytes: Uint8Array,
): { readonly snapshot: SnapshotMeta; readonly valueFiles: readonly number[] } {
  const fields = list(decode(bytes), 7);
  const named = list(fields[6]).map(namedValueFileOf);
  return {
    snapshot: {
      index: whole(fields[0]),
      term: whole(fields[1]),
      timeMs: whole(fields[2]),
      configuration: configurationOf(fields[3]),
      sizeBytes: whole(fields[4]),
      checksum: whole(fields[5]),
      values: named.map(({ file, lengthBytes, checksum }) => ({ file, lengthBytes, checksum })),
    },
    valueFiles: named.map(({ localFile }) => localFile),
  };
}

/** Two numbers where a former version wrote it, else four. */
function namedValueFileOf(value: unknown): NamedValueFile {
  const fields = list(value);
  const [file, lengthBytes] = fields.map(whole);
  const [checksum, localFile] = fields.length === 2
    ? [UNKNOWN_CHECKSUM, file]
    : list(value, 4).slice(2).map(whole);
  return {
    file: whole(file),
    lengthBytes: whole(lengthBytes),
    checksum: whole(checksum),
    localFile: whole(localFile),
  };
}

function configurationFields(configuration: Configuration): unknown[] {
  const replicas = (of: readonly Replica[]) => of.map(({ peer, replica }) => [peer, replica]);
  return [
    configuration.index,
    replicas(configuration.voters),
    replicas(configuration.votersOutgoing),
    replicas(configuration.learners),
    replicas(configuration.learnersNext),
  ];
}

function configurationOf(value: unknown): Configuration {
  const fields = list(value, 5);
  return {
    index: whole(fields[0]),
    voters: replicasOf(fields[1]),
    votersOutgoing: replicasOf(fields[2]),
    learners: replicasOf(fields[3]),
    learnersNext: replicasOf(fields[4]),
  };
}

function replicasOf(value: unknown): Replica[] {
  return list(value).map((item) => {
    const [peer, replica] = list(item, 2);
    if (typeof peer !== "string") throw new MalformedError("a peer must be text");
    return { peer, replica: whole(replica) };
  });
}

function list(value: unknown, length?: number): unknown[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw new MalformedError("a list does not have its shape");
  }
  return value;
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new MalformedError(`${value} is not a whole number`);
  return value as number;
}
