/**
 * Configurations and snapshot descriptions as bytes: msgpack arrays, so that fields have places and not
 * names. They are small and rare; everything frequent has its own form in `record_codec.ts`. What does not have
 * the right shape throws `MalformedError`: its checksum was right, so this program did not write it.
 */
import { decode, encode } from "@msgpack/msgpack";
import type { Configuration, Replica, SnapshotMeta } from "../../raft/entry.ts";
import { MalformedError } from "./byte_buffer.ts";

/** A value file as a snapshot names it: bytes below the length never change. */
export interface NamedValueFile {
  readonly file: number;
  readonly lengthBytes: number;
}

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return encode(configurationFields(configuration));
}

export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return configurationOf(decode(bytes));
}

export function encodeSnapshotMeta(
  snapshot: SnapshotMeta,
  values: readonly NamedValueFile[],
): Uint8Array {
  return encode([
    snapshot.index,
    snapshot.term,
    snapshot.timeMs,
    configurationFields(snapshot.configuration),
    snapshot.sizeBytes,
    snapshot.checksum,
    values.map((value) => [value.file, value.lengthBytes]),
  ]);
}

export function decodeSnapshotMeta(
  bytes: Uint8Array,
): { readonly snapshot: SnapshotMeta; readonly values: readonly NamedValueFile[] } {
  const fields = list(decode(bytes), 7);
  return {
    snapshot: {
      index: whole(fields[0]),
      term: whole(fields[1]),
      timeMs: whole(fields[2]),
      configuration: configurationOf(fields[3]),
      sizeBytes: whole(fields[4]),
      checksum: whole(fields[5]),
    },
    values: list(fields[6]).map((value) => {
      const [file, lengthBytes] = list(value, 2);
      return { file: whole(file), lengthBytes: whole(lengthBytes) };
    }),
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
